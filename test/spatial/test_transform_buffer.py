# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses, and the tree of frames that they span."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vis_ros.spatial.pose import IDENTITY, Pose
from vis_ros.spatial.transform_buffer import TransformBuffer, TransformError

S = 1_000_000_000
QUARTER = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))  # 90 degrees about z
NONE = (0.0, 0.0, 0.0, 1.0)
number = st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3)
poses = st.builds(
    Pose.of, st.tuples(number, number, number, number), st.tuples(number, number, number)
)


def stamped(parent, child, shift=(0, 0, 0), turn=NONE, ns=0):
    def vector(names, values):
        return SimpleNamespace(**dict(zip(names, values, strict=True)))

    stamp = SimpleNamespace(sec=ns // S, nanosec=ns % S)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=SimpleNamespace(rotation=vector('xyzw', turn), translation=vector('xyz', shift)),
    )


def tree(*moving, static=()):
    buffer = TransformBuffer()
    for item in moving:
        buffer.insert(item, is_static=False)
    for item in static:
        buffer.insert(item, is_static=True)
    return buffer


def where(pose, point=(0, 0, 0)):
    """Return the point as the pose moves it."""
    return (pose.matrix @ np.array(point, float) + pose.translation_m).tolist()


@given(poses, poses)
@settings(max_examples=30, deadline=None)
def test_poses_compose_and_invert(a, b):
    point = (0.3, -0.2, 0.9)
    assert where(a.after(b), point) == pytest.approx(where(a, where(b, point)))
    assert where(a.after(a.inverse()), point) == pytest.approx(point)
    assert where(a.towards(b, 0.0), point) == pytest.approx(where(a, point))
    assert where(a.towards(b, 1.0), point) == pytest.approx(where(b, point))
    assert np.linalg.det(a.matrix) == pytest.approx(1)


def test_half_a_turn():
    half = IDENTITY.towards(Pose.of(QUARTER, (2, 0, 0)), 0.5)
    assert where(half, (1, 0, 0)) == pytest.approx([1 + np.sqrt(0.5), np.sqrt(0.5), 0])


@pytest.mark.parametrize('numbers', [(0, 0, 0, 0), (np.nan, 0, 0, 1), (np.inf, 0, 0, 1)])
def test_poses_that_are_none(numbers):
    with pytest.raises(ValueError, match='quaternion that is not zero'):
        Pose.of(numbers, (0, 0, 0))
    with pytest.raises(ValueError, match='finite'):
        Pose.of(NONE, (0, np.nan, 0))


def test_an_empty_tree():
    with pytest.raises(TransformError, match="no transform names 'map' yet"):
        TransformBuffer().lookup('map', 'camera', 0)
    assert TransformBuffer().lookup('camera', '/camera', 5) is IDENTITY


def test_up_down_and_across():
    buffer = tree(
        stamped('map', 'base', (10, 0, 0), QUARTER, S),
        static=[stamped('base', 'camera', (1, 0, 0)), stamped('base', 'arm', (0, 2, 0))],
    )
    assert where(buffer.lookup('map', 'camera', S)) == pytest.approx([10, 1, 0])
    assert where(buffer.lookup('camera', 'map', S), (10, 1, 0)) == pytest.approx([0, 0, 0])
    assert where(buffer.lookup('arm', 'camera', 77 * S)) == pytest.approx([1, -2, 0])
    assert where(buffer.lookup('base', 'camera', 0)) == pytest.approx([1, 0, 0])


def test_between_two_stamps_and_never_beyond():
    buffer = tree(*(stamped('map', 'base', (x, 0, 0), ns=x * S) for x in (3, 1, 2)))
    assert where(buffer.lookup('map', 'base', 3 * S // 2)) == pytest.approx([1.5, 0, 0])
    assert where(buffer.lookup('map', 'base', 2 * S)) == [2, 0, 0]
    assert where(buffer.lookup('map', 'base', 0)) == [3, 0, 0]  # the latest
    for stamp_ns, word in ((S - 1, 'past'), (3 * S + 1, 'future')):
        with pytest.raises(TransformError, match=f'map <- base.*{word}'):
            buffer.lookup('map', 'base', stamp_ns)


def test_the_text_names_the_way_and_the_edge_once_each():
    buffer = tree(stamped('map', 'base', ns=S), static=[stamped('base', 'camera')])
    for source, begin in (
        ('base', 'map <- base is asked for at 2.000 s, in the future of what is known'),
        ('camera', 'map <- camera: map <- base is asked for at 2.000 s, in the future'),
    ):
        with pytest.raises(TransformError) as caught:
            buffer.lookup('map', source, 2 * S)
        assert str(caught.value).startswith(begin)
    with pytest.raises(TransformError, match='^base <- map: map <- base is asked for'):
        buffer.lookup('base', 'map', 2 * S)


def test_the_latest_is_one_time_for_the_whole_way():
    buffer = tree(
        *(stamped('map', 'base', (x, 0, 0), ns=x * S) for x in (1, 2, 3)),
        *(stamped('base', 'arm', (0, x, 0), ns=x * S) for x in (1, 2)),
    )
    assert where(buffer.lookup('map', 'arm', 0)) == [2, 2, 0]


def test_trees_that_are_not_connected():
    buffer = tree(static=[stamped('map', 'base'), stamped('world', 'camera')])
    with pytest.raises(TransformError, match='camera hangs on world, map on map'):
        buffer.lookup('map', 'camera', 0)
    with pytest.raises(TransformError, match="no transform names 'nowhere' yet"):
        buffer.lookup('map', 'nowhere', 0)


def test_a_loop_of_parents():
    buffer = tree(static=[stamped('a', 'b'), stamped('b', 'a')])
    with pytest.raises(TransformError, match='loop'):
        buffer.lookup('a', 'c', 0)


def test_another_parent():
    buffer = tree(static=[stamped('a', 'c', (1, 0, 0)), stamped('b', 'c', (2, 0, 0))])
    assert where(buffer.lookup('b', 'c', 0)) == [2, 0, 0]
    with pytest.raises(TransformError):
        buffer.lookup('a', 'c', 0)


@pytest.mark.parametrize(('parent', 'child'), [('', 'a'), ('a', ''), ('a', '/a')])
def test_transforms_that_are_none(parent, child):
    with pytest.raises(ValueError, match='two different frames'):
        tree(stamped(parent, child))
    with pytest.raises(ValueError, match='quaternion'):
        tree(stamped('a', 'b', turn=(0, 0, 0, 0)))


def test_the_past_is_bounded():
    buffer = tree(*(stamped('map', 'base', (i, 0, 0), ns=i * S // 100) for i in range(3000)))
    with pytest.raises(TransformError, match='past'):
        buffer.lookup('map', 'base', 19 * S)
    assert where(buffer.lookup('map', 'base', 20 * S)) == pytest.approx([2000, 0, 0])


def test_time_that_was_set_back():
    buffer = tree(stamped('map', 'base', (1, 0, 0), ns=100 * S), stamped('map', 'base', ns=S))
    assert where(buffer.lookup('map', 'base', 0)) == [0, 0, 0]
    with pytest.raises(TransformError, match='future'):
        buffer.lookup('map', 'base', 100 * S)
