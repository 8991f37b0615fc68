# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of CondInst: features that all instances share, and a tiny network for each instance.

Source: Tian et al., "Conditional Convolutions for Instance Segmentation", ECCV 2020, sections 3.2
and 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.ops.rows import rows_to_do
from vis_ros.ops.transfer import constant

FEATURES = 8  # channels that the mask branch gives
STRIDE = 8  # pixels of the input per cell of these features
UP = 4  # from the stride of soft masks to the input
_WIDTH = 8  # channels inside a mask network
_SHAPES = ((_WIDTH, FEATURES + 2), (_WIDTH, _WIDTH), (1, _WIDTH))  # out, in
CONTROLLERS = sum(out * (into + 1) for out, into in _SHAPES)  # 169


class _Unit(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)))


class MaskBranch(nn.Module):
    """Shared mask features from P3, P4 and P5.

    Args:
        channels: Channels of the levels.
        inside: Channels inside.
    """

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.refine = nn.ModuleList(_Unit(channels, inside) for _ in range(3))
        self.tower = nn.Sequential(*(_Unit(inside, inside) for _ in range(4)))
        self.out = nn.Conv2d(inside, FEATURES, 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return features (B, 8, h, w) of stride 8, of levels P3 and up."""
        total = self.refine[0](levels[0])
        for step, refine in enumerate(self.refine[1:], start=1):
            total = total + aligned_bilinear(refine(levels[step]), 2**step)
        features: Tensor = self.out(self.tower(total))
        return features


def aligned_bilinear(x: Tensor, factor: int) -> Tensor:
    """Return maps (B, C, h, w) enlarged to (B, C, factor * h, factor * w).

    Cell i of the map lies at pixel factor * i + factor // 2 of the result, the place of its point;
    `functional.interpolate` would put it half a pixel elsewhere.
    """
    if factor == 1:
        return x
    height, width = x.shape[-2:]
    if not len(x):
        return x.new_zeros(*x.shape[:2], factor * height, factor * width)
    x = functional.pad(x, (0, 1, 0, 1), mode='replicate')
    size = (factor * height + 1, factor * width + 1)
    x = functional.interpolate(x, size, mode='bilinear', align_corners=True)
    x = functional.pad(x, (factor // 2, 0, factor // 2, 0), mode='replicate')
    return x[..., : factor * height, : factor * width]


def mask_logits(
    features: Tensor, image: Tensor, controllers: Tensor, xy: Tensor, level: Tensor
) -> Tensor:
    """Return mask logits (N, h, w) at the stride of the features.

    Args:
        features: float tensor (B, 8, h, w), see `MaskBranch`.
        image: int64 tensor (N,), image of each instance.
        controllers: float tensor (N, 169): the weights of all three layers, then the biases.
        xy: float tensor (N, 2), points that the instances come from, in pixels of the input.
        level: int64 tensor (N,), levels that they come from.
    """
    height, width = features.shape[-2:]
    count = len(controllers)
    if not count:
        return features.new_zeros(0, height, width)
    x = torch.cat((_offsets(features, xy, level), features[image]), dim=1)  # (N, 10, h, w)
    parts = controllers.split(
        [out * into for out, into in _SHAPES] + [out for out, _ in _SHAPES], dim=1
    )
    x = x.flatten(2)  # (N, 10, P): the layers are 1x1, and each instance has weights of its own
    for layer, (out, into) in enumerate(_SHAPES):
        weight, bias = parts[layer].unflatten(1, (out, into)), parts[len(_SHAPES) + layer]
        x = torch.baddbmm(bias[:, :, None], weight, x if layer == 0 else functional.relu(x))
    return x.reshape(count, height, width)


def _offsets(features: Tensor, xy: Tensor, level: Tensor) -> Tensor:
    """Return where each instance's point is as seen from each cell, (N, 2, h, w), x before y."""
    height, width = features.shape[-2:]
    half = STRIDE // 2
    rows = torch.arange(height, device=xy.device) * STRIDE + half
    columns = torch.arange(width, device=xy.device) * STRIDE + half
    strides = constant(STRIDES, features)
    size = 8 * strides[level][:, None]  # of the objects that a level is for [px]
    dx = (xy[:, :1] - columns) / size
    dy = (xy[:, 1:] - rows) / size
    shape = (len(xy), height, width)
    return torch.stack((dx[:, None].expand(shape), dy[..., None].expand(shape)), dim=1)


def soft_masks(logits: Tensor) -> Tensor:
    """Return masks (N, 2h, 2w) in [0, 1] of stride 4 of logits (N, h, w) of stride 8."""
    return aligned_bilinear(logits[:, None], 2)[:, 0].sigmoid()


def at_input(masks: Tensor) -> Tensor:
    """Return soft masks (N, h, w) of stride 4 at the size of the input, (N, 4h, 4w)."""
    return aligned_bilinear(masks[:, None], UP)[:, 0]


def at_source(masks: Tensor, picture: tuple[int, int], source: tuple[int, int]) -> Tensor:
    """Return soft masks at the size of the image, (N, *source).

    Args:
        masks: float tensor (N, rows, columns) at the size of the input.
        picture: Rows and columns that the image takes of it.
        source: Rows and columns of the image.
    """
    if not len(masks):
        return masks.new_zeros(0, *source)
    cut = masks[:, None, : picture[0], : picture[1]]
    if picture == source:
        return cut[:, 0]
    return functional.interpolate(cut, source, mode='bilinear', align_corners=False)[:, 0]


def shown_masks(masks: Tensor, slot: Tensor) -> tuple[Tensor, Tensor]:
    """Return the masks of detections that are shown, and their labels; without waiting.

    Args:
        masks: float tensor (N, h, w).
        slot: int64 tensor (N,), slots of the detections, or -1 for those that are not shown.

    Returns:
        float tensor (R, h, w), 0 in rows that are not shown; and int64 tensor (R,), slot + 1.
    """
    is_shown = slot >= 0
    shown = rows_to_do(is_shown)
    return torch.where(is_shown[shown, None, None], masks[shown], 0.0), slot[shown] + 1
