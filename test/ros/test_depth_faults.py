# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth, calibration and transforms, good and bad ones, with a node on each transport.

The transforms on a real ROS 2 are sent and kept by tf2.
"""

from functools import partial

import numpy as np
import pytest
from core_rig import PERIOD_NS
from depth_rig import DEPTH, HEIGHT, INFO, PIXELS, WIDTH, add_box, depth, info, transforms
from hosts_rig import wait_until
from robot_rig import WARN, Robot, stamp_of

from vis_ros.wire.depth_images import CAMERA_INFO_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE

NONE, PREDICTED, LOW, GOOD = range(4)
HOLES = np.random.default_rng(0).random(HEIGHT * WIDTH) < 0.3
CALIBRATION = info()
IN_CAMERA = (0.0, 0.0, 2.0)  # the middle of the box


def millimetres(stamp_ns, metres=2.0):
    """Return 16UC1 with holes of 0."""
    data = np.where(HOLES, 0, round(metres * 1000)).astype('<u2')
    return depth(0, stamp_ns=stamp_ns, data=data.view(np.uint8))


def metres_32(stamp_ns, metres=2.0):
    """Return 32FC1 with holes of NaN."""
    data = np.where(HOLES, np.nan, metres).astype('<f4')
    changes = {'encoding': '32FC1', 'step': 4 * WIDTH, 'data': data.view(np.uint8)}
    return depth(0, stamp_ns=stamp_ns, **changes)


def of_size(*size):
    """Return what makes depth images of another size."""
    return lambda stamp_ns: depth(0, stamp_ns=stamp_ns, size=size)


class DepthRobot(Robot):
    """A robot whose camera has depth; its calibration comes once, latched, before the node.

    Args:
        make_depth: Returns the depth image of a stamp; None for no depth.
        calibration: None for none.
        delay_ns: How much older than its image a depth image is.
        is_located: Whether its tracks have places from the beginning.
    """

    pixels = PIXELS
    topics = {
        **Robot.topics,
        DEPTH: (IMAGE_TYPE, False),
        INFO: (CAMERA_INFO_TYPE, True),
    }

    def __init__(
        self,
        transport,
        *,
        make_depth=millimetres,
        calibration=CALIBRATION,
        delay_ns=0,
        is_located=True,
        **parameters,
    ):
        self.make_depth, self.calibration, self.delay_ns = make_depth, calibration, delay_ns
        self.is_located = is_located
        super().__init__(transport, **{'depth_topic': DEPTH, 'depth_wait_s': 10.0, **parameters})

    def prepare(self):
        if self.calibration is not None:
            self.publish(INFO, self.calibration)

    def is_connected(self):
        return super().is_connected() and (not self.is_located or has_3d(self.results[-1]))

    def send(self, pixels=None, *, stamp_ns=None):
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        if self.make_depth is not None:
            self.publish(DEPTH, self.make_depth(stamp_ns - self.delay_ns))
        return super().send(pixels, stamp_ns=stamp_ns)

    def quality(self):
        """Show an image, and return the quality of the track's place."""
        return self.show().tracks[0].quality_3d

    def wait_until_measured(self):
        """Show images until the track has its place."""
        wait_until(lambda: self.quality() in (LOW, GOOD))
        assert xyz(self.results[-1].tracks[0].position) == pytest.approx(IN_CAMERA, abs=0.06)


def has_3d(message):
    return message.tracks[0].has_3d


def xyz(vector):
    return vector.x, vector.y, vector.z


@pytest.fixture
def start(transport, puppet):
    """Return a function that starts a node that sees one box, and its camera."""
    add_box(puppet)
    return partial(DepthRobot, transport)


@pytest.mark.parametrize('make_depth', [millimetres, metres_32])
def test_place_and_size_of_a_track(start, make_depth):
    robot = start(make_depth=make_depth)
    for _ in range(3):
        message = robot.show()
        (track,) = message.tracks
        assert (track.has_3d, track.quality_3d) == (True, GOOD)
        assert xyz(track.position) == pytest.approx(IN_CAMERA, abs=0.03)
        assert xyz(track.size)[:2] == pytest.approx((0.8, 0.6), abs=0.05)
        assert (message.frame_id_3d, message.header.frame_id) == ('camera', 'camera')
    assert robot.counts['errors'] == 0


def test_stamps_that_differ_within_the_slop(start):
    robot = start(delay_ns=-8_000_000, depth_sync='approximate', depth_slop_s=0.015)
    assert [robot.quality() for _ in range(3)] == [GOOD] * 3


def test_depth_stops_and_returns(start):
    robot = start(depth_wait_s=0.1)
    before = robot.show()
    robot.make_depth = None
    with robot.reporting(WARN, f'no depth on {DEPTH} in time'):
        qualities = [robot.quality() for _ in range(30)]  # each has its 2D track
    assert set(qualities[:5]) == {PREDICTED}
    assert set(qualities[-10:]) == {NONE}
    robot.make_depth = millimetres
    robot.wait_until_measured()
    robot.wait_until_well()
    assert robot.results[-1].session_id == before.session_id
    assert robot.counts['failed'] == robot.counts['errors'] == 0


