# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Outlines of masks."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from vis_ros.ops.outlines import outlines
from vis_ros.structures.masks import CropMask


def crop(*rows: str, x: int = 0, y: int = 0) -> CropMask:
    """Return a mask drawn with # and dots."""
    return CropMask(x, y, np.array([[c == '#' for c in row] for row in rows]))


def corners(line: np.ndarray) -> set[tuple[float, float]]:
    return {(x, y) for x, y in line.tolist()}


@pytest.mark.parametrize('shape', [(0, 0), (0, 4), (3, 0), (3, 4)])
def test_no_pixel(shape):
    assert outlines(CropMask(1, 2, np.zeros(shape, bool))) == []


def test_one_pixel_has_no_line():
    assert outlines(crop('#')) == []


def test_a_rectangle_in_the_image():
    (line,) = outlines(crop('####', '####', '####', x=10, y=20))
    assert corners(line) == {(10.5, 20.5), (13.5, 20.5), (13.5, 22.5), (10.5, 22.5)}
    assert line.dtype == np.float64


def test_a_line_of_pixels():
    (line,) = outlines(crop('###'))
    assert corners(line) == {(0.5, 0.5), (2.5, 0.5)}


def test_parts_and_holes_longest_first():
    mask = crop('######.##', '######.##', '##..##...', '##..##...', '######...', '######...')
    lines = outlines(mask, tolerance_px=0)
    assert [corners(line) for line in lines] == [
        {(0.5, 0.5), (5.5, 0.5), (5.5, 5.5), (0.5, 5.5)},
        corners(lines[1]),
        {(7.5, 0.5), (8.5, 0.5), (8.5, 1.5), (7.5, 1.5)},
    ]
    assert np.all((lines[1] >= 1) & (lines[1] <= 5))  # around the hole


def test_only_the_longest_are_kept():
    pixels = np.zeros((8, 400), bool)
    for index in range(40):
        pixels[: 2 + index % 6, 10 * index : 10 * index + 4] = True
    lines = outlines(CropMask(0, 0, pixels), most=6)
    assert len(lines) == 6
    assert all(np.ptp(line[:, 1]) == 6 for line in lines)


def test_points_are_bounded():
    rng = np.random.default_rng(0)
    pixels = rng.random((400, 400)) < 0.6
    lines = outlines(CropMask(0, 0, pixels), tolerance_px=0, most_points=50)
    assert 0 < len(lines) <= 16
    assert all(2 <= len(line) <= 50 for line in lines)


def test_the_mask_is_not_written_to_and_may_be_a_view():
    pixels = np.zeros((9, 9), bool)
    pixels[2:7, 2:7] = True
    before = pixels.copy()
    (line,) = outlines(CropMask(0, 0, pixels[::-1, 2:7]))
    assert np.array_equal(pixels, before)
    assert corners(line) == {(0.5, 2.5), (4.5, 2.5), (4.5, 6.5), (0.5, 6.5)}


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.integers(0, 50))
def test_exact_lines_run_through_pixels_of_the_mask(pixels, x):
    for line in outlines(CropMask(x, 2 * x, pixels), tolerance_px=0, most=1000):
        columns, rows = (line - 0.5 - [x, 2 * x]).astype(int).T
        assert pixels[rows, columns].all()
