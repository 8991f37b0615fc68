# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The prediction head that all levels share.

Source: Bolya et al., "YOLACT", ICCV 2019, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Raw(NamedTuple):
    """What the head says about each of the A anchors.

    Anchors run level by level, then row by row, then by aspect.

    Args:
        offsets: float tensor (B, A, 4), box relative to the anchor, see `decode_boxes`.
        logits: float tensor (B, A, K), class logits; class 0 is the background.
        coefficients: float tensor (B, A, D), weights of the prototypes in [-1, 1].
    """

    offsets: Tensor
    logits: Tensor
    coefficients: Tensor


class Head(nn.Module):
    """One trunk and three outputs.

    Args:
        channels: Channels of the levels.
        num_classes: Number of classes K, with the background.
        prototypes: Number of prototypes D.
        aspects: Anchors of a cell.
    """

    def __init__(
        self, channels: int, *, num_classes: int, prototypes: int, aspects: int = 3
    ) -> None:
        super().__init__()
        self.num_classes, self.prototypes = num_classes, prototypes
        self.trunk = nn.Conv2d(channels, channels, 3, padding=1)
        self.boxes = nn.Conv2d(channels, aspects * 4, 3, padding=1)
        self.classes = nn.Conv2d(channels, aspects * num_classes, 3, padding=1)
        self.coefficients = nn.Conv2d(channels, aspects * prototypes, 3, padding=1)

    def forward(self, levels: Sequence[Tensor]) -> Raw:
        """Return the predictions of all levels (B, channels, h, w), finest level first."""
        offsets, logits, coefficients = [], [], []
        for level in levels:
            x = functional.relu(self.trunk(level))
            offsets.append(_by_anchor(self.boxes(x), 4))
            logits.append(_by_anchor(self.classes(x), self.num_classes))
            coefficients.append(_by_anchor(self.coefficients(x), self.prototypes))
        return Raw(torch.cat(offsets, 1), torch.cat(logits, 1), torch.cat(coefficients, 1).tanh())


def _by_anchor(x: Tensor, attributes: int) -> Tensor:
    """Return (B, h * w * aspects, attributes) of (B, aspects * attributes, h, w)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, attributes)
