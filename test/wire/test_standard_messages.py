# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Detections and labels of vision_msgs, through the bytes on the wire."""

import numpy as np
import pytest
from result_makers import CLASSES, MESSAGES, place, result, track, values, wire

from vis_ros.structures import TrackState
from vis_ros.wire.standard_messages import (
    detections_2d_message,
    detections_3d_message,
    hypotheses_of,
    vision_labels_message,
)


def flat(frame):
    return wire(detections_2d_message(MESSAGES, frame))


def solid(frame):
    return wire(detections_3d_message(MESSAGES, frame))


@pytest.mark.parametrize('make', [flat, solid])
def test_no_track(make):
    message = make(result())
    assert message.detections == []
    assert values(message.header.stamp, 'sec', 'nanosec') == (12, 34)
    assert message.header.frame_id == 'camera'


def test_every_field_in_2d():
    scores = ((2, 0.6), (0, 0.3), (1, 0.1))
    message = flat(result(track(7, class_id=2, score=0.9, class_scores=scores)))
    (found,) = message.detections
    assert found.header == message.header
    assert found.id == '7'
    assert values(found.bbox.center.position, 'x', 'y') == (12.0, 21.0)
    assert values(found.bbox, 'size_x', 'size_y') == (4.0, 2.0)
    assert found.bbox.center.theta == 0.0
    said = [values(item.hypothesis, 'class_id', 'score') for item in found.results]
    assert [name for name, _ in said] == ['2', '0', '1']
    assert [score for _, score in said] == pytest.approx([0.9, 0.45, 0.15])
    for item in found.results:
        assert values(item.pose.pose.position, 'x', 'y', 'z') == (0.0, 0.0, 0.0)
        assert values(item.pose.pose.orientation, 'x', 'y', 'z', 'w') == (0.0, 0.0, 0.0, 1.0)
        assert np.array_equal(item.pose.covariance, np.zeros(36))


def test_only_what_is_seen_is_detected():
    tracks = [track(int(state), state=state, placement=place(0, 0, 1)) for state in TrackState]
    for make in (flat, solid):
        ids = [found.id for found in make(result(*tracks)).detections]
        assert ids == [str(int(TrackState.TENTATIVE)), str(int(TrackState.ACTIVE))]


def test_every_field_in_3d():
    tracks = (track(3), track(2**63, placement=place(0.25, -1.0, 4.0)))
    message = solid(result(*tracks, frame_id_3d='map'))
    assert message.header.frame_id == 'map'
    assert values(message.header.stamp, 'sec', 'nanosec') == (12, 34)
    (found,) = message.detections
    assert found.header == message.header
    assert found.id == str(2**63)
    assert values(found.bbox.center.position, 'x', 'y', 'z') == (0.25, -1.0, 4.0)
    assert values(found.bbox.center.orientation, 'x', 'y', 'z', 'w') == (0.0, 0.0, 0.0, 1.0)
    assert values(found.bbox.size, 'x', 'y', 'z') == (0.5, 1.5, 0.25)
    (item,) = found.results
    assert values(item.hypothesis, 'class_id', 'score') == ('0', 0.5)
    assert item.pose.pose == found.bbox.center
    assert np.array_equal(item.pose.covariance, np.zeros(36))


@pytest.mark.parametrize(
    ('own', 'score', 'scores', 'expected'),
    [
        (1, 0.5, (), [(1, 0.5)]),
        (1, 0.5, ((1, 1.0),), [(1, 0.5)]),
        # Probabilities as they are where the score is one of them.
        (1, 0.5, ((1, 0.5), (0, 0.2)), [(1, 0.5), (0, 0.2)]),
        # The track's own class comes first and stays on top, whatever this frame says.
        (1, 0.5, ((0, 0.8), (1, 0.2)), [(1, 0.5), (0, 0.5)]),
        (1, 0.5, ((0, 0.8), (2, 0.1)), [(1, 0.5), (0, 0.5), (2, 0.1)]),
        (1, 0.5, ((0, 0.3), (1, 0.0)), [(1, 0.5), (0, 0.3)]),
        (1, 0.0, ((1, 0.7), (0, 0.3)), [(1, 0.0), (0, 0.0)]),
    ],
)
def test_hypotheses(own, score, scores, expected):
    found = hypotheses_of(track(1, class_id=own, score=score, class_scores=scores))
    assert [k for k, _ in found] == [k for k, _ in expected]
    assert [s for _, s in found] == pytest.approx([s for _, s in expected])


def test_labels():
    assert wire(vision_labels_message(MESSAGES, 0, ())).class_map == []
    message = wire(vision_labels_message(MESSAGES, 5, CLASSES))
    found = [values(item, 'class_id', 'class_name') for item in message.class_map]
    assert found == list(enumerate(CLASSES))
    assert (message.header.stamp.nanosec, message.header.frame_id) == (5, '')
    assert message.threshold == 0.0


def test_more_classes_than_the_message_holds():
    assert len(vision_labels_message(MESSAGES, 0, ['x'] * 65535).class_map) == 65535
    with pytest.raises(ValueError, match='at most 65535, got 65536'):
        vision_labels_message(MESSAGES, 0, ['x'] * 65536)
