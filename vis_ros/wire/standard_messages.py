# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From results to `vis_msgs`' older relatives: the detections and labels of `vision_msgs`.

Detections are what is seen in the frame: LOST tracks are left out, as these messages have no field
to tell a prediction from a sight. Class ids are decimal numbers, the keys of `LabelInfo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vis_ros.structures import FrameResult, Track
from vis_ros.structures.placement import Placement, Vector3
from vis_ros.wire.messages import Messages
from vis_ros.wire.stamps import make_header

DETECTIONS_2D_TYPE = 'vision_msgs/msg/Detection2DArray'
DETECTIONS_3D_TYPE = 'vision_msgs/msg/Detection3DArray'
VISION_LABELS_TYPE = 'vision_msgs/msg/LabelInfo'

_UNLABELED = 65535  # class id that `vision_msgs/VisionClass` keeps for "no class"


def detections_2d_message(messages: Messages, result: FrameResult) -> Any:
    """Return the observed tracks of a frame as a `vision_msgs/Detection2DArray`.

    Args:
        messages: Who makes the message.
        result: Result of one frame.
    """
    return messages.make(
        DETECTIONS_2D_TYPE,
        header=make_header(messages, result.stamp_ns, result.frame_id),
        detections=[
            messages.make(
                'vision_msgs/msg/Detection2D',
                header=make_header(messages, result.stamp_ns, result.frame_id),
                results=_hypotheses(messages, track, (0.0, 0.0, 0.0)),
                bbox=_box_2d(messages, track),
                id=str(track.track_id),
            )
            for track in result.tracks
            if track.is_observed
        ],
    )


def detections_3d_message(messages: Messages, result: FrameResult) -> Any:
    """Return the observed tracks whose place is known as a `vision_msgs/Detection3DArray`.

    The header's frame is that of the places, which need not be the camera's.
    """
    frame_id = result.frame_id_3d or result.frame_id
    return messages.make(
        DETECTIONS_3D_TYPE,
        header=make_header(messages, result.stamp_ns, frame_id),
        detections=[
            messages.make(
                'vision_msgs/msg/Detection3D',
                header=make_header(messages, result.stamp_ns, frame_id),
                results=_hypotheses(messages, track, track.placement.position_m),
                bbox=_box_3d(messages, track.placement),
                id=str(track.track_id),
            )
            for track in result.tracks
            if track.is_observed and track.placement is not None
        ],
    )


def vision_labels_message(messages: Messages, stamp_ns: int, class_names: Sequence[str]) -> Any:
    """Return the latched `vision_msgs/LabelInfo` that says what the class ids mean.

    Its `threshold` is 0: which tracks are published is decided by each method in its own way.

    Raises:
        ValueError: There are more classes than the message can tell apart.
    """
    if len(class_names) > _UNLABELED:
        raise ValueError(f'classes: expected at most {_UNLABELED}, got {len(class_names)}')
    return messages.make(
        VISION_LABELS_TYPE,
        header=make_header(messages, stamp_ns),
        class_map=[
            messages.make('vision_msgs/msg/VisionClass', class_id=index, class_name=name)
            for index, name in enumerate(class_names)
        ],
        threshold=0.0,
    )


def hypotheses_of(track: Track) -> list[tuple[int, float]]:
    """Return (class id, score) of every class of a track, its own class first.

    Its own class has the track's score, so that thresholds mean what they mean elsewhere. The
    others stand to it as their probabilities do, and never above it.
    """
    shares = dict(track.class_scores)
    own = shares.pop(track.class_id, 0.0)
    scale = track.score / own if own > 0 else 1.0
    others = [(k, min(share * scale, track.score)) for k, share in shares.items()]
    others.sort(key=lambda item: -item[1])  # stable: equal ones stay in the method's order
    return [(track.class_id, track.score), *others]


def pose(messages: Messages, position_m: Vector3) -> Any:
    """Return a `geometry_msgs/Pose` that is not turned."""
    x, y, z = map(float, position_m)
    return messages.make(
        'geometry_msgs/msg/Pose',
        position=messages.make('geometry_msgs/msg/Point', x=x, y=y, z=z),
        orientation=messages.make('geometry_msgs/msg/Quaternion', x=0.0, y=0.0, z=0.0, w=1.0),
    )


def _hypotheses(messages: Messages, track: Track, position_m: Vector3) -> list[Any]:
    return [
        messages.make(
            'vision_msgs/msg/ObjectHypothesisWithPose',
            hypothesis=messages.make(
                'vision_msgs/msg/ObjectHypothesis', class_id=str(class_id), score=float(score)
            ),
            pose=messages.make(
                'geometry_msgs/msg/PoseWithCovariance',
                pose=pose(messages, position_m),
                covariance=np.zeros(36),  # not known
            ),
        )
        for class_id, score in hypotheses_of(track)
    ]


def _box_2d(messages: Messages, track: Track) -> Any:
    x_min, y_min, x_max, y_max = map(float, track.box)
    centre = messages.make('vision_msgs/msg/Point2D', x=(x_min + x_max) / 2, y=(y_min + y_max) / 2)
    return messages.make(
        'vision_msgs/msg/BoundingBox2D',
        center=messages.make('vision_msgs/msg/Pose2D', position=centre, theta=0.0),
        size_x=x_max - x_min,
        size_y=y_max - y_min,
    )


def _box_3d(messages: Messages, placement: Placement) -> Any:
    x, y, z = map(float, placement.size_m)
    return messages.make(
        'vision_msgs/msg/BoundingBox3D',
        center=pose(messages, placement.position_m),
        size=messages.make('geometry_msgs/msg/Vector3', x=x, y=y, z=z),
    )
