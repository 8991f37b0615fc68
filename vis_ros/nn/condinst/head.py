# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What CondInst says about each place of the pyramid: class, box, centerness, mask network.

Source: Tian et al., "FCOS", ICCV 2019, and "Conditional Convolutions for Instance Segmentation",
ECCV 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.condinst.config import STRIDES

_GROUPS = 32
_PRIOR = 0.01  # share of places that show an object, before training

L = TypeVar('L', nn.Conv2d, nn.Linear)


class Dense(NamedTuple):
    """Predictions for the P places of all levels, finest level first, row by row.

    Args:
        classes: float tensor (B, P, K), logits.
        boxes: float tensor (B, P, 4), distances to the left, top, right and bottom side in pixels
            of the input, 0 or more.
        centerness: float tensor (B, P), logits.
        controllers: float tensor (B, P, G), parameters of the mask network.
    """

    classes: Tensor
    boxes: Tensor
    centerness: Tensor
    controllers: Tensor


class TowerUnit(nn.Module):
    """A 3x3 convolution, a group norm, a ReLU."""

    def __init__(self, channels: int, has_bias: bool = False) -> None:
        super().__init__()
        self.conv = start(nn.Conv2d(channels, channels, 3, padding=1, bias=has_bias))
        self.norm = nn.GroupNorm(_GROUPS, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of `x`, (B, channels, h, w)."""
        return functional.relu(self.norm(self.conv(x)))


def tower(channels: int, units: int, has_bias: bool = False) -> nn.Sequential:
    """Return several units in a row."""
    return nn.Sequential(*(TowerUnit(channels, has_bias) for _ in range(units)))


def predictor(channels: int, outputs: int, *, is_rare: bool = False) -> nn.Conv2d:
    """Return a last layer; `is_rare` for logits of which few are to be positive."""
    return start(nn.Conv2d(channels, outputs, 3, padding=1), is_rare=is_rare)


def start(layer: L, *, is_rare: bool = False) -> L:
    """Return a layer with the initial weights of FCOS; see `predictor`."""
    nn.init.normal_(layer.weight, std=0.01)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, -math.log((1 - _PRIOR) / _PRIOR) if is_rare else 0.0)
    return layer


class DenseHead(nn.Module):
    """The head that all levels share; centerness and controller sit on the tower of the boxes.

    Args:
        channels: Channels of the levels.
        num_classes: Number of classes K.
        controllers: Parameters G of a mask network.
        has_bias: The towers' convolutions have a bias.
    """

    def __init__(
        self, channels: int, num_classes: int, controllers: int, *, has_bias: bool = False
    ) -> None:
        super().__init__()
        self.class_tower = tower(channels, 4, has_bias)
        self.box_tower = tower(channels, 4, has_bias)
        self.classes = predictor(channels, num_classes, is_rare=True)
        self.boxes = predictor(channels, 4)
        self.centerness = predictor(channels, 1)
        self.controller = predictor(channels, controllers)
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(())) for _ in STRIDES)

    def forward(self, levels: Sequence[Tensor]) -> Dense:
        """Return the predictions for the levels P3..P7, (B, channels, h, w) each."""
        parts: list[list[Tensor]] = [[], [], [], []]
        for level, scale, stride in zip(levels, self.scales, STRIDES, strict=True):
            x = self.box_tower(level)
            found = (
                self.classes(self.class_tower(level)),
                functional.relu(scale * self.boxes(x)) * stride,
                self.centerness(x),
                self.controller(x),
            )
            for part, value in zip(parts, found, strict=True):
                part.append(rows(value))
        classes, boxes, centerness, controllers = (torch.cat(part, dim=1) for part in parts)
        return Dense(classes, boxes, centerness[..., 0], controllers)


def rows(x: Tensor) -> Tensor:
    """Return a map (B, C, h, w) as (B, h * w, C)."""
    return x.flatten(2).transpose(1, 2)


class Places(NamedTuple):
    """Where the P places of all levels are.

    Args:
        xy: float tensor (P, 2), their points in pixels of the input.
        level: int64 tensor (P,), 0 for P3.
        counts: Places of each level.
    """

    xy: Tensor
    level: Tensor
    counts: tuple[int, ...]


def places(height: int, width: int, device: torch.device) -> Places:
    """Return the places of an input of height x width, multiples of 32."""
    points, level, counts = [], [], []
    for index, stride in enumerate(STRIDES):
        y = torch.arange(-(-height // stride), device=device) * stride + stride // 2
        x = torch.arange(-(-width // stride), device=device) * stride + stride // 2
        grid = torch.meshgrid(y, x, indexing='ij')
        points.append(torch.stack((grid[1], grid[0]), dim=-1).flatten(0, 1).float())
        counts.append(len(points[-1]))
        level.append(torch.full((counts[-1],), index, device=device))
    return Places(torch.cat(points), torch.cat(level), tuple(counts))


def boxes_of(xy: Tensor, distances: Tensor) -> Tensor:
    """Return xyxy boxes (..., 4) of points (..., 2) and distances (..., 4) to the sides."""
    return torch.cat((xy - distances[..., :2], xy + distances[..., 2:]), dim=-1)
