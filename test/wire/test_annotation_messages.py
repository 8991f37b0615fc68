# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Annotations of foxglove_msgs, through the bytes on the wire and for older versions of it."""

import numpy as np
import pytest
from result_makers import CLASSES, MESSAGES, result, track, values, wire

from vis_ros.ops.rle import encode
from vis_ros.structures import TrackState
from vis_ros.wire.annotation_messages import annotations_message, label_of

LINE_LOOP = 2
BOX = [(10.0, 20.0), (14.0, 20.0), (14.0, 22.0), (10.0, 22.0)]


def colour_of(track_id):
    return (255, 0, 51 * track_id)


def annotations(*tracks, messages=MESSAGES, **changes):
    return annotations_message(
        messages, result(*tracks, **changes), class_names=CLASSES, colour_of=colour_of
    )


def rgba(colour):
    return values(colour, 'r', 'g', 'b', 'a')


def test_no_track():
    message = wire(annotations())
    assert (message.circles, message.points, message.texts, message.metadata) == ([], [], [], [])
    assert values(message.timestamp, 'sec', 'nanosec') == (12, 34)


def test_every_field_of_a_track():
    message = wire(annotations(track(5, class_id=2, score=0.875)))
    box, outline = message.points
    for item in (box, outline, *message.texts):
        assert values(item.timestamp, 'sec', 'nanosec') == (12, 34)
        assert item.metadata == []
    for item in (box, outline):
        assert item.type == LINE_LOOP
        assert rgba(item.outline_color) == (1.0, 0.0, 1.0, 1.0)
        assert rgba(item.fill_color) == (1.0, 0.0, 1.0, 0.0)
        assert item.outline_colors == []
    assert [values(point, 'x', 'y') for point in box.points] == BOX
    assert {values(point, 'x', 'y') for point in outline.points} == {
        (10.5, 20.5), (13.5, 20.5), (13.5, 21.5), (10.5, 21.5)
    }  # fmt: skip
    assert (box.thickness, outline.thickness) == (2.0, 1.0)
    (text,) = message.texts
    assert text.text == '5 ünïcode 0.88'
    assert values(text.position, 'x', 'y') == (10.0, 20.0)
    assert text.font_size == 14.0
    assert rgba(text.background_color) == (1.0, 0.0, 1.0, 1.0)
    assert rgba(text.text_color) == (1.0, 1.0, 1.0, 1.0)


def test_states_look_different():
    unsure, lost = annotations(
        track(1, state=TrackState.TENTATIVE, mask=encode(np.ones((1, 1), bool))),
        track(2, state=TrackState.LOST),
    ).points  # a mask of one pixel has no outline, a lost track no mask
    assert (unsure.thickness, lost.thickness) == (1.0, 1.0)
    assert rgba(unsure.outline_color)[:3] == (1.0, 0.0, 0.2)
    red, green, blue, _ = rgba(lost.outline_color)
    assert red == green == blue


def test_boxes_without_area_are_left_out():
    message = annotations(track(1, state=TrackState.LOST, box=(3.0, 4.0, 3.0, 9.0)))
    assert (message.points, message.texts) == ([], [])


def test_a_text_stays_in_the_image_and_can_be_read():
    message = annotations(track(0, box=(0.0, 1.0, 5.0, 9.0)))
    (text,) = message.texts
    assert text.position.y == text.font_size  # the corner is its bottom left
    bright = annotations_message(
        MESSAGES, result(track(1)), class_names=CLASSES, colour_of=lambda _: (255, 255, 0)
    )
    assert rgba(bright.texts[0].text_color) == (0.0, 0.0, 0.0, 1.0)


def test_lines_grow_with_the_image():
    box, outline = annotations(track(1), height=2160, width=3840).points
    assert (box.thickness, outline.thickness) == (6.0, 3.0)


def test_labels_of_tracks():
    assert label_of(track(1, class_id=9), CLASSES) == '1 class 9 0.50'
    assert label_of(track(1, state=TrackState.LOST), CLASSES) == '1 person'


class OldMessages:
    """Those of a machine with foxglove_msgs 3.2: no `timestamp` of the whole, no `metadata`."""

    def __init__(self):
        self.made = []

    def fields(self, type_name):
        known = MESSAGES.fields(type_name) - {'metadata'}
        return known - {'timestamp'} if type_name.endswith('ImageAnnotations') else known

    def make(self, type_name, **fields):
        if 'foxglove' in type_name:
            assert fields.keys() == self.fields(type_name)
        self.made.append(type_name.rpartition('/')[2])
        return fields


@pytest.mark.parametrize('count', [0, 2])
def test_older_versions_of_the_package(count):
    messages = OldMessages()
    annotations(*(track(i + 1) for i in range(count)), messages=messages)
    assert messages.made.count('ImageAnnotations') == 1
    assert messages.made.count('TextAnnotation') == count
    assert messages.made.count('PointsAnnotation') == 2 * count
