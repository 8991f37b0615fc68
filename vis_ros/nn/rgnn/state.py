# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a stream leaves behind, as tensors; the network itself holds no state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Tracks(NamedTuple):
    """M track slots of B streams. The empty track has the same form, with M = 1.

    Args:
        is_alive: bool tensor (B, M), slots that hold a track, seen or lost.
        embedding: float tensor (B, M, E), tau, output of the recurrence.
        cell: float tensor (B, M, E), cell of the LSTM.
        mean: float tensor (B, M, D), mean of the appearance.
        variance: float tensor (B, M, D), variance of the appearance.
        box: float tensor (B, M, 4), xyxy in pixels of the input.
        logits: float tensor (B, M, K), class logits.
        look: float tensor (B, M, L), memory of the appearance LSTM; L is 0 without it.
        votes: float tensor (B, M, V), sums for scoring by average; V is 0 without it.
    """

    is_alive: Tensor
    embedding: Tensor
    cell: Tensor
    mean: Tensor
    variance: Tensor
    box: Tensor
    logits: Tensor
    look: Tensor
    votes: Tensor


class RgnnState(NamedTuple):
    """Tracks and the empty track, which is alive from the first frame on."""

    tracks: Tracks
    empty: Tracks


_SHARED = ('embedding', 'cell', 'mean', 'variance', 'look')  # what the empty track has too


def with_empty(tracks: Tracks, empty: Tracks) -> Tracks:
    """Return tracks whose embeddings and appearances have a row more, that of the empty track."""
    pairs = {name: (getattr(tracks, name), getattr(empty, name)) for name in _SHARED}
    return tracks._replace(**{name: torch.cat(pair, dim=1) for name, pair in pairs.items()})


def without_empty(rows: Tracks, empty: Tracks) -> tuple[Tracks, Tracks]:
    """Return the tracks, and the empty track as it is in their last row; see `with_empty`."""
    shared = {name: getattr(rows, name) for name in _SHARED}
    return (
        rows._replace(**{name: value[:, :-1] for name, value in shared.items()}),
        empty._replace(**{name: value[:, -1:] for name, value in shared.items()}),
    )


def take(values: Tensor, index: Tensor) -> Tensor:
    """Return rows (B, M, ...) of values (B, N, ...) by index (B, M); -1 gives row 0."""
    index = index.clamp(min=0).reshape(*index.shape, *[1] * (values.ndim - 2))
    return values.gather(1, index.expand(-1, -1, *values.shape[2:]))


def choose_rows(condition: Tensor, new: Tracks, old: Tracks) -> Tracks:
    """Return `new` where the condition (B, M) holds, `old` elsewhere."""
    wide = condition[..., None]
    return Tracks(
        *(
            b if a is b else torch.where(condition if b.ndim == 2 else wide, a, b)
            for a, b in zip(new, old, strict=True)
        )
    )
