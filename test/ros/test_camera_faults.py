# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the camera and of subscribers, with a node on Cyclone DDS and on a real ROS 2."""

import itertools
import threading
import time

import numpy as np
from coloured_world import picture
from core_rig import IMAGES, MESSAGES, NOW_NS, PERIOD_NS, track
from hosts_rig import wait_until
from robot_rig import ERROR, TRACKS, WARN, stamp_of

from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import make_header

RED = (250, 9, 0)
S = 1_000_000_000


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
    with robot.reporting(WARN, 'no image on image for'):
        pass
    after = robot.show()
    assert (after.session_id, after.tracks[0].id) == (before.session_id, before.tracks[0].id)
    robot.wait_until_well()
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


def test_images_that_are_none(make_robot):
    robot = make_robot()
    session = robot.show().session_id
    for count, (encoding, changes, words) in enumerate(
        [
            ('secret', {}, 'secret'),
            ('rgb8', {'step': 1}, 'step'),
            ('rgb8', {'data': np.zeros(5, np.uint8)}, 'bytes'),
            ('rgb8', {'height': 0}, 'height'),
        ],
        start=1,
    ):
        with robot.reporting(ERROR, words):
            image_of(robot, (8, 12), encoding, 3, **changes)
        assert robot.counts['failed'] == count
        assert robot.show().session_id == session
    robot.wait_until_well()


def test_5_hz(make_robot, colours):
    robot = make_robot(method='iou')
    known = robot.stream.dropped
    sent, ids = [], set()
    for index in range(8):
        time.sleep(0.2)
        sent.append(NOW_NS + 10 * S + index * S // 5)
        found = robot.show(picture((5 + index, 10, 20, 20, RED)), stamp_ns=sent[-1])
        ids |= {item.id for item in found.tracks}
    assert [stamp_of(message) for message in robot.results] == sent  # each has its result
    assert len(ids) == 1
    robot.wait_balanced()
    assert (robot.stream.dropped, robot.counts['errors']) == (known, 0)


def test_120_hz(make_robot, puppet):
    robot = make_robot()
    session = robot.show().session_id
    is_over, numbers = threading.Event(), itertools.count()

    def slow(frame):
        """Take as long as three images of the camera."""
        known = robot.counts['received']
        wait_until(lambda: is_over.is_set() or robot.counts['received'] >= known + 3)
        return (track(1, frame),)

    def send():
        time.sleep(1 / 120)
        return robot.send(stamp_ns=NOW_NS + 10 * S + next(numbers) * S // 120)

    puppet.act = staticmethod(slow)
    with robot.reporting(WARN, 'frames dropped: the method is slower than the camera'):
        for _ in range(60):
            send()
        wait_until(lambda: send() and robot.has_reported(WARN, 'frames dropped'))
    is_over.set()
    newest_ns = send()
    wait_until(lambda: robot.newest_ns == newest_ns)  # the newest always gets through
    stamps = [stamp_of(message) for message in robot.results]
    assert stamps == sorted(set(stamps))
    assert {message.session_id for message in robot.results} == {session}
    robot.wait_balanced()
    assert robot.stream.dropped >= robot.counts['processed'] / 2
    assert robot.counts['errors'] == 0


def test_30_percent_of_the_images_are_lost(make_robot, colours):
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
    again = robot.show(stamp_ns=NOW_NS - 60 * S)  # a bag begins anew
    assert again.session_id == known.session_id + 1
    robot.show(stamp_ns=NOW_NS - 59 * S)
    assert robot.counts['failed'] == robot.counts['errors'] == 0


def test_a_subscriber_that_never_reads(make_robot):
    robot, depths = make_robot(), (1, 100)
    with robot.transport.idle_subscriptions(TRACKS_TYPE, TRACKS, depths):
        publisher = robot.stream.frames._outputs._tracks
        wait_until(lambda: publisher.subscriber_count() == 1 + len(depths))
        for _ in range(150):
            robot.show()
        assert robot.counts['failed'] == robot.counts['errors'] == 0
