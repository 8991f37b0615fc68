# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes: against pycocotools, and there and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from vis_ros.ops.boxes import area, clip, from_cxcyah, iou_matrix, to_cxcyah

CORNERS = arrays(np.float32, st.tuples(st.integers(1, 5), st.just(4)), elements=st.integers(0, 20))


def boxes_of(corners: np.ndarray) -> np.ndarray:
    """Return valid boxes that span two corners each."""
    low = np.minimum(corners[:, :2], corners[:, 2:])
    high = np.maximum(corners[:, :2], corners[:, 2:])
    return np.concatenate((low, high), axis=1)


def test_no_boxes() -> None:
    none = np.empty((0, 4), np.float32)
    one = np.array([[0, 0, 2, 2]], np.float32)
    assert area(none).shape == (0,)
    assert iou_matrix(none, none).shape == (0, 0)
    assert iou_matrix(one, none).shape == (1, 0)
    assert clip(none, 3, 4).shape == (0, 4)
    assert from_cxcyah(to_cxcyah(none)).shape == (0, 4)


def test_by_hand() -> None:
    a = np.array([[0, 0, 2, 2], [5, 5, 5, 9], [4, 4, 3, 3]], np.float32)
    assert area(a).tolist() == [4, 0, 0]
    b = np.array([[1, 0, 3, 2], [2, 0, 4, 2]], np.float32)
    np.testing.assert_allclose(iou_matrix(a, b), [[1 / 3, 0], [0, 0], [0, 0]], rtol=1e-6)
    far = np.array([[-1, -2, 9, 9]], np.float32)
    assert clip(far, 3, 4).tolist() == [[0, 0, 4, 3]]
    assert to_cxcyah(np.array([[1.0, 2, 3, 6]])).tolist() == [[2, 4, 0.5, 4]]


@given(CORNERS, CORNERS)
def test_iou_agrees_with_pycocotools(a: np.ndarray, b: np.ndarray) -> None:
    a, b = boxes_of(a), boxes_of(b)

    def xywh(boxes: np.ndarray) -> np.ndarray:
        return np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1).astype(float)

    theirs = coco.iou(xywh(a), xywh(b), [False] * len(b))
    got = iou_matrix(a, b)
    both = (area(a)[:, None] + area(b)[None, :]) > 0  # pycocotools gives NaN otherwise
    np.testing.assert_allclose(got[both], theirs[both], rtol=1e-5)
    assert (got[~both] == 0).all()


@given(CORNERS)
def test_round_trip(corners: np.ndarray) -> None:
    boxes = boxes_of(corners.astype(np.float64)) + [0, 0, 1, 1]
    np.testing.assert_allclose(from_cxcyah(to_cxcyah(boxes)), boxes, atol=1e-9)
