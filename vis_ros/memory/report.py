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
    is_lost = t['state'] == TrackState.LOST
    slots = np.flatnonzero((t['state'] != FREE) & ((t['misses'] == 0) | is_lost))
    slots = slots[np.lexsort((t['track_id'][slots], is_lost[slots]))]
    boxes = t['box'] if lost_boxes is None else np.where(is_lost[:, None], lost_boxes, t['box'])
    shares = t['class_votes'][slots]
    if not has_probabilities:
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    best = np.argsort(-shares, axis=1, kind='stable')[:, :TOP_CLASSES]
    values = {name: t[name][slots].tolist() for name in REPORTED if name != 'class_votes'}
    values |= {'slot': slots.tolist(), 'box': boxes[slots].tolist(), 'best': best.tolist()}
    values |= {'share': shares[np.arange(len(best))[:, None], best].tolist()}
    return tuple(
        _track(dict(zip(values, row, strict=True)), mask_of)
        for row in zip(*values.values(), strict=True)
    )


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


def _track(row: Mapping[str, Any], mask_of: Callable[[int], Rle]) -> Track:
    state, slot = TrackState(row['state']), row['slot']
    return Track(
        track_id=row['track_id'],
        slot=slot,
        state=state,
        class_id=row['best'][0],
        score=row['score'],
        box=tuple(row['box']),
        mask=Rle() if state == TrackState.LOST else mask_of(slot),
        first_seen_ns=row['first_seen_ns'],
        last_seen_ns=row['last_seen_ns'],
        hits=row['hits'],
        misses=row['misses'],
        velocity_px_s=tuple(row['velocity']),
        class_scores=tuple(
            (k, x) for k, x in zip(row['best'], row['share'], strict=True) if x > 0
        ),
    )
