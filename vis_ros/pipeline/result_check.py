# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The door behind a method: nothing that is not a valid result gets out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from vis_ros.structures import Frame, FrameResult, Rle, Track

_MAX_ID = 2**64 - 1  # `id` is a uint64
_MAX_SLOT = 2**16 - 2  # slot + 1 is a uint16 in ~/debug/labels
_SLACK = 1e-4  # probabilities of float32 add up to a little more than 1


class ResultError(ValueError):
    """A method broke its contract. The text names the track, the field and the value."""


def check_result(result: FrameResult, frame: Frame, class_count: int) -> None:
    """Check that a result belongs to its frame and can be published.

    Args:
        result: What the method returned.
        frame: The frame that it is due for.
        class_count: Number of the method's classes.

    Raises:
        ResultError: It is for another frame, a number is not finite or out of its range, or an id
            or a slot is there twice.
    """
    got = (result.stamp_ns, result.frame_id, result.height, result.width)
    expected = (frame.stamp_ns, frame.frame_id, frame.height, frame.width)
    if got != expected:
        raise ResultError(f'result for stamp, frame, height, width {got}, expected {expected}')
    for name in ('track_id', 'slot'):
        values = [getattr(track, name) for track in result.tracks]
        if len(set(values)) < len(values):
            raise ResultError(f'{name}: expected each value once, got {values}')
    for track in result.tracks:
        for name, value, is_good in _judged(track, frame, class_count):
            if not is_good:
                raise ResultError(f'track {track.track_id}: {name}: got {value!r}')


def _judged(track: Track, frame: Frame, class_count: int) -> Iterator[tuple[str, object, bool]]:
    """Yield name and value of each field, and whether it is as the message wants it."""
    x_min, y_min, x_max, y_max = track.box
    is_box = all(map(math.isfinite, track.box)) and x_min <= x_max and y_min <= y_max
    seen = (track.first_seen_ns, track.last_seen_ns)
    shares = track.class_scores
    yield 'track_id', track.track_id, 0 < track.track_id <= _MAX_ID
    yield 'slot', track.slot, 0 <= track.slot <= _MAX_SLOT
    yield 'class_id', track.class_id, 0 <= track.class_id < class_count
    yield 'score', track.score, -_SLACK <= track.score <= 1 + _SLACK  # false for NaN
    yield 'box', track.box, is_box
    yield 'mask', track.mask, _fits(track.mask, frame)
    yield 'first_seen_ns, last_seen_ns', seen, 0 <= seen[0] <= seen[1] <= frame.stamp_ns
    yield 'hits, misses', (track.hits, track.misses), min(track.hits, track.misses) >= 0
    yield 'velocity_px_s', track.velocity_px_s, all(map(math.isfinite, track.velocity_px_s))
    yield (
        'class_scores',
        shares,
        all(0 <= k < class_count and -_SLACK <= score <= 1 + _SLACK for k, score in shares),
    )


def _fits(mask: Rle, frame: Frame) -> bool:
    is_inside = (
        0 <= mask.x <= mask.x + mask.width <= frame.width
        and 0 <= mask.y <= mask.y + mask.height <= frame.height
    )
    return is_inside and int(mask.counts.sum(dtype=np.int64)) == mask.width * mask.height
