# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The client and the example node on a real ROS 2."""

import pytest
from rclpy_peer import wait_until

# isort: split
from geometry_msgs.msg import PointStamped
from obstacle_world import load, points_of, tracks_of
from sensor_msgs.msg import PointCloud2
from track_messages import placed, track

from vis_msgs.msg import InstanceTrackArray
from vis_ros.client import TrackSubscriber, decode_mask
from vis_ros.ros.rclpy_messages import RclpyMessages

pytestmark = pytest.mark.usefixtures('loopback_domain')

TOPIC = '/vis_tracker/tracks'


def publish_until(peer, condition, *tracks):
    """Publish tracks, each time with a new stamp, until the condition is true."""
    publisher = peer.node.create_publisher(InstanceTrackArray, TOPIC, 10)
    stamp_s = 1.0

    def is_done():
        nonlocal stamp_s
        stamp_s += 0.1
        publisher.publish(tracks_of(stamp_s, *tracks, messages=RclpyMessages()))
        return condition()

    wait_until(is_done)
    peer.node.destroy_publisher(publisher)


def test_a_node_of_your_own(peer):
    subscriber = TrackSubscriber(peer.node, TOPIC)
    publish_until(peer, lambda: len(subscriber.snapshot()) == 1, track(5, (10, 10, 30, 40)))
    record = subscriber.snapshot().get(5)
    assert record.pixels().shape == (30, 20)
    assert record.pixels().all()
    assert subscriber.invalid == 0
    subscriber.close()


def test_masks_of_generated_messages():
    made = tracks_of(1.0, track(5, (10, 20, 30, 60)), messages=RclpyMessages())
    assert decode_mask(made.tracks[0].mask, (480, 640))[20:60, 10:30].all()


def test_the_example_node(make_host, peer):
    clouds, points = [], []
    host = make_host(name='nearest_obstacle', before=load().NearestObstacle)
    peer.node.create_subscription(PointCloud2, f'{host.name}/obstacles', clouds.append, 10)
    peer.node.create_subscription(PointStamped, f'{host.name}/nearest/person', points.append, 10)
    person = track(1, placement=placed((0, 0, 5), (0, 0, -2)))
    publish_until(peer, lambda: clouds and points, person)
    [row] = points_of(clouds[-1])
    assert (row['id'], row['z'], row['time_to_contact']) == (1, 5, 2.5)
    assert (points[-1].point.z, points[-1].header.frame_id) == (5, 'camera')
