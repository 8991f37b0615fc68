# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One tracked object in one frame."""

from enum import IntEnum
from typing import NamedTuple

from vis_ros.structures.masks import Rle
from vis_ros.structures.placement import Placement

Box = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in source-image pixels; pixel i spans [i, i + 1)."""


class TrackState(IntEnum):
    """Life cycle of a track, with the values of `vis_msgs/InstanceTrack`."""

    TENTATIVE = 1  # observed now, not yet often enough to be trusted
    ACTIVE = 2  # observed now, confirmed
    LOST = 3  # confirmed earlier, not observed now


class Track(NamedTuple):
    """One tracked object in one frame: identity, state, geometry, history.

    Args:
        track_id: Above 0, never used twice within a session.
        slot: Place in the track memory; used again after a track is forgotten.
        state: TENTATIVE, ACTIVE or LOST.
        class_id: Index into the method's `classes`.
        score: Confidence in [0, 1]; of the latest observation when LOST.
        box: Tight box of the mask; a prediction, or the last observed box, when LOST.
        mask: Observed mask; empty when LOST.
        first_seen_ns: Stamp of the first observation.
        last_seen_ns: Stamp of the latest observation.
        hits: Frames in which the track was observed.
        misses: Frames since the latest observation; 0 when observed in this frame.
        velocity_px_s: Velocity of the box centre (x, y) in pixels per second.
        class_scores: (class id, probability) of the most probable classes, best first.
        placement: Position and extent in space; None where they are not known.
    """

    track_id: int
    slot: int
    state: TrackState
    class_id: int
    score: float
    box: Box
    mask: Rle
    first_seen_ns: int
    last_seen_ns: int
    hits: int
    misses: int
    velocity_px_s: tuple[float, float] = (0.0, 0.0)
    class_scores: tuple[tuple[int, float], ...] = ()
    placement: Placement | None = None

    @property
    def is_observed(self) -> bool:
        """Whether the object was seen in this frame."""
        return self.state != TrackState.LOST
