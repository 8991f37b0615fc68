# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The runs of a label image say the same as looking at each instance alone."""

import hypothesis.extra.numpy as shapes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.ops.label_runs import LabelRuns
from vis_ros.ops.rle import encode, to_dense
from vis_ros.structures.masks import Rle

SIZES = shapes.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)


@pytest.mark.parametrize('shape', [(0, 0), (0, 4), (4, 0), (3, 4)])
def test_no_pixel_no_mask(shape: tuple[int, int]) -> None:
    runs = LabelRuns(np.zeros(shape, np.int16), 2)
    assert runs.boxes.tolist() == [[0] * 4] * 2
    assert runs.rle(0) == runs.rle(1) == Rle()
    assert LabelRuns(np.zeros(shape, np.int16), 0).boxes.shape == (0, 4)


@given(st.sampled_from([np.uint8, np.int16, np.int64]), SIZES, st.data())
def test_each_instance_is_as_if_alone(dtype: type, shape: tuple[int, int], data) -> None:
    labels = data.draw(shapes.arrays(dtype, shape, elements=st.integers(0, 4)))
    runs = LabelRuns(labels, 3)  # label 4 is nobody who counts
    for index in range(3):
        alone = encode(labels == index + 1)
        assert runs.rle(index) == alone
        assert runs.rle(index).counts.dtype == np.uint32
        assert (to_dense(runs.rle(index), *shape) == (labels == index + 1)).all()
        x1, y1, x2, y2 = runs.boxes[index].tolist()
        assert (x2 - x1, y2 - y1) == (alone.width, alone.height)
        assert (x1, y1) == (alone.x, alone.y)


def test_wide_and_full_masks() -> None:
    """Runs that go on in the next row of their crop are one."""
    labels = np.zeros((4, 6), np.int16)
    labels[1:3] = 1
    assert LabelRuns(labels, 1).rle(0).counts.tolist() == [0, 12]
    labels[2, 5] = 0
    assert LabelRuns(labels, 1).rle(0).counts.tolist() == [0, 11, 1]
    assert LabelRuns(labels[:, ::-1], 1).rle(0).counts.tolist() == [0, 6, 1, 5], 'not contiguous'