def test_depth_that_comes_after_its_image(start):
    robot = start()
    robot.make_depth = None
    known = robot.counts['received']
    stamp_ns = robot.send()
    wait_until(lambda: robot.counts['received'] > known)
    robot.publish(DEPTH, millimetres(stamp_ns))
    wait_until(lambda: robot.newest_ns == stamp_ns)
    assert robot.results[-1].tracks[0].quality_3d == GOOD


def test_depth_that_comes_too_late_is_used_for_no_image(start):
    robot = start(make_depth=None, depth_wait_s=0.01, is_located=False)
    known = robot.counts['depth_missing']
    with robot.reporting(WARN, f'no depth on {DEPTH} in time'):
        for _ in range(12):
            message = robot.show()
            assert message.tracks[0].quality_3d == NONE
            robot.publish(DEPTH, millimetres(stamp_of(message)))  # its image is done with
    assert robot.counts['depth_missing'] == known + 12
    assert robot.counts['depth_used'] == robot.counts['errors'] == 0
    robot.make_depth = millimetres
    robot.wait_until_measured()  # so the late ones came too


def test_a_depth_of_half_the_size_is_scaled_and_said(start, capfd):
    robot = start(make_depth=of_size(HEIGHT // 2, WIDTH // 2))
    robot.wait_until_measured()
    assert 'image 32x24, camera info 32x24, depth 16x12: taken as' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('bad', 'words'),
    [
        ({'make_depth': of_size(20, 32)}, 'do not fit'),
        ({'calibration': info(focal=0.0)}, 'not calibrated'),
        ({'calibration': None}, 'no camera info yet on camera_info'),
    ],
)
def test_depth_that_cannot_be_used(start, bad, words):
    robot = start(**bad, is_located=False)
    known = robot.counts['depth_refused']
    with robot.reporting(WARN, words):
        assert [robot.quality() for _ in range(3)] == [NONE] * 3
    assert robot.counts['depth_refused'] == known + 3
    robot.make_depth = millimetres  # it is put right
    robot.publish(INFO, info(1))
    robot.wait_until_measured()
    robot.wait_until_well()
    assert robot.counts['failed'] == robot.counts['errors'] == 0


# Another frame


@pytest.fixture
def start_in_map(request, start):
    """Return a function that starts a node that gives places in the frame `map`."""
    if request.node.callspec.params['transport'] == 'rclpy':
        pytest.importorskip('tf2_ros', reason='needs tf2_ros of ROS 2')
    return partial(start, output_frame='map', is_located=False)


def test_a_static_transform_that_comes_late(start_in_map):
    """Until it comes, it is told to be missing and the track is published all the same."""
    robot = start_in_map(depth_wait_s=0.2)
    with robot.reporting(WARN, 'no transform'):
        message = robot.show()
    assert (has_3d(message), message.frame_id_3d) == (False, '')
    assert message.tracks[0].class_name
    turn = (-0.5, 0.5, -0.5, 0.5)  # z of the camera ahead, as on robots
    there = transforms('map', 'camera', 0, (10.0, 0.0, 1.0), turn)
    robot.transport.send_transforms(there, is_static=True)
    wait_until(lambda: robot.quality() == GOOD)
    message = robot.results[-1]
    assert (message.frame_id_3d, message.header.frame_id) == ('map', 'camera')
    assert xyz(message.tracks[0].position) == pytest.approx((12.0, 0.0, 1.0), abs=0.03)
    assert robot.counts['transform_missing'] > 0
    assert robot.counts['errors'] == 0


def test_transforms_that_move_and_stop(start_in_map):
    robot = start_in_map(depth_wait_s=0.2)
    send = robot.transport.send_transforms
    send(transforms('base', 'camera', 0, (0.0, 0.0, 1.0)), is_static=True)

    def drive():
        _, stamp_ns, _ = (robot.next_stamp() for _ in range(3))  # the transforms lie between
        for aside, x in ((-PERIOD_NS, 10.0), (PERIOD_NS, 12.0)):  # 11 at the image
            send(transforms('map', 'base', stamp_ns + aside, (x, 0.0, 0.0)))
        return robot.show(stamp_ns=stamp_ns)

    wait_until(lambda: has_3d(drive()))
    assert xyz(robot.results[-1].tracks[0].position) == pytest.approx((11.0, 0.0, 3.0), abs=0.03)
    with robot.reporting(WARN, 'no transform'):
        qualities = {robot.quality() for _ in range(3)}  # beyond the last transform
    assert qualities <= {NONE, PREDICTED}  # nothing is made up
    assert robot.counts['failed'] == robot.counts['errors'] == 0
