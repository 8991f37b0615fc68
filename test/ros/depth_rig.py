# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images, calibration and transforms, as a test sends them to a node core."""

from __future__ import annotations

from typing import Any

import numpy as np
from core_rig import MESSAGES, NOW_NS, PERIOD_NS, Rig, image, track

from vis_ros.structures import Rle
from vis_ros.wire.encodings import make_header, ns_to_stamp

DEPTH, INFO = '/depth', '/camera_info'
HEIGHT, WIDTH = 24, 32
BOX = Rle(8, 6, 16, 12, np.array([0, 16 * 12], np.uint32))  # in the middle of the image
PIXELS = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def at(index: int) -> int:
    """Return the stamp of a frame."""
    return NOW_NS + index * PERIOD_NS


def picture(index: int, **changes: Any) -> Any:
    """Return the image of a frame."""
    return image(PIXELS, stamp_ns=at(index), **changes)


def depth(index: int, metres: float = 2.0, *, stamp_ns: int | None = None, **changes: Any) -> Any:
    """Return a depth image of a frame, in millimetres, the same everywhere."""
    size = changes.pop('size', (HEIGHT, WIDTH))
    fields = {
        'header': make_header(
            MESSAGES,
            at(index) if stamp_ns is None else stamp_ns,
            changes.pop('frame_id', 'camera'),
        ),
        'height': size[0],
        'width': size[1],
        'encoding': '16UC1',
        'is_bigendian': 0,
        'step': 2 * size[1],
        'data': np.full(size, round(metres * 1000), np.uint16).reshape(-1).view(np.uint8),
        **changes,
    }
    return MESSAGES.make('sensor_msgs/msg/Image', **fields)


def info(index: int = 0, focal: float = 40.0, **changes: Any) -> Any:
    """Return a calibration whose centre is that of the image."""
    k = (focal, 0.0, WIDTH / 2 - 0.5, 0.0, focal, HEIGHT / 2 - 0.5, 0.0, 0.0, 1.0)
    roi = {'x_offset': 0, 'y_offset': 0, 'height': 0, 'width': 0, 'do_rectify': False}
    fields = {
        'header': make_header(MESSAGES, at(index), 'camera'),
        'height': HEIGHT,
        'width': WIDTH,
        'distortion_model': 'plumb_bob',
        'd': np.zeros(5),
        'k': np.array(k),
        'r': np.eye(3).reshape(-1),
        'p': np.zeros(12),
        'binning_x': 0,
        'binning_y': 0,
        'roi': MESSAGES.make('sensor_msgs/msg/RegionOfInterest', **roi),
        **changes,
    }
    return MESSAGES.make('sensor_msgs/msg/CameraInfo', **fields)


def transforms(
    parent: str, child: str, stamp_ns: int, shift=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0, 1.0)
) -> Any:
    """Return a message of one transform."""
    x, y, z = shift
    vector = MESSAGES.make('geometry_msgs/msg/Vector3', x=x, y=y, z=z)
    x, y, z, w = turn
    rotation = MESSAGES.make('geometry_msgs/msg/Quaternion', x=x, y=y, z=z, w=w)
    stamped = MESSAGES.make(
        'geometry_msgs/msg/TransformStamped',
        header=MESSAGES.make(
            'std_msgs/msg/Header', stamp=ns_to_stamp(MESSAGES, stamp_ns), frame_id=parent
        ),
        child_frame_id=child,
        transform=MESSAGES.make(
            'geometry_msgs/msg/Transform', translation=vector, rotation=rotation
        ),
    )
    return MESSAGES.make('tf2_msgs/msg/TFMessage', transforms=[stamped])


def add_box(puppet: Any) -> None:
    """Let the method see one object, in the middle of the image."""

    def act(frame: Any) -> tuple[Any, ...]:
        return (track(1, frame, mask=BOX, box=(8.0, 6.0, 24.0, 18.0)),)

    puppet.act = staticmethod(act)


def see(rig: Rig, index: int, *messages: Any) -> Any:
    """Send depths or calibrations, then the image of a frame; return its first track."""
    for message in messages:
        topic = DEPTH if hasattr(message, 'encoding') else INFO
        rig.host.send(topic, message)
    known = len(rig.tracks)
    rig.step(picture(index))
    assert len(rig.tracks) == known + 1  # whatever the depth does, 2D comes
    return rig.tracks[-1].tracks[0]
