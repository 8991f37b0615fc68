# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hand-made tracks and their messages, through the bytes on the wire."""

import numpy as np

from vis_ros.ops.rle import encode
from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.structures.placement import Placement, Quality3d
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import TRACKS_TYPE, tracks_message

MESSAGES = bare_messages()
CLASSES = ('person', 'car', 'traffic light')
SHAPE = (480, 640)
S = 1_000_000_000


def block(box):
    """Return the mask that fills a box, as far as it lies in the image."""
    x_min, y_min = (max(0, round(value)) for value in box[:2])
    x_max, y_max = min(SHAPE[1], round(box[2])), min(SHAPE[0], round(box[3]))
    if x_max <= x_min or y_max <= y_min:
        return Rle()
    return encode(np.ones((y_max - y_min, x_max - x_min), np.bool_), x=x_min, y=y_min)


def track(track_id=1, box=(100, 100, 140, 180), **fields):
    """Return a track; what is not given is plain: an active person without 3D."""
    state = fields.setdefault('state', TrackState.ACTIVE)
    plain = {
        'slot': 0,
        'class_id': 0,
        'score': 0.5,
        'mask': Rle() if state == TrackState.LOST else block(box),
        'first_seen_ns': 0,
        'last_seen_ns': 0,
        'hits': 3,
        'misses': 0,
    }
    return Track(track_id=track_id, box=tuple(map(float, box)), **{**plain, **fields})


def placed(position, velocity=(0.0, 0.0, 0.0), quality=Quality3d.GOOD):
    """Return a placement of a thing of one metre."""
    return Placement(tuple(position), (1.0, 1.0, 0.2), tuple(velocity), quality)


def message(stamp_s, *tracks, session_id=7, shape=SHAPE, frame_id_3d='camera'):
    """Return the message that a planner gets at `stamp_s` seconds."""
    result = FrameResult(
        stamp_ns=round(stamp_s * S),
        frame_id='camera',
        height=shape[0],
        width=shape[1],
        tracks=tracks,
        session_id=session_id,
        frame_id_3d=frame_id_3d if any(t.placement is not None for t in tracks) else '',
    )
    sent = tracks_message(MESSAGES, result, method='iou', class_names=CLASSES)
    return MESSAGES.deserialize(bytes(MESSAGES.serialize(sent)), TRACKS_TYPE)


def mask_of(rle):
    """Return the message of run lengths, with any numbers."""
    return MESSAGES.make(
        'vis_msgs/msg/InstanceMask',
        x=rle.x,
        y=rle.y,
        width=rle.width,
        height=rle.height,
        counts=rle.counts,
    )
