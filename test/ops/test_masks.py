# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks and run lengths: against pycocotools, and there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from vis_ros.ops import rle
from vis_ros.ops.masks import iou_matrix, tight_box
from vis_ros.structures import CropMask, Rle

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=7))


def dense(rows: str) -> np.ndarray:
    """Return a mask of text: `#` is set, rows are split by blanks."""
    return np.array([[c == '#' for c in row] for row in rows.split()])


def test_empty_mask() -> None:
    nothing = np.zeros((3, 4), np.bool_)
    assert rle.encode(nothing) == Rle()
    assert rle.decode(Rle()).shape == (0, 0)
    assert not rle.to_dense(Rle(), 3, 4).any()
    assert rle.to_coco(Rle(), 3, 4) == {'size': [3, 4], 'counts': [12]}
    assert rle.from_coco({'size': [3, 4], 'counts': [12]}) == Rle()
    assert tight_box(CropMask(2, 1, nothing)) == (0, 0, 0, 0)
    assert tight_box(CropMask(2, 1, np.zeros((0, 0), np.bool_))) == (0, 0, 0, 0)
    assert rle.from_crop(CropMask(1, 1, np.zeros((0, 3), np.bool_))) == Rle()


def test_run_lengths_by_hand() -> None:
    got = rle.encode(dense('..... .##.. .#.#. .....'), x=10, y=20)
    assert (got.x, got.y, got.width, got.height) == (11, 21, 3, 2)
    assert got.counts.tolist() == [0, 2, 1, 1, 1, 1]
    assert got.counts.dtype == np.uint32
    assert got.area_px == 4


@given(MASKS, st.integers(0, 5), st.integers(0, 5))
def test_round_trip_and_tight_box(pixels: np.ndarray, x: int, y: int) -> None:
    height, width = y + pixels.shape[0], x + pixels.shape[1]
    whole = np.zeros((height, width), np.bool_)
    whole[y:, x:] = pixels
    got = rle.encode(pixels, x=x, y=y)
    assert got == rle.encode(whole)
    np.testing.assert_array_equal(rle.to_dense(got, height, width), whole)
    assert rle.from_crop(rle.to_crop(got)) == got
    box = tight_box(CropMask(x, y, pixels))
    if whole.any():
        assert box == (got.x, got.y, got.x + got.width, got.y + got.height)


@given(MASKS)
def test_coco_agrees_with_pycocotools(pixels: np.ndarray) -> None:
    height, width = pixels.shape
    got = rle.to_coco(rle.encode(pixels), height, width)
    theirs = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    assert coco.frPyObjects(got, height, width) == theirs
    assert sum(got['counts']) == height * width
    assert all(run > 0 for run in got['counts'][1:])
    assert rle.from_coco(got) == rle.encode(pixels)
    np.testing.assert_array_equal(coco.decode(theirs).astype(np.bool_), pixels)


def test_broken_run_lengths_are_refused() -> None:
    counts = np.array([1, 2], np.uint32)
    with pytest.raises(ValueError, match='2 x 2 = 4, got 3'):
        rle.decode(Rle(0, 0, 2, 2, counts))
    with pytest.raises(ValueError, match='expected a sum'):
        rle.from_coco({'size': [2, 2], 'counts': [5]})
    good = rle.encode(dense('##'), x=3)
    for convert in (rle.to_dense, rle.to_coco):
        with pytest.raises(ValueError, match='reaches out'):
            convert(good, 1, 4)
        convert(good, 1, 5)
    left = rle.encode(dense('##'), x=-1)
    for convert in (rle.to_dense, rle.to_coco):
        with pytest.raises(ValueError, match='reaches out'):
            convert(left, 1, 5)


def test_iou_of_no_masks() -> None:
    one = CropMask(0, 0, dense('#'))
    assert iou_matrix([], []).shape == (0, 0)
    assert iou_matrix([one], []).shape == (1, 0)
    assert iou_matrix([], [one]).shape == (0, 1)
    assert iou_matrix([None, one], [one]).tolist() == [[0.0], [1.0]]
    nothing = CropMask(0, 0, dense('.'))
    assert iou_matrix([nothing], [nothing, one]).tolist() == [[0.0, 0.0]]


@given(st.lists(st.tuples(MASKS, st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=5))
def test_iou_agrees_with_pycocotools(parts: list[tuple[np.ndarray, int, int]]) -> None:
    masks = [CropMask(x, y, pixels) for pixels, x, y in parts]
    whole = np.zeros((13, 13, len(parts)), np.uint8, order='F')
    for n, (pixels, x, y) in enumerate(parts):
        whole[y : y + pixels.shape[0], x : x + pixels.shape[1], n] = pixels
    theirs = coco.iou(codes := coco.encode(whole), codes, [False] * len(codes))
    got = iou_matrix(masks, masks)
    np.testing.assert_allclose(got, theirs, rtol=1e-6)
    np.testing.assert_array_equal(got, got.T)
