# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Appearance vectors: features under the soft mask of each detection.

Source: Johnander et al., section 3.2, table 8; positions: ++ paper, equation 10, with the encoding
of DETR (Carion et al., ECCV 2020; normalised, temperature 10000, which the paper leaves open).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.layers import Bottleneck
from vis_ros.nn.yolact.selection import DetectionSet

_BACKGROUND = 10.0  # score of the background in the soft-max over the masks
_BOX_WEIGHT = 10.0  # added to the mask scores inside the box
_EPSILON = 1e-4
_TEMPERATURE = 10000.0


class AppearanceNetwork(nn.Module):
    """From two feature maps and the masks to one vector for each detection."""

    def __init__(self, sizes: RgnnSizes, options: RgnnOptions) -> None:
        super().__init__()
        self.options = options
        size = 2 * sizes.appearance
        self.project = nn.ModuleList(nn.Conv2d(tap, sizes.appearance, 1) for tap in sizes.taps)
        self.residual = Bottleneck(size, size // 4, layers=3)

    def maps(self, stride16: Tensor, stride32: Tensor) -> list[Tensor]:
        """Return the projected maps (B, D / 2, h, w) of the taps (B, C, h, w)."""
        return [conv(tap) for conv, tap in zip(self.project, (stride16, stride32), strict=True)]

    def forward(self, maps: list[Tensor], found: DetectionSet) -> tuple[Tensor, Tensor]:
        """Return the appearance of the detections, and of the whole scene.

        Args:
            maps: From `maps`.
            found: Detections with their masks.

        Returns:
            float tensor (B, N, D), 0 or more, 0 for padding; and float tensor (B, D).
        """
        if self.options.positions:
            maps = [x + sine_positions(x) for x in maps]
        scores = found.mask_logits + _BOX_WEIGHT * found.box_masks
        pooled = torch.cat([mask_pool(x, scores.to(x.dtype)) for x in maps], dim=-1)
        looks = self.residual(pooled) * found.is_real[..., None]
        scene = torch.cat([x.mean(dim=(2, 3)) for x in maps], dim=-1)
        if self.options.empty_appearance == 'pooled':
            scene = self.residual(scene)
        return looks, scene


def mask_pool(features: Tensor, scores: Tensor) -> Tensor:
    """Return the mean feature (B, N, C) under each soft mask.

    Args:
        features: float tensor (B, C, h, w).
        scores: float tensor (B, N, h', w'), finite; the masks compete with each other and with a
            background of constant score.
    """
    stack = torch.cat((torch.full_like(scores[:, :1], _BACKGROUND), scores), dim=1)
    size = features.shape[-2:]
    stack = functional.interpolate(stack, size, mode='bilinear', align_corners=False)
    share = stack.softmax(dim=1)[:, 1:]  # (B, N, h, w)
    share = share / (share.sum(dim=(2, 3), keepdim=True) + _EPSILON)
    return torch.einsum('bnhw,bchw->bnc', share, features)


def sine_positions(like: Tensor) -> Tensor:
    """Return position encodings (C, h, w) for maps (B, C, h, w): half of the channels for y."""
    channels, rows, columns = like.shape[1:]
    y = _wave(rows, channels // 2, like)  # (h, C / 2)
    x = _wave(columns, channels - channels // 2, like)
    by_row = y.T[:, :, None].expand(-1, rows, columns)
    by_column = x.T[:, None, :].expand(-1, rows, columns)
    return torch.cat((by_row, by_column))


def _wave(length: int, channels: int, like: Tensor) -> Tensor:
    index = torch.arange(channels, device=like.device, dtype=torch.float32)
    period = _TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode='floor') / channels)
    place = torch.arange(1, length + 1, device=like.device, dtype=torch.float32)
    angle = (place / length * 2 * math.pi)[:, None] / period  # (length, channels)
    return torch.where(index % 2 == 0, angle.sin(), angle.cos()).to(like.dtype)
