# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the memory's tensors to the tracks that leave a method."""

from collections.abc import Callable, Mapping

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
    is_shown = (t['state'] != FREE) & ((t['misses'] == 0) | (t['state'] == TrackState.LOST))
    slots = np.flatnonzero(is_shown)
    slots = slots[np.lexsort((t['track_id'][slots], t['state'][slots] == TrackState.LOST))]
    return tuple(_track(t, int(slot), mask_of, lost_boxes, has_probabilities) for slot in slots)


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


def _track(
    t: Mapping[str, np.ndarray],
    slot: int,
    mask_of: Callable[[int], Rle],
    lost_boxes: np.ndarray | None,
    has_probabilities: bool,
) -> Track:
    state = TrackState(int(t['state'][slot]))
    is_lost = state == TrackState.LOST
    box = t['box'][slot] if lost_boxes is None or not is_lost else lost_boxes[slot]
    votes = t['class_votes'][slot]
    shares = votes if has_probabilities else votes / max(float(votes.sum()), 1e-12)
    best = np.argsort(-shares, kind='stable')[:TOP_CLASSES]
    return Track(
        track_id=int(t['track_id'][slot]),
        slot=slot,
        state=state,
        class_id=int(best[0]),
        score=float(t['score'][slot]),
        box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        mask=Rle() if is_lost else mask_of(slot),
        first_seen_ns=int(t['first_seen_ns'][slot]),
        last_seen_ns=int(t['last_seen_ns'][slot]),
        hits=int(t['hits'][slot]),
        misses=int(t['misses'][slot]),
        velocity_px_s=(float(t['velocity'][slot][0]), float(t['velocity'][slot][1])),
        class_scores=tuple((int(k), float(shares[k])) for k in best if shares[k] > 0),
    )
