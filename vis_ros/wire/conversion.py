# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From results to `vis_msgs` messages, and back for those who only listen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.structures.placement import Placement, Quality3d, Vector3
from vis_ros.wire.messages import Messages
from vis_ros.wire.stamps import make_header, ns_to_stamp, stamp_to_ns

TRACKS_TYPE = 'vis_msgs/msg/InstanceTrackArray'
LABELS_TYPE = 'vis_msgs/msg/LabelInfo'

_ZERO = (0.0, 0.0, 0.0)
_NOWHERE = Placement(_ZERO, _ZERO, _ZERO, Quality3d.NONE)


def tracks_message(
    messages: Messages,
    result: FrameResult,
    *,
    method: str,
    class_names: Sequence[str],
    stamp_to_publish_ms: float = 0.0,
) -> Any:
    """Return the message of a result.

    Args:
        messages: Who makes the message.
        result: Result of one frame.
        method: Registered name of the method.
        class_names: Name of each class id.
        stamp_to_publish_ms: Age of the frame when its message leaves [ms].
    """
    stages = result.stages_ms
    return messages.make(
        TRACKS_TYPE,
        header=make_header(messages, result.stamp_ns, result.frame_id),
        session_id=result.session_id,
        height=result.height,
        width=result.width,
        method=method,
        stage_names=list(stages),
        stage_ms=messages.array(np.fromiter(stages.values(), np.float32, len(stages))),
        stamp_to_publish_ms=float(stamp_to_publish_ms),
        frame_id_3d=result.frame_id_3d,
        tracks=[track_message(messages, track, class_names) for track in result.tracks],
    )


def track_message(messages: Messages, track: Track, class_names: Sequence[str]) -> Any:
    """Return the message of one track."""
    return messages.make(
        'vis_msgs/msg/InstanceTrack',
        id=track.track_id,
        state=int(track.state),
        slot=track.slot,
        class_id=track.class_id,
        class_name=class_names[track.class_id],
        score=track.score,
        class_scores=[
            messages.make(
                'vis_msgs/msg/ClassScore', class_id=k, class_name=class_names[k], score=score
            )
            for k, score in track.class_scores
        ],
        x_min=track.box[0],
        y_min=track.box[1],
        x_max=track.box[2],
        y_max=track.box[3],
        mask=mask_message(messages, track.mask),
        first_seen=ns_to_stamp(messages, track.first_seen_ns),
        last_seen=ns_to_stamp(messages, track.last_seen_ns),
        hits=track.hits,
        misses=track.misses,
        velocity_x=track.velocity_px_s[0],
        velocity_y=track.velocity_px_s[1],
        **_fields_3d(messages, track.placement),
    )


def _fields_3d(messages: Messages, placement: Placement | None) -> dict[str, Any]:
    where = placement or _NOWHERE
    return {
        'has_3d': placement is not None,
        'quality_3d': int(where.quality),
        'position': _vector(messages, 'geometry_msgs/msg/Point', where.position_m),
        'size': _vector(messages, 'geometry_msgs/msg/Vector3', where.size_m),
        'velocity_3d': _vector(messages, 'geometry_msgs/msg/Vector3', where.velocity_m_s),
    }


def _vector(messages: Messages, type_name: str, value: Vector3) -> Any:
    x, y, z = map(float, value)
    return messages.make(type_name, x=x, y=y, z=z)


def mask_message(messages: Messages, rle: Rle) -> Any:
    """Return the message of a mask."""
    return messages.make(
        'vis_msgs/msg/InstanceMask',
        x=rle.x,
        y=rle.y,
        width=rle.width,
        height=rle.height,
        counts=messages.array(rle.counts),
    )


def rle_of(message: Any) -> Rle:
    """Return the run lengths in a `vis_msgs/InstanceMask`.

    Raises:
        ValueError: The runs do not add up to the size of the crop.
    """
    counts = np.frombuffer(message.counts, np.uint32) if len(message.counts) else Rle().counts
    area, total = int(message.width) * int(message.height), int(counts.sum(dtype=np.int64))
    if area != total:
        raise ValueError(f'counts: expected a sum of {area}, got {total}')
    return Rle(int(message.x), int(message.y), int(message.width), int(message.height), counts)


def result_of(message: Any) -> FrameResult:
    """Return the result in a `vis_msgs/InstanceTrackArray`; inverse of `tracks_message`.

    Raises:
        ValueError: A mask, a state or a stamp is not valid.
    """
    return FrameResult(
        stamp_ns=stamp_to_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        height=int(message.height),
        width=int(message.width),
        tracks=tuple(_track_of(track) for track in message.tracks),
        session_id=int(message.session_id),
        stages_ms={
            name: float(value)
            for name, value in zip(message.stage_names, message.stage_ms, strict=True)
        },
        frame_id_3d=message.frame_id_3d,
    )


def _track_of(message: Any) -> Track:
    return Track(
        track_id=int(message.id),
        slot=int(message.slot),
        state=TrackState(int(message.state)),
        class_id=int(message.class_id),
        score=float(message.score),
        box=(
            float(message.x_min),
            float(message.y_min),
            float(message.x_max),
            float(message.y_max),
        ),
        mask=rle_of(message.mask),
        first_seen_ns=stamp_to_ns(message.first_seen),
        last_seen_ns=stamp_to_ns(message.last_seen),
        hits=int(message.hits),
        misses=int(message.misses),
        velocity_px_s=(float(message.velocity_x), float(message.velocity_y)),
        class_scores=tuple((int(c.class_id), float(c.score)) for c in message.class_scores),
        placement=_placement_of(message) if message.has_3d else None,
    )


def _placement_of(message: Any) -> Placement:
    return Placement(
        position_m=_tuple_of(message.position),
        size_m=_tuple_of(message.size),
        velocity_m_s=_tuple_of(message.velocity_3d),
        quality=Quality3d(int(message.quality_3d)),
    )


def _tuple_of(vector: Any) -> Vector3:
    return float(vector.x), float(vector.y), float(vector.z)


def labels_message(
    messages: Messages, stamp_ns: int, method: str, class_names: Sequence[str]
) -> Any:
    """Return the latched message that says what the class ids mean."""
    return messages.make(
        LABELS_TYPE,
        header=make_header(messages, stamp_ns),
        method=method,
        class_names=list(class_names),
    )
