# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of an installed ROS 2."""

import time

import numpy as np
import pytest
import rclpy_peer  # noqa: F401 (skips this module where ROS 2 is not sourced)

# isort: split
from rclpy.serialization import deserialize_message, serialize_message
from std_srvs.srv import Trigger

from vis_msgs.msg import InstanceTrackArray
from vis_ros.ros.rclpy_messages import RclpyMessages


def test_track_array_round_trip():
    messages = RclpyMessages()
    make, array = messages.make, messages.array
    mask = make(
        'vis_msgs/msg/InstanceMask', x=1, y=2, width=3, height=1, counts=array(np.uint32([1, 2]))
    )
    track = make('vis_msgs/msg/InstanceTrack', id=2**40, state=2, slot=9, mask=mask)
    header = make(
        'std_msgs/msg/Header', stamp=make('builtin_interfaces/msg/Time', sec=5), frame_id='cam'
    )
    sent = make(
        'vis_msgs/msg/InstanceTrackArray',
        header=header,
        stage_ms=array(np.float32([0.5])),
        tracks=[track],
    )
    got = deserialize_message(serialize_message(sent), InstanceTrackArray)
    assert got == sent
    assert list(got.tracks[0].mask.counts) == [1, 2]
    assert got.tracks[0].id == 2**40


@pytest.mark.parametrize(
    ('dtype', 'code'),
    [(np.uint8, 'B'), (np.uint16, 'H'), (np.uint32, 'I'), (np.float32, 'f'), (np.float64, 'd')]
    + [(np.int8, 'b'), (np.int16, 'h'), (np.int32, 'i'), (np.int64, 'q'), (np.uint64, 'Q')],
)
def test_array_keeps_values_and_type(dtype, code):
    values = np.arange(12, dtype=dtype)[::3]  # not contiguous
    made = RclpyMessages().array(values)
    assert made.typecode == code
    assert made.tolist() == values.tolist()
    assert len(RclpyMessages().array(values[:0])) == 0


@pytest.mark.parametrize(
    'values', [np.zeros((2, 2), np.uint8), np.zeros(2, '>u4'), np.zeros(2, complex)]
)
def test_array_refuses_what_no_field_takes(values):
    with pytest.raises(ValueError, match='expected a one-dimensional array'):
        RclpyMessages().array(values)


def test_make_knows_both_halves_of_a_service():
    messages = RclpyMessages()
    made = messages.make('std_srvs/srv/Trigger_Response', success=True, message='done')
    assert isinstance(made, Trigger.Response)
    bare = messages.make('std_srvs/srv/Trigger_Request', structure_needs_at_least_one_member=0)
    assert isinstance(bare, Trigger.Request)


def test_a_byte_goes_into_diagnostics():
    messages = RclpyMessages()
    made = messages.make(
        'diagnostic_msgs/msg/DiagnosticStatus', level=messages.byte(b'\x02'), name='n'
    )
    assert deserialize_message(serialize_message(made), type(made)).level == b'\x02'


@pytest.mark.parametrize('name', ['vis_msgs/msg/No', 'no_such/msg/Type', 'String'])
def test_unknown_types_are_named(name):
    with pytest.raises(ValueError, match=f'{name}: no such type'):
        RclpyMessages().resolve(name)


def test_big_array_is_copied_as_a_whole():
    values = np.zeros(1280 * 720 * 3, np.uint8)
    start = time.perf_counter()
    RclpyMessages().array(values)
    assert time.perf_counter() - start < 0.05  # 0.05 ms here; element by element 50 ms and more
