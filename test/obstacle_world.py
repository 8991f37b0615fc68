# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The example node examples/nearest_obstacle.py as a module, and its clouds as arrays."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
from track_messages import CLASSES, MESSAGES, SHAPE, S

from vis_ros.structures import FrameResult, TrackState
from vis_ros.wire.conversion import tracks_message

EXAMPLE = Path(__file__).parents[1] / 'examples/nearest_obstacle.py'


def load():
    """Return the example as a module."""
    if 'nearest_obstacle' not in sys.modules:
        spec = importlib.util.spec_from_file_location('nearest_obstacle', EXAMPLE)
        sys.modules['nearest_obstacle'] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules['nearest_obstacle'])
    return sys.modules['nearest_obstacle']


def points_of(cloud):
    """Return a cloud's points as a structured array, read by what the message says."""
    formats = {6: '<u4', 7: '<f4', 8: '<f8'}
    layout = np.dtype(
        {
            'names': [field.name for field in cloud.fields],
            'formats': [formats[int(field.datatype)] for field in cloud.fields],
            'offsets': [int(field.offset) for field in cloud.fields],
            'itemsize': int(cloud.point_step),
        }
    )
    points = np.frombuffer(bytes(cloud.data), layout)
    assert (len(points), cloud.row_step) == (cloud.width, cloud.width * cloud.point_step)
    assert cloud.height == 1
    return points


def seen_now(stamp_s, tracks):
    """Return tracks that are not lost as seen at `stamp_s` seconds."""
    return tuple(
        track
        if track.state == TrackState.LOST
        else track._replace(last_seen_ns=round(stamp_s * S))
        for track in tracks
    )


def tracks_of(stamp_s, *tracks, messages=MESSAGES):
    """Return the message of tracks for publishing on any host."""
    height, width = SHAPE
    seen = seen_now(stamp_s, tracks)
    result = FrameResult(round(stamp_s * S), 'camera', height, width, seen, 7, {}, 'camera')
    return tracks_message(messages, result, method='iou', class_names=CLASSES)
