# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic segmentation beside the cascade: context for its boxes and masks.

Source: Chen et al., "Hybrid Task Cascade for Instance Segmentation", CVPR 2019, section 3.2.
There it learns from labels of everything in a picture, also of what are no objects (COCO-stuff).
Our data sets label objects only: the target is the union of the masks of each class, and all else
is background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.maskprop.config import LEVEL, STRIDE

_LEVELS = ('0', '1', '2', '3', 'pool')
_CONVOLUTIONS = 4
_NOTHING = -100  # label of cells outside of the picture; `cross_entropy` leaves it out


class SemanticBranch(nn.Module):
    """All levels of the pyramid added up on that of stride 8, and four convolutions.

    Args:
        channels: Channels C of the pyramid, and of everything here.
        categories: Number of classes, and one for the background.
    """

    def __init__(self, channels: int, categories: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleDict({name: nn.Conv2d(channels, channels, 1) for name in _LEVELS})
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(_CONVOLUTIONS)
        )
        self.embedding = nn.Conv2d(channels, channels, 1)
        self.scores = nn.Conv2d(channels, categories, 1)

    def forward(self, levels: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return features for the heads, and logits.

        Args:
            levels: Of the pyramid, by name, float (B, C, h, w) each.

        Returns:
            float (B, C, H / 8, W / 8); float (B, categories, H / 8, W / 8).
        """
        size = levels[LEVEL].shape[-2:]
        x = torch.zeros_like(levels[LEVEL])
        for name, lateral in self.laterals.items():
            level = lateral(levels[name])
            if level.shape[-2:] != size:
                level = functional.interpolate(level, size, mode='bilinear', align_corners=False)
            x = x + level
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        return self.embedding(x), self.scores(x)


def semantic_loss(
    logits: Tensor, targets: Sequence[Mapping[str, Tensor]], picture: tuple[int, int]
) -> Tensor:
    """Return the cross-entropy, the mean over all cells of the pictures.

    Args:
        logits: float tensor (B, categories, h, w).
        targets: For each frame `labels` int64 (J,) from 1 on, and `masks` uint8 (J, H, W).
        picture: Rows and columns H and W of the pictures; what is beyond is padding.
    """
    size = (int(logits.shape[-2]), int(logits.shape[-1]))
    wanted = [semantic_target(each, picture, size, logits.shape[1]) for each in targets]
    return functional.cross_entropy(logits.float(), torch.stack(wanted), ignore_index=_NOTHING)


def semantic_target(
    target: Mapping[str, Tensor], picture: tuple[int, int], size: tuple[int, int], categories: int
) -> Tensor:
    """Return the class that covers most of each cell, int64 (h, w).

    0 is the background; cells whose centre is outside of the picture are -100.

    Args:
        target: See `semantic_loss`; masks of one class may overlap.
        picture: Rows and columns of the picture.
        size: Rows h and columns w of the map, padding included.
        categories: Number of classes, and one for the background.
    """
    masks, labels = target['masks'], target['labels']
    rows, columns = picture
    union = masks.new_zeros((categories, rows, columns), dtype=torch.float32)
    union = union.index_add(0, labels, masks.float()).clamp(max=1.0)
    union[0] = (union[1:].amax(dim=0) == 0).float()
    below, right = size[0] * STRIDE - rows, size[1] * STRIDE - columns
    shares = functional.avg_pool2d(functional.pad(union, (0, right, 0, below)), STRIDE)
    best = shares.argmax(dim=0)
    y = (torch.arange(size[0], device=best.device) + 0.5) * STRIDE
    x = (torch.arange(size[1], device=best.device) + 0.5) * STRIDE
    is_outside = (y > rows)[:, None] | (x > columns)
    return best.masked_fill(is_outside, _NOTHING)
