# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Class and confidence of a track.

Source: Johnander et al., section 3.4.1; the two averages of the ablation: section 4.4.7.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.state import Tracks, take

_SURE = 1e-6  # smallest probability that an average gives


class Scoring(nn.Module):
    """Class logits of tracks, with the background as class 0: low scores remove a track."""

    def __init__(self, sizes: RgnnSizes, options: RgnnOptions) -> None:
        super().__init__()
        self.kind = options.scoring
        is_learned = self.kind == 'learned'
        self.classes = nn.Linear(sizes.embedding, sizes.num_classes) if is_learned else None
        self.num_votes = 0 if is_learned else sizes.num_classes + 1

    def update(self, tracks: Tracks, logits: Tensor, assigned: Tensor) -> Tracks:
        """Return tracks with new class logits.

        Args:
            tracks: Tracks with their new embeddings.
            logits: float tensor (B, N, K), class logits of the detections.
            assigned: int64 tensor (B, M), detection of each track, or -1.
        """
        if self.classes is not None:
            return tracks._replace(logits=self.classes(tracks.embedding))
        vote = self._vote(take(logits, assigned).float()) * (assigned >= 0)[..., None]
        votes = tracks.votes + vote
        scores = self._average(votes) if self.kind == 'average' else self._majority(votes)
        return tracks._replace(votes=votes, logits=scores.to(tracks.logits.dtype))

    def _vote(self, logits: Tensor) -> Tensor:
        """Return (B, M, K + 1): sums over classes, and one more sum."""
        if self.kind == 'average':
            return torch.cat((logits, torch.ones_like(logits[..., :1])), dim=-1)  # and the count
        best, index = logits.softmax(dim=-1)[..., 1:].max(dim=-1)
        one_hot = functional.one_hot(index + 1, logits.shape[-1]).to(logits.dtype)
        return torch.cat((one_hot, best[..., None]), dim=-1)  # and the confidence

    @staticmethod
    def _average(votes: Tensor) -> Tensor:
        return votes[..., :-1] / votes[..., -1:].clamp(min=1)

    @staticmethod
    def _majority(votes: Tensor) -> Tensor:
        counts = votes[..., :-1]
        mean = votes[..., -1:] / counts.sum(dim=-1, keepdim=True).clamp(min=1)
        mean = mean.clamp(_SURE, 1 - _SURE)
        share = functional.one_hot(counts.argmax(dim=-1), counts.shape[-1]) * mean
        share[..., :1] = 1 - mean
        return torch.log(share.clamp(min=_SURE))
