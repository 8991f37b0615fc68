# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Anchors, and boxes relative to them.

Source: Bolya et al., "YOLACT", ICCV 2019, after SSD (Liu et al., ECCV 2016): variances 0.1, 0.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import torch
from torch import Tensor

from vis_ros.nn.yolact.config import YolactConfig

_CENTRE_VARIANCE = 0.1
_SIZE_VARIANCE = 0.2


def make_anchors(config: YolactConfig, sizes: Iterable[tuple[int, int]]) -> Tensor:
    """Return the anchors of all levels.

    Args:
        config: Scales, aspects and the size of the input.
        sizes: Rows and columns of each level, finest first.

    Returns:
        float32 tensor (A, 4): centre x, centre y, width, height, relative to the input; level by
        level, row by row, then by aspect.
    """
    levels = []
    for scale, (rows, columns) in zip(config.scales, sizes, strict=True):
        shapes = torch.tensor([_shape(config, scale, aspect) for aspect in config.aspects])
        y, x = torch.meshgrid(
            (torch.arange(rows) + 0.5) / rows,
            (torch.arange(columns) + 0.5) / columns,
            indexing='ij',
        )
        centres = torch.stack((x, y), dim=2).reshape(-1, 1, 2)  # (rows * columns, 1, 2)
        cells = torch.cat(
            (centres.expand(-1, len(shapes), 2), shapes.expand(len(centres), -1, 2)), dim=2
        )
        levels.append(cells.reshape(-1, 4))
    return torch.cat(levels)


def _shape(config: YolactConfig, scale: float, aspect: float) -> tuple[float, float]:
    if config.is_square:
        side = scale * sqrt(aspect) / config.anchor_base
        return side, side
    ratio = aspect * config.height / config.width  # so that `aspect` holds in pixels
    return scale * sqrt(ratio) / config.anchor_base, scale / sqrt(ratio) / config.anchor_base


def decode_boxes(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Return relative xyxy boxes (..., A, 4) of offsets (..., A, 4) to anchors (A, 4).

    Decoded in float32 whatever the precision of the network.
    """
    offsets = offsets.float()
    centre = anchors[..., :2] + offsets[..., :2] * _CENTRE_VARIANCE * anchors[..., 2:]
    half = anchors[..., 2:] * torch.exp(offsets[..., 2:] * _SIZE_VARIANCE) / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return the offsets (..., A, 4) that `decode_boxes` turns into `boxes`, relative xyxy."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = boxes[..., 2:] - boxes[..., :2]
    shift = (centre - anchors[..., :2]) / (anchors[..., 2:] * _CENTRE_VARIANCE)
    return torch.cat((shift, torch.log(size / anchors[..., 2:]) / _SIZE_VARIANCE), dim=-1)


def to_pixels(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return relative xyxy boxes in pixels of the input, clamped as RGNNVIS's code does it.

    Left and top are at least 0, right and bottom at most width - 1 and height - 1; the other
    sides are not clamped, so that a box outside of the picture has x1 > x2 or y1 > y2.
    """
    x1, y1, x2, y2 = boxes.unbind(dim=-1)
    low = ((x1 * width).clamp(min=0), (y1 * height).clamp(min=0))
    high = ((x2 * width).clamp(max=width - 1), (y2 * height).clamp(max=height - 1))
    return torch.stack((*low, *high), dim=-1)
