# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a planner knows of one track: the latest message, and a short history of observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vis_ros.client.masks import ImageShape
from vis_ros.ops import rle as run_lengths
from vis_ros.structures import Rle, TrackState
from vis_ros.structures.placement import Placement, Vector3
from vis_ros.structures.track import Box

NS_PER_S = 1e9
_BORDER_PX = 2.0  # masks made at a lower resolution end so far from the image's border


@dataclass(frozen=True, slots=True)
class Sample:
    """One observation of a track.

    Args:
        stamp_ns: Stamp of the image.
        box: Tight box of the mask [px].
        position_m: Position [m], or None without 3D.
        is_cut: Whether the image's border cuts the object off in (x, y), so that its extent there
            does not say how large it looks.
    """

    stamp_ns: int
    box: Box
    position_m: Vector3 | None
    is_cut: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """One track as the newest message that listed it told of it. Never changes; safe to keep.

    Args:
        track_id: Unique within `session_id`.
        session_id: Run of the tracker's memory.
        state: TENTATIVE, ACTIVE or LOST.
        class_id: Index into the tracker's label info.
        class_name: Name of that class.
        score: Confidence in [0, 1].
        box: Box [px] in the source image; see `vis_msgs/InstanceTrack` for LOST tracks.
        mask: Run lengths; empty when LOST.
        image_shape: (height, width) of the source image [px].
        stamp_ns: Stamp of the newest message that listed the track.
        is_present: Whether the newest message lists it; a track that the tracker has forgotten,
            or that its class filter hides, stays in the table for a while without it.
        first_seen_ns: Image stamp of the first observation.
        last_seen_ns: Image stamp of the latest observation.
        hits: Frames in which it was observed.
        misses: Frames since the latest observation.
        velocity_px_s: Velocity of the box centre [px/s], as the tracker smoothed it.
        frame_id_3d: Coordinate frame of placement and history; empty where there was none yet.
        placement: Position, extent and velocity in space, or None when the message has no 3D.
        history: Observations, oldest first, of one image size and one coordinate frame.
    """

    track_id: int
    session_id: int
    state: TrackState
    class_id: int
    class_name: str
    score: float
    box: Box
    mask: Rle
    image_shape: ImageShape
    stamp_ns: int
    is_present: bool
    first_seen_ns: int
    last_seen_ns: int
    hits: int
    misses: int
    velocity_px_s: tuple[float, float]
    frame_id_3d: str
    placement: Placement | None
    history: tuple[Sample, ...] = ()

    @property
    def is_observed(self) -> bool:
        """Whether the object was seen in the image of `stamp_ns`."""
        return self.state != TrackState.LOST

    def age_s(self, at_ns: int) -> float:
        """Return the time since the first observation [s]."""
        return (at_ns - self.first_seen_ns) / NS_PER_S

    def silence_s(self, at_ns: int) -> float:
        """Return the time since the latest observation [s]."""
        return (at_ns - self.last_seen_ns) / NS_PER_S

    @property
    def position_m(self) -> Vector3 | None:
        """Position [m] of the newest message, or of the newest observation that had one."""
        if self.placement is not None:
            return self.placement.position_m
        positions = (sample.position_m for sample in reversed(self.history))
        return next((position for position in positions if position is not None), None)

    @property
    def velocity_m_s(self) -> Vector3 | None:
        """Velocity [m/s] as the tracker smoothed it, or None where it does not know it.

        The message has zeros for an unknown velocity; a measured one is never exactly 0.
        """
        known = self.placement is not None and any(self.placement.velocity_m_s)
        return self.placement.velocity_m_s if self.placement is not None and known else None

    def pixels(self, *, whole_image: bool = False) -> np.ndarray:
        """Return the mask as a bool array: the crop at (mask.x, mask.y), or the whole image."""
        if whole_image:
            return run_lengths.to_dense(self.mask, *self.image_shape)
        return run_lengths.decode(self.mask)

    def sample(self) -> Sample:
        """Return this observation for the history; only for tracks that are not LOST."""
        height, width = self.image_shape
        x_min, y_min, x_max, y_max = self.box
        is_cut = (
            x_min < _BORDER_PX or x_max > width - _BORDER_PX,
            y_min < _BORDER_PX or y_max > height - _BORDER_PX,
        )
        position_m = None if self.placement is None else self.placement.position_m
        return Sample(self.stamp_ns, self.box, position_m, is_cut)
