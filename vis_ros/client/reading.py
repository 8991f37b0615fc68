# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From `vis_msgs/InstanceTrackArray` messages of any host to checked records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vis_ros.client.masks import ImageShape, read_mask
from vis_ros.client.record import TrackRecord
from vis_ros.structures import TrackState
from vis_ros.structures.placement import Placement, Quality3d, Vector3
from vis_ros.wire.stamps import stamp_to_ns


@dataclass(frozen=True, slots=True)
class TrackFrame:
    """One message.

    Args:
        session_id: Run of the tracker's memory.
        stamp_ns: Stamp of the image.
        frame_id: Coordinate frame of the image.
        frame_id_3d: Coordinate frame of the positions; empty where no track has one.
        image_shape: (height, width) of the source image [px].
        method: Name of the method that made the tracks.
        records: Its tracks, without history.
    """

    session_id: int
    stamp_ns: int
    frame_id: str
    frame_id_3d: str
    image_shape: ImageShape
    method: str
    records: tuple[TrackRecord, ...]


def read_tracks(message: Any) -> TrackFrame:
    """Return what a `vis_msgs/InstanceTrackArray` says, checked.

    Raises:
        ValueError: A stamp, a state, an id, a box, a mask or a position is not valid. The text
            names the track and the value.
    """
    stamp_ns = stamp_to_ns(message.header.stamp)
    shape = (int(message.height), int(message.width))
    seen: set[int] = set()
    records = []
    for track in message.tracks:
        track_id = int(track.id)
        if track_id < 1 or track_id in seen:
            raise ValueError(f'tracks: expected ids above 0, each once, got {track_id}')
        seen.add(track_id)
        try:
            records.append(_read_track(track, message, stamp_ns, shape))
        except ValueError as error:
            raise ValueError(f'track {track_id}: {error}') from error
    return TrackFrame(
        session_id=int(message.session_id),
        stamp_ns=stamp_ns,
        frame_id=str(message.header.frame_id),
        frame_id_3d=str(message.frame_id_3d),
        image_shape=shape,
        method=str(message.method),
        records=tuple(records),
    )


def _read_track(track: Any, message: Any, stamp_ns: int, shape: ImageShape) -> TrackRecord:
    box = _finite('box', (track.x_min, track.y_min, track.x_max, track.y_max))
    if box[2] < box[0] or box[3] < box[1]:
        raise ValueError(f'box: expected x_min <= x_max and y_min <= y_max, got {box}')
    return TrackRecord(
        track_id=int(track.id),
        session_id=int(message.session_id),
        state=TrackState(int(track.state)),
        class_id=int(track.class_id),
        class_name=str(track.class_name),
        score=_finite('score', (track.score,))[0],
        box=(box[0], box[1], box[2], box[3]),
        mask=read_mask(track.mask, shape),
        image_shape=shape,
        stamp_ns=stamp_ns,
        is_present=True,
        first_seen_ns=stamp_to_ns(track.first_seen),
        last_seen_ns=stamp_to_ns(track.last_seen),
        hits=int(track.hits),
        misses=int(track.misses),
        velocity_px_s=_pair(_finite('velocity', (track.velocity_x, track.velocity_y))),
        frame_id_3d=str(message.frame_id_3d),
        placement=_placement(track) if track.has_3d else None,
    )


def _placement(track: Any) -> Placement:
    return Placement(
        position_m=_vector('position', track.position),
        size_m=_vector('size', track.size),
        velocity_m_s=_vector('velocity_3d', track.velocity_3d),
        quality=Quality3d(int(track.quality_3d)),
    )


def _finite(what: str, values: Sequence[Any]) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f'{what}: expected finite numbers, got {numbers}')
    return numbers


def _pair(values: tuple[float, ...]) -> tuple[float, float]:
    return values[0], values[1]


def _vector(what: str, message: Any) -> Vector3:
    x, y, z = _finite(what, (message.x, message.y, message.z))
    return x, y, z
