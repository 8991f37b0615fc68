# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the camera and of subscribers, with a tracker on a real ROS 2."""

import errno
import os

import pytest
from rclpy_peer import wait_until

# isort: split
import numpy as np
import rclpy
from coloured_world import ColourDetector, picture
from core_rig import IMAGES, MESSAGES, NOW_NS, PERIOD_NS, Gate
from rclpy.context import Context
from rclpy.qos import QoSProfile
from rclpy_robot import ERROR, OK, TRACKS, WARN, Robot, stamp_of

from vis_msgs.msg import InstanceTrackArray
from vis_ros.detectors import DETECTORS
from vis_ros.wire.encodings import make_header

pytestmark = pytest.mark.usefixtures('loopback_domain')

RED = (250, 9, 0)


@pytest.fixture
def make_robot(make_host, peer, puppet, monkeypatch):
    """Return a function that makes a robot whose node is active; `iou` sees colours."""
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    return lambda **parameters: Robot(make_host, peer, **parameters)


def image_of(robot, size, encoding, channels, dtype=np.uint8, **changes):
    """Send the next image, of another kind; return its stamp."""
    stamp_ns = robot.next_stamp()
    pixels = np.full((*size, channels), 90, dtype)
    fields = {
        'header': make_header(MESSAGES, stamp_ns, 'camera'),
        'height': size[0],
        'width': size[1],
        'encoding': encoding,
        'is_bigendian': 0,
        'step': pixels.strides[0],
        'data': pixels.reshape(-1).view(np.uint8),
        **changes,
    }
    robot.publish(IMAGES, MESSAGES.make('sensor_msgs/msg/Image', **fields))
    return stamp_ns


def test_a_camera_stops_and_returns(make_robot, monkeypatch):
    monkeypatch.setattr('vis_ros.ros.diagnostics._SILENCE_S', 0.2)
    robot = make_robot()
    before = robot.show()
    robot.wait_for_status(WARN, 'no image on image for')
    after = robot.show()
    assert (after.session_id, after.tracks[0].id) == (before.session_id, before.tracks[0].id)
    robot.wait_for_status(OK, 'tracking')
    assert robot.counts['errors'] == 0


def test_size_and_encoding_change_in_mid_stream(make_robot):
    robot = make_robot()
    session = robot.show().session_id
    kinds = [
        ((8, 12), 'bgr8', 3, np.uint8),
        ((30, 40), 'rgba8', 4, np.uint8),
        ((30, 40), 'mono8', 1, np.uint8),
        ((5, 7), 'mono16', 1, np.uint16),
        ((16, 16), 'bayer_rggb8', 1, np.uint8),
        ((16, 20), 'yuv422', 2, np.uint8),
        ((8, 12), 'rgb8', 3, np.uint8),
    ]
    for size, encoding, channels, dtype in kinds:
        stamp_ns = image_of(robot, size, encoding, channels, dtype)
        wait_until(lambda ns=stamp_ns: robot.newest_ns == ns)
        found = robot.results[-1]
        assert (found.height, found.width, found.session_id) == (*size, session)
        assert len(found.tracks) == 1
    assert robot.counts['failed'] == robot.counts['errors'] == 0


@pytest.mark.parametrize(
    ('encoding', 'channels', 'changes', 'words'),
    [
        ('secret', 3, {}, 'secret'),
        ('rgb8', 3, {'step': 1}, 'step'),
        ('rgb8', 3, {'data': np.zeros(5, np.uint8)}, 'bytes'),
        ('rgb8', 3, {'height': 0}, 'height'),
    ],
)
def test_images_that_are_none(make_robot, encoding, channels, changes, words):
    robot = make_robot()
    session = robot.show().session_id
    image_of(robot, (8, 12), encoding, channels, **changes)
    wait_until(lambda: robot.counts['failed'] == 1)
    robot.wait_for_status(ERROR, words)
    assert robot.show().session_id == session
    robot.wait_for_status(OK, 'tracking')


def test_stamps_that_repeat_and_run_back(make_robot):
    robot = make_robot(max_reorder_s=0.1)
    known = robot.show()
    first_ns = stamp_of(known)
    for count in range(1, 4):  # the same stamp is a frame of its own
        robot.send(stamp_ns=first_ns)
        wait_until(lambda c=count: len(robot.results) == 1 + c)
    latest_ns = stamp_of(robot.show())
    late = robot.counts['out_of_order']
    for count in range(1, 4):  # those that overtook each other are left out
        robot.send(stamp_ns=latest_ns - PERIOD_NS // 2)
        wait_until(lambda c=count: robot.counts['out_of_order'] == late + c)
    assert robot.newest_ns == latest_ns
    assert robot.show().session_id == known.session_id
    again = robot.show(stamp_ns=NOW_NS - 60 * 10**9)  # a bag begins anew
    assert again.session_id == known.session_id + 1
    robot.show(stamp_ns=NOW_NS - 59 * 10**9)
    assert robot.counts['failed'] == robot.counts['errors'] == 0


def test_30_percent_of_the_images_are_lost(make_robot):
    robot = make_robot(method='iou')
    ids, shown = set(), 0
    for index in range(30):
        if index % 10 in (3, 4, 8):  # two in a row, too
            robot.next_stamp()
            continue
        shown += 1
        found = robot.show(picture((5 + index, 10, 20, 20, RED)))
        ids |= {item.id for item in found.tracks}
    assert (shown, len(ids)) == (21, 1)


def test_a_method_that_hangs_while_images_come(make_robot, puppet):
    robot = make_robot()
    before = robot.show()
    gate = Gate(puppet)
    stuck_ns = robot.send()
    gate.wait_entered()
    robot.wait_for_status(OK, 'tracking')  # the executor's thread is free
    known = robot.counts['received']
    for count in range(1, 21):
        newest_ns = robot.send()
        wait_until(lambda c=count: robot.counts['received'] == known + c)
    gate.let_go(2)
    wait_until(lambda: robot.newest_ns == newest_ns)
    stamps = [stamp_of(message) for message in robot.results[-2:]]
    assert stamps == [stuck_ns, newest_ns]  # nothing of what waited meanwhile
    assert robot.results[-1].session_id == before.session_id


def test_a_subscriber_that_never_reads(make_robot):
    robot = make_robot()
    context = Context()
    rclpy.init(args=[], context=context)
    idle = rclpy.create_node('idle', context=context)  # nobody spins it
    try:
        for depth in (1, 100):
            idle.create_subscription(InstanceTrackArray, TRACKS, print, QoSProfile(depth=depth))
        publisher = robot.core.streams[0].frames._outputs._tracks
        wait_until(lambda: publisher.subscriber_count() == 3)
        for _ in range(40):
            robot.show()
        assert robot.counts['failed'] == robot.counts['errors'] == 0
    finally:
        idle.destroy_node()
        context.try_shutdown()


def test_a_full_disk_while_the_memory_is_saved(make_robot, monkeypatch, tmp_path):
    path = tmp_path / 'memory'
    robot = make_robot(method='iou', memory_file=str(path))
    robot.show(picture((5, 5, 9, 9, RED)))
    stream = robot.core.streams[0]
    stream.save_quietly()
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', full)
        robot.show(picture((6, 5, 9, 9, RED)))
        stream.save_quietly()
        robot.wait_for_status(ERROR, 'the track memory was not written')
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['memory']
    assert len(robot.show(picture((7, 5, 9, 9, RED))).tracks) == 1
