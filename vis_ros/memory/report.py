# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the memory's tensors to the tracks that leave a method."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vis_ros.memory.track_memory import FREE, TrackMemory
from vis_ros.ops.transfer import download
from vis_ros.structures.masks import Rle
from vis_ros.structures.track import Track, TrackState

TOP_CLASSES = 5  # entries of a class distribution that leave a method


def report_tracks(
    memory: TrackMemory,
    mask_of: Callable[[int], Rle],
    *,
    lost_boxes: np.ndarray | None = None,
    has_probabilities: bool = False,
) -> tuple[Track, ...]:
    """Return the tracks of the latest frame; see `tracks_of`.

    Args:
        memory: The memory after its update.
        mask_of: See `tracks_of`.
        lost_boxes: See `tracks_of`.
        has_probabilities: See `tracks_of`.
    """
    t = download({name: memory[name] for name in REPORTED})
    return tracks_of(t, mask_of, lost_boxes=lost_boxes, has_probabilities=has_probabilities)


def tracks_of(
    t: Mapping[str, np.ndarray],
    mask_of: Callable[[int], Rle],
    *,
    lost_boxes: np.ndarray | None = None,
    has_probabilities: bool = False,
) -> tuple[Track, ...]:
    """Return the tracks of the latest frame: observed ones first, each group by ascending id.

    TENTATIVE tracks that were not observed in the latest frame are left out.

    Args:
        t: The tensors `REPORTED` of the memory after its update.
        mask_of: Gives the observed mask of a slot; asked only for observed tracks.
        lost_boxes: float32 array (M, 4), boxes to report for LOST tracks; without it the last
            observed ones.
        has_probabilities: The class votes are probabilities, and leave as they are, whatever
            their sum. Otherwise each counts as its share of the sum.
    """
    is_lost = t['state'] == int(TrackState.LOST)  # NumPy compares with an enumeration slowly
    slots = np.flatnonzero((t['state'] != FREE) & ((t['misses'] == 0) | is_lost))
    slots = slots[np.lexsort((t['track_id'][slots], is_lost[slots]))]
    boxes = t['box'] if lost_boxes is None else np.where(is_lost[:, None], lost_boxes, t['box'])
    shares = t['class_votes'][slots]
    if not has_probabilities:
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    best = np.argsort(-shares, axis=1, kind='stable')[:, :TOP_CLASSES]
    shares = shares[np.arange(len(slots))[:, None], best]

    def column(name: str) -> list[Any]:
        return t[name][slots].tolist()

    states = [_STATES[value] for value in column('state')]
    places, kinds = slots.tolist(), best.tolist()
    columns = (  # in the order of Track's fields
        column('track_id'),
        places,
        states,
        [own[0] for own in kinds],
        column('score'),
        map(tuple, boxes[slots].tolist()),
        [
            Rle() if state is TrackState.LOST else mask_of(slot)
            for state, slot in zip(states, places, strict=True)
        ],
        column('first_seen_ns'),
        column('last_seen_ns'),
        column('hits'),
        column('misses'),
        map(tuple, column('velocity')),
        map(_probable, kinds, shares.tolist()),
    )
    return tuple(map(Track, *columns))  # in two thirds of the time of keywords


REPORTED = (
    'track_id',
    'state',
    'hits',
    'misses',
    'first_seen_ns',
    'last_seen_ns',
    'box',
    'score',
    'velocity',
    'class_votes',
)


_STATES = {int(state): state for state in TrackState}


def _probable(kinds: list[int], shares: list[float]) -> tuple[tuple[int, float], ...]:
    pairs = zip(kinds, shares, strict=True)
    return tuple(pairs if shares[-1] > 0 else [pair for pair in pairs if pair[1] > 0])
