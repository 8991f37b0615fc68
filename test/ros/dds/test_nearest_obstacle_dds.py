# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The example node as a process of its own, without ROS: tracks in, obstacles out."""

import math
import signal
import subprocess
import sys

import pytest
from obstacle_world import EXAMPLE, points_of, tracks_of
from track_messages import placed, track

from vis_ros.client import TrackSubscriber
from vis_ros.ros.host import Qos
from vis_ros.wire.conversion import TRACKS_TYPE

TOPIC = '/front/tracks'


@pytest.fixture
def node(tmp_path):
    """Start the example; it must end with code 0 on SIGINT."""
    arguments = ('--ros-args', '-p', f'tracks_topic:={TOPIC}', '-p', 'stand_off_m:=1.0')
    with (tmp_path / 'log').open('w+') as log:
        running = subprocess.Popen([sys.executable, EXAMPLE, *arguments], stderr=log)
        try:
            yield running
            running.send_signal(signal.SIGINT)
            code = running.wait(60)
            assert code == 0, (tmp_path / 'log').read_text()
        finally:
            running.kill()
            running.wait()


def test_tracks_in_obstacles_out(node, make_host, wait_until):
    planner = make_host('planner')
    clouds, points = [], []
    cloud_type, point_type = 'sensor_msgs/msg/PointCloud2', 'geometry_msgs/msg/PointStamped'
    planner.create_subscription(cloud_type, '/nearest_obstacle/obstacles', Qos(), clouds.append)
    planner.create_subscription(
        point_type, '/nearest_obstacle/nearest/person', Qos(), points.append
    )
    subscriber = TrackSubscriber(planner, TOPIC)
    tracker = planner.create_publisher(TRACKS_TYPE, TOPIC, Qos())
    wait_until(lambda: node.poll() is not None or tracker.subscriber_count() == 2)
    stamp_s = 1.0

    def is_answered():
        nonlocal stamp_s
        stamp_s += 0.1
        person = track(1, placement=placed((0, 0, 5), (0, 0, -2)))
        tracker.publish(tracks_of(stamp_s, person, track(2, class_id=1)))
        return node.poll() is not None or (clouds and points)

    wait_until(is_answered)
    found = points_of(clouds[-1])
    assert found['id'].tolist() == [1, 2]
    assert found['z'][0] == found['range'][0] == 5
    assert found['time_to_contact'][0] == pytest.approx(2)
    assert math.isnan(found['range'][1])
    assert (clouds[-1].header.frame_id, points[-1].point.z) == ('camera', 5)
    wait_until(lambda: len(subscriber.snapshot()) == 2)
    assert subscriber.invalid == 0


def test_bad_arguments_end_with_a_text():
    done = subprocess.run(
        [sys.executable, EXAMPLE, '--ros-args', '-p', 'max_silence_s:=-1.0'],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert 'max_silence_s' in done.stderr
    assert 'Traceback' not in done.stderr
