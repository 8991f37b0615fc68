# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The transform to a network's input and back, over odd sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.ops.letterbox import Letterbox

SIDE = st.integers(1, 97)


@given(SIDE, SIDE, SIDE, SIDE, st.data())
def test_boxes_come_back(h: int, w: int, height: int, width: int, data: st.DataObject) -> None:
    box = Letterbox(h, w, height, width)
    x = sorted(data.draw(st.tuples(st.floats(0, w, width=32), st.floats(0, w, width=32))))
    y = sorted(data.draw(st.tuples(st.floats(0, h, width=32), st.floats(0, h, width=32))))
    boxes = np.array([[x[0], y[0], x[1], y[1]]], np.float32)
    there = box.boxes_to_input(boxes)
    assert there.dtype == np.float32
    rows, columns = box.picture_size
    assert rows <= height and columns <= width
    assert (there <= np.array([columns, rows] * 2) * (1 + 1e-6)).all()
    np.testing.assert_allclose(box.boxes_to_source(there), boxes, atol=1e-4)


@given(SIDE, SIDE, SIDE, SIDE)
def test_the_picture_fills_one_side(h: int, w: int, height: int, width: int) -> None:
    box = Letterbox(h, w, height, width)
    rows, columns = box.picture_size
    assert rows == height or columns == width
    image = np.full((h, w, 3), 200, np.uint8)
    out = box.image(image, fill=7)
    assert out.shape == (height, width, 3)
    assert (out[:rows, :columns] == 200).all()
    assert (out[rows:] == 7).all() and (out[:, columns:] == 7).all()
    assert box.mask_to_source(np.ones((height, width), np.float32)).shape == (h, w)


@given(st.integers(2, 60), st.integers(2, 60), st.integers(1, 3))
def test_masks_come_back(h: int, w: int, factor: int) -> None:
    """A half plane that is shown enlarged comes back at its edge."""
    box = Letterbox(h, w, h * factor + 5, w * factor)
    half = np.zeros((h, w, 3), np.uint8)
    half[:, w // 2 :] = 255
    soft = box.image(half, fill=0)[:, :, 0].astype(np.float32) / 255
    back = box.mask_to_source(soft) >= 0.5
    np.testing.assert_array_equal(back, half[:, :, 0] > 0)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match='width: expected 1 or more, got 0'):
        Letterbox(2, 2, 2, 0)
    with pytest.raises(ValueError, match='expected 2 x 3'):
        Letterbox(2, 3, 4, 4).image(np.zeros((3, 2, 3), np.uint8))
