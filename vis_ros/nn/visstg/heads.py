# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Detection and segmentation branches: what is said about each place of the pyramid.

Source: Wang et al., ICCV 2021, sections 3.3 and 3.4; Zhou et al., "Objects as Points", 2019
(CenterNet); Tian et al., ECCV 2020 (CondInst).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst.config import STRIDES, CondInstConfig
from vis_ros.nn.condinst.head import predictor, rows, tower
from vis_ros.nn.condinst.masks import CONTROLLERS, FEATURES, MaskBranch, aligned_bilinear
from vis_ros.nn.visstg.config import VisstgOptions
from vis_ros.ops.transfer import constant

_MASK_LEVELS = 3  # P3, P4 and P5 make the features of masks


class Dense(NamedTuple):
    """Predictions for the P places of all levels, finest level first, row by row.

    Args:
        heat: float tensor (B, P, K), logits of a centre of each class.
        sizes: float tensor (B, P, 2), width and height, in units of the level, see `units`.
        offsets: float tensor (B, P, 2), from the place to the centre, in cells.
        controllers: float tensor (B, P, 169), parameters of the mask network.
        cues: float tensor (B, P, E): the embedding, or from the centre to where it was in the
            last frame in units of the level; E is 0 with association=edge.
        features: float tensor (B, 8, h, w) of stride 8, what masks are made of.
    """

    heat: Tensor
    sizes: Tensor
    offsets: Tensor
    controllers: Tensor
    cues: Tensor
    features: Tensor


class Branch(nn.Module):
    """Heads that all levels share: class, box, mask network, and what masks are made of.

    Args:
        config: Channels and classes.
        options: Layers, association, mask features.
    """

    def __init__(self, config: CondInstConfig, options: VisstgOptions) -> None:
        super().__init__()
        channels, units = config.channels, options.head_layers - 1
        self.class_tower = tower(channels, units)
        self.box_tower = tower(channels, units)
        self.heat = predictor(channels, config.num_classes, is_rare=True)
        self.boxes = predictor(channels, 4)
        assert self.boxes.bias is not None
        nn.init.constant_(self.boxes.bias[:2], 0.5)  # half the reach of a level
        self.controller = predictor(channels, CONTROLLERS)
        cues = {'edge': 0, 'embedding': options.embedding, 'offset': 2}[options.association]
        self.cue = predictor(channels, cues) if cues else None
        self.masks: nn.Module
        if options.mask_features == 'branch':
            self.masks = MaskBranch(channels, config.mask_channels)
        else:
            self.masks = MaskProjection(channels)

    def forward(self, levels: Sequence[Tensor]) -> Dense:
        """Return the predictions for the levels P3..P7, (B, channels, h, w) each."""
        parts: list[list[Tensor]] = [[], [], [], []]
        for level in levels:
            x = self.box_tower(level)
            found = (self.heat(self.class_tower(level)), self.boxes(x), self.controller(x))
            for part, value in zip(parts, found, strict=False):
                part.append(rows(value))
            parts[3].append(rows(x[:, :0] if self.cue is None else self.cue(x)))
        heat, boxes, controllers, cues = (torch.cat(part, dim=1) for part in parts)
        features = self.masks(levels)
        return Dense(heat, boxes[..., :2], boxes[..., 2:], controllers, cues, features)


class MaskProjection(nn.Module):
    """Mask features by 1x1 convolutions of P3, P4 and P5, summed; the words of the paper."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(nn.Conv2d(channels, FEATURES, 1) for _ in range(_MASK_LEVELS))

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return features (B, 8, h, w) of stride 8."""
        total = self.reduce[0](levels[0])
        for step, reduce in enumerate(self.reduce[1:], start=1):
            total = total + aligned_bilinear(reduce(levels[step]), 2**step)
        result: Tensor = total
        return result


def strides(level: Tensor) -> Tensor:
    """Return the strides of levels (...) as float [px]."""
    return constant(STRIDES, level, torch.float32)[level]


def decoded(
    dense: Dense, image: Tensor, place: Tensor, xy: Tensor, level: Tensor, reach: float
) -> Tensor:
    """Return the boxes (N, 4) of places, xyxy in pixels of the input.

    Args:
        dense: Predictions.
        image: int64 tensor (N,).
        place: int64 tensor (N,).
        xy: float tensor (N, 2), points of the places in pixels of the input.
        level: int64 tensor (N,), levels of the places.
        reach: See `VisstgOptions.reach`.
    """
    stride = strides(level)[:, None]
    centre = xy + dense.offsets[image, place].float() * stride
    half = dense.sizes[image, place].float().clamp(min=0) * stride * reach / 2
    return torch.cat((centre - half, centre + half), dim=1)
