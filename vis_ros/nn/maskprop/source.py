# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks on their way from the network's input to pixels of the source image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.picture import Placement, axes_at_source
from vis_ros.ops.stretch import masks_above
from vis_ros.structures import CropMask


def masks_at_source(maps: Tensor, placement: Placement, threshold: float) -> tuple[CropMask, ...]:
    """Return maps over the whole input as masks of the source image.

    Args:
        maps: float tensor (N, h, w), probabilities.
        placement: Of the image in the input.
        threshold: Pixels from this probability on belong to a mask.
    """
    axes = axes_at_source(maps, placement)
    return tuple(masks_above(maps.float().cpu(), axes, threshold, is_inclusive=True))


def pasted_masks(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float
) -> tuple[CropMask, ...]:
    """Return masks over boxes as masks of the source image, each in a crop of its own.

    Cells of a mask divide its box evenly; pixels are sampled in their centres, bilinear.

    Args:
        masks: float tensor (N, S, S) on the CPU, probabilities.
        boxes: float tensor (N, 4) on the CPU, xyxy in pixels of the source.
        size: Rows and columns of the source image.
        threshold: Pixels from this probability on belong to the mask.
    """
    return tuple(
        _paste(mask, box.tolist(), size, threshold) for mask, box in zip(masks, boxes, strict=True)
    )


def _paste(mask: Tensor, box: list[float], size: tuple[int, int], threshold: float) -> CropMask:
    left, x = _samples(box[0], box[2], size[1])
    top, y = _samples(box[1], box[3], size[0])
    if not len(x) or not len(y):
        return CropMask(0, 0, torch.zeros(1, 1, dtype=torch.bool).numpy())
    grid = torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))), dim=2)
    soft = functional.grid_sample(
        mask[None, None], grid[None], padding_mode='border', align_corners=False
    )
    return CropMask(left, top, (soft[0, 0] >= threshold).numpy())


def _samples(low: float, high: float, length: int) -> tuple[int, Tensor]:
    """Return the first pixel whose centre is in a span, and all such, -1 to 1 over the span."""
    pixels = torch.arange(length) + 0.5
    inside = pixels[(pixels >= low) & (pixels <= high)]
    first = int(inside[0]) if len(inside) else 0
    return first, (inside - low) / max(high - low, 1e-6) * 2 - 1
