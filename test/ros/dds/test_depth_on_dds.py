# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth, calibration and transforms over Cyclone DDS, latched ones to a late listener too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from depth_rig import MESSAGES, at, depth, info, transforms

from vis_ros.ros.depth_input import DepthInput
from vis_ros.ros.host import Qos
from vis_ros.ros.parameters import NodeParameters
from vis_ros.ros.transform_input import TransformInput

IMAGE, INFO, TF = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo', 'tf2_msgs/msg/TFMessage'


def refuse(text):
    raise AssertionError(text)


def test_depth_and_a_latched_calibration(make_host, wait_until):
    robot = make_host('robot')
    latched = Qos(reliable=True, transient_local=True, depth=1)
    robot.create_publisher(INFO, '/camera_info', latched).publish(info(-9))
    depths = robot.create_publisher(IMAGE, '/depth', Qos(reliable=True))
    tracker = make_host('tracker')
    found = DepthInput(tracker, NodeParameters(depth_topic='/depth', depth_wait_s=10.0), refuse)
    wait_until(lambda: depths.subscriber_count() == 1)
    index = 0
    pair = None
    while (pair is None or pair.info is None) and index < 200:  # until both are connected
        index += 1
        sent = depth(index)
        found.expect(sent)
        depths.publish(sent)
        pair = found.take(at(index))
    assert bytes(MESSAGES.serialize(pair.depth)) == bytes(MESSAGES.serialize(depth(index)))
    assert pair.info.k.tolist() == info().k.tolist()
    found.close()


def test_transforms(make_host, wait_until):
    robot = make_host('robot')
    static = robot.create_publisher(TF, '/tf_static', Qos(transient_local=True, depth=1))
    static.publish(transforms('base', 'camera', 0, (0.0, 0.0, 1.0)))
    moving = robot.create_publisher(TF, '/tf', Qos(depth=100))
    found = TransformInput(make_host('tracker'), refuse)
    wait_until(lambda: moving.subscriber_count() == static.subscriber_count() == 1)
    for index in (0, 2):
        moving.publish(transforms('map', 'base', at(index), (float(index), 0.0, 0.0)))
    pose = None

    def is_known():
        nonlocal pose
        try:
            pose = found.lookup('map', 'camera', at(1), 0.0)
        except LookupError:
            return False
        return True

    wait_until(is_known)
    assert pose.translation_m.tolist() == pytest.approx([1.0, 0.0, 1.0])
    found.close()
