# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.data.label_boxes import label_boxes, paint_labels


def test_nothing_has_no_box():
    boxes, is_visible = label_boxes(np.zeros((2, 3, 4), np.uint8), 0)
    assert boxes.shape == (2, 0, 4)
    assert is_visible.shape == (2, 0)
    boxes, is_visible = label_boxes(np.zeros((0, 3, 4), np.uint8), 2)
    assert boxes.shape == (0, 2, 4)
    boxes, is_visible = label_boxes(np.zeros((1, 3, 4), np.uint8), 2)
    assert not boxes.any()
    assert not is_visible.any()


def test_boxes_are_tight_and_span_whole_pixels():
    labels = np.zeros((2, 5, 6), np.uint8)
    labels[0, 1:3, 2:5] = 1
    labels[0, 4, 0] = 3
    labels[1, 0, 5] = 1
    labels[1, 4, 0] = 1  # two parts of one object
    boxes, is_visible = label_boxes(labels, 3)
    assert boxes[0].tolist() == [[2, 1, 5, 3], [0, 0, 0, 0], [0, 4, 1, 5]]
    assert boxes[1].tolist() == [[0, 0, 6, 5], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert is_visible.tolist() == [[True, False, True], [True, False, False]]


def test_a_label_without_object_is_refused():
    with pytest.raises(ValueError, match='labels: expected at most 1, got 2'):
        label_boxes(np.full((1, 2, 2), 2, np.uint8), 1)


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    st.integers(1, 4),
)
def test_boxes_are_those_of_the_pixels(seed, shape, count):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, count + 1, shape).astype(np.uint8)
    labels[rng.random(shape) < 0.6] = 0
    boxes, is_visible = label_boxes(labels, count)
    for frame, own in enumerate(labels):
        for j in range(count):
            y, x = np.nonzero(own == j + 1)
            assert is_visible[frame, j] == (x.size > 0)
            expected = [x.min(), y.min(), x.max() + 1, y.max() + 1] if x.size else [0] * 4
            assert boxes[frame, j].tolist() == expected


def test_smaller_masks_lie_on_top_whatever_their_order():
    large, small = np.zeros((4, 4), np.bool_), np.zeros((4, 4), np.bool_)
    large[:, :3] = True
    small[1:3, 1:4] = True
    for masks in ([(0, large), (1, small)], [(1, small), (0, large)]):
        labels = paint_labels(masks, 4, 4)
        assert (labels[1:3, 1:4] == 2).all()
        assert (labels == 1).sum() == 12 - 4
    assert not paint_labels([], 4, 4).any()
