# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth, calibration and transforms of a real ROS 2 give the tracks their places."""

import pytest
import rclpy_peer  # noqa: F401 (skips this module where ROS 2 is not sourced)

# isort: split
pytest.importorskip('tf2_ros', reason='needs tf2_ros of ROS 2')

import numpy as np
from core_rig import PERIOD_NS
from depth_rig import DEPTH, HEIGHT, INFO, PIXELS, WIDTH, add_box, depth, info
from geometry_msgs.msg import TransformStamped
from rclpy_peer import wait_until
from rclpy_robot import LATCHED, OK, WARN, Robot
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

pytestmark = pytest.mark.usefixtures('loopback_domain')

NONE, PREDICTED, LOW, GOOD = range(4)
HOLES = np.random.default_rng(0).random(HEIGHT * WIDTH) < 0.3
IN_CAMERA = (0.0, 0.0, 2.0)  # the middle of the box


def millimetres(stamp_ns, metres):
    """Return 16UC1 with holes of 0."""
    data = np.where(HOLES, 0, round(metres * 1000)).astype('<u2')
    return depth(0, stamp_ns=stamp_ns, data=data.view(np.uint8))


def metres_32(stamp_ns, metres):
    """Return 32FC1 with holes of NaN."""
    data = np.where(HOLES, np.nan, metres).astype('<f4')
    changes = {'encoding': '32FC1', 'step': 4 * WIDTH, 'data': data.view(np.uint8)}
    return depth(0, stamp_ns=stamp_ns, **changes)


class DepthRobot(Robot):
    """A robot whose camera has depth; its calibration comes once, latched."""

    pixels = PIXELS
    make_depth = staticmethod(millimetres)
    has_depth = True
    offset_ns = 0

    def __init__(self, make_host, peer, **parameters):
        self.is_located = 'output_frame' not in parameters
        given = {'depth_topic': DEPTH, 'depth_wait_s': 10.0, **parameters}
        super().__init__(make_host, peer, **given)

    def is_connected(self):
        self.send()
        found = list(self.results)
        return len(found) > 3 and (not self.is_located or has_3d(found[-1]))

    def send(self, pixels=None, *, stamp_ns=None):
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        if INFO not in self._publishers:
            self.publish(INFO, info(), LATCHED)
        if self.has_depth:
            self.publish(DEPTH, self.make_depth(stamp_ns + self.offset_ns, 2.0))
        return super().send(pixels, stamp_ns=stamp_ns)


def has_3d(message):
    return message.tracks[0].has_3d


def xyz(vector):
    return vector.x, vector.y, vector.z


def stamped(parent, child, stamp_ns, shift, turn=(0.0, 0.0, 0.0, 1.0)):
    """Return a transform."""
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id = parent
    found.header.stamp.sec, found.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    vector, rotation = found.transform.translation, found.transform.rotation
    vector.x, vector.y, vector.z = shift
    rotation.x, rotation.y, rotation.z, rotation.w = turn
    return found


@pytest.fixture
def start(make_host, peer, puppet):
    """Return a function that starts a node that sees one box, and its camera."""
    add_box(puppet)
    return lambda kind=DepthRobot, **parameters: kind(make_host, peer, **parameters)


@pytest.mark.parametrize('make_depth', [millimetres, metres_32])
def test_place_and_size_of_a_track(start, make_depth):
    kind = type('Kind', (DepthRobot,), {'make_depth': staticmethod(make_depth)})
    robot = start(kind)
    for _ in range(3):
        message = robot.show()
        (track,) = message.tracks
        assert (track.has_3d, track.quality_3d) == (True, GOOD)
        assert xyz(track.position) == pytest.approx(IN_CAMERA, abs=0.03)
        assert xyz(track.size)[:2] == pytest.approx((0.8, 0.6), abs=0.05)
        assert (message.frame_id_3d, message.header.frame_id) == ('camera', 'camera')
    assert robot.counts['errors'] == 0


def test_stamps_that_differ_within_the_slop(start):
    kind = type('Kind', (DepthRobot,), {'offset_ns': 8_000_000})
    robot = start(kind, depth_sync='approximate', depth_slop_s=0.015)
    assert [robot.show().tracks[0].quality_3d for _ in range(3)] == [GOOD] * 3


def test_depth_stops_and_returns(start):
    robot = start(depth_wait_s=0.2)
    before = robot.show()
    robot.has_depth = False
    qualities = [robot.show().tracks[0].quality_3d for _ in range(30)]  # each has its 2D track
    assert set(qualities[:5]) == {PREDICTED}
    assert set(qualities[-10:]) == {NONE}
    robot.show()
    robot.wait_for_status(WARN, f'no depth on {DEPTH} in time')
    robot.has_depth = True
    wait_until(lambda: robot.show().tracks[0].quality_3d == GOOD)
    robot.wait_for_status(OK, 'tracking')
    assert robot.results[-1].session_id == before.session_id
    assert robot.counts['failed'] == robot.counts['errors'] == 0


def test_a_static_transform_that_comes_late(start, peer):
    """Until it comes, it is told to be missing and the track is published all the same."""
    robot = start(output_frame='map', depth_wait_s=0.2)
    message = robot.show()
    assert (has_3d(message), message.frame_id_3d) == (False, '')
    assert message.tracks[0].class_name
    robot.wait_for_status(WARN, 'no transform')
    turn = (-0.5, 0.5, -0.5, 0.5)  # z of the camera ahead, as on robots
    static = StaticTransformBroadcaster(peer.node)
    static.sendTransform(stamped('map', 'camera', 0, (10.0, 0.0, 1.0), turn))
    wait_until(lambda: has_3d(robot.show()))
    message = robot.show()
    assert (message.frame_id_3d, message.header.frame_id) == ('map', 'camera')
    assert message.tracks[0].quality_3d == GOOD
    assert xyz(message.tracks[0].position) == pytest.approx((12.0, 0.0, 1.0), abs=0.03)
    assert robot.counts['transform_missing'] > 0
    assert robot.counts['errors'] == 0


def test_transforms_that_move_and_stop(start, peer):
    robot = start(output_frame='map', depth_wait_s=0.5)
    static, moving = StaticTransformBroadcaster(peer.node), TransformBroadcaster(peer.node)
    static.sendTransform(stamped('base', 'camera', 0, (0.0, 0.0, 1.0)))

    def drive():
        _, stamp_ns, _ = (robot.next_stamp() for _ in range(3))  # the transforms lie between
        for aside, x in ((-PERIOD_NS, 10.0), (PERIOD_NS, 12.0)):  # 11 at the image
            moving.sendTransform(stamped('map', 'base', stamp_ns + aside, (x, 0.0, 0.0)))
        return robot.show(stamp_ns=stamp_ns)

    wait_until(lambda: has_3d(drive()))
    assert xyz(robot.results[-1].tracks[0].position) == pytest.approx((11.0, 0.0, 3.0), abs=0.03)
    for _ in range(3):
        robot.show()  # beyond the last transform: nothing is made up
    assert robot.results[-1].tracks[0].quality_3d in (NONE, PREDICTED)
    robot.wait_for_status(WARN, 'no transform')
    assert robot.counts['failed'] == robot.counts['errors'] == 0
