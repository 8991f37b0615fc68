# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""tf2's buffer and ours find the same transforms."""

import random

import numpy as np
import pytest
import rclpy_peer  # noqa: F401 (skips this module where ROS 2 is not sourced)

# isort: split
pytest.importorskip('tf2_ros', reason='needs tf2_ros of ROS 2')

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped

from vis_ros.ros.rclpy_transforms import Tf2Source
from vis_ros.spatial.transform_buffer import TransformBuffer, TransformError

MS = 1_000_000
S = 1000 * MS


def stamped(parent, child, ns, rng):
    found = TransformStamped()
    found.header.frame_id, found.child_frame_id = parent, child
    found.header.stamp = Time(sec=ns // S, nanosec=ns % S)
    turn = np.array([rng.gauss(0, 1) for _ in range(4)])
    turn /= np.linalg.norm(turn)
    for name, value in zip('xyzw', turn, strict=True):
        setattr(found.transform.rotation, name, float(value))
    for name in 'xyz':
        setattr(found.transform.translation, name, rng.gauss(0, 1))
    return found


def both(seed):
    rng = random.Random(seed)
    sources = Tf2Source(), TransformBuffer()
    for index in range(100, 130):
        for parent, child in (('map', 'odom'), ('odom', 'base'), ('base', 'head')):
            item = stamped(parent, child, index * 50 * MS + rng.randint(0, 20 * MS), rng)
            for source in sources:
                source.insert(item, is_static=False)
    item = stamped('head', 'camera', 0, rng)
    for source in sources:
        source.insert(item, is_static=True)
    return sources


def test_nothing_is_known():
    for source in (Tf2Source(), TransformBuffer()):
        with pytest.raises(TransformError, match='map'):
            source.lookup('map', 'camera', S)


@pytest.mark.parametrize('seed', range(5))
def test_the_same_transforms(seed):
    theirs, ours = both(seed)
    rng = random.Random(seed + 1000)
    frames = ('map', 'odom', 'base', 'head', 'camera')
    for stamp_ns in (0, *(rng.randint(5 * S + 30 * MS, 6 * S + 400 * MS) for _ in range(30))):
        target, source = rng.sample(frames, 2)
        a, b = theirs.lookup(target, source, stamp_ns), ours.lookup(target, source, stamp_ns)
        assert a.matrix == pytest.approx(b.matrix, abs=1e-4)  # tf2 blends near turns otherwise
        assert a.translation_m == pytest.approx(b.translation_m, abs=1e-3)


@pytest.mark.parametrize('stamp_ns', [S, 100 * S])
def test_both_refuse_to_extrapolate(stamp_ns):
    for source in both(0):
        with pytest.raises(TransformError, match='camera'):
            source.lookup('map', 'camera', stamp_ns)
