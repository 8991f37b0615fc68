# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracking branch of MaskTrack R-CNN, the baseline of tables 2 and 3.

Source: Yang et al., "Video Instance Segmentation", ICCV 2019, sections 4.1 and 4.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vis_ros.nn.maskprop.detector import Features

_GRID = 7  # cells of a side in which a box is looked at
_LEVELS = ['0', '1', '2', '3']
_SCORE, _OVERLAP, _CLASS = 1.0, 2.0, 10.0  # alpha, beta and gamma of the cues


class TrackingBranch(nn.Module):
    """Two fully connected layers over the features of a box.

    Args:
        channels: Channels of the pyramid.
        identity: Length D of the embedding.
    """

    def __init__(self, channels: int, identity: int) -> None:
        super().__init__()
        from torchvision.ops import MultiScaleRoIAlign

        self.pool: Any = MultiScaleRoIAlign(_LEVELS, _GRID, 2)
        self.first = nn.Linear(channels * _GRID**2, identity)
        self.second = nn.Linear(identity, identity)

    def forward(self, features: Features, boxes: list[Tensor]) -> Tensor:
        """Return the embeddings of all boxes, float (N, D).

        Args:
            features: Of B frames.
            boxes: For each of them float (N_b, 4), xyxy in pixels of the input.
        """
        levels = {name: features.levels[name] for name in _LEVELS}
        cells = self.pool(levels, boxes, [features.picture] * len(boxes))  # (N, C, 7, 7)
        return self.second(torch.relu(self.first(cells.flatten(1))))


def identity_logits(found: Tensor, known: Tensor) -> Tensor:
    """Return logits (N, M + 1) of embeddings (N, D) over those of M tracks (M, D); 0 is new."""
    scores = found @ known.transpose(0, 1)
    return torch.cat((scores.new_zeros(len(found), 1), scores), dim=1)


def match_scores(logits: Tensor, scores: Tensor, overlap: Tensor, same_class: Tensor) -> Tensor:
    """Return all cues together (equation 4 of the source), float (N, M + 1); 0 is new.

    Args:
        logits: float tensor (N, M + 1), see `identity_logits`.
        scores: float tensor (N,), of the detections.
        overlap: float tensor (N, M), IoU of the boxes with the tracks' last ones.
        same_class: bool tensor (N, M).
    """
    total = torch.log_softmax(logits, dim=1)
    total = total + _SCORE * scores.clamp(min=1e-6).log()[:, None]
    cues = _OVERLAP * overlap + _CLASS * same_class
    return total + nn.functional.pad(cues, (1, 0))
