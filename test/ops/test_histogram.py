# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Colours of objects as vectors."""

import numpy as np
import pytest

from vis_ros.ops.histogram import HISTOGRAM_SIZE, colour_histogram
from vis_ros.structures import CropMask

RED, BLUE, GREEN = (220, 20, 20), (20, 20, 220), (20, 200, 20)


def figure(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> np.ndarray:
    image = np.full((8, 6, 3), 255, np.uint8)
    image[1:4, 2:5] = top
    image[4:7, 2:5] = bottom
    return image


BODY = CropMask(2, 1, np.ones((6, 3), np.bool_))


def test_no_pixels_no_colours() -> None:
    vector = colour_histogram(figure(RED, BLUE), CropMask(0, 0, np.zeros((6, 3), np.bool_)))
    assert vector.shape == (HISTOGRAM_SIZE,)
    assert not vector.any()


def test_unit_length_and_similarity() -> None:
    a = colour_histogram(figure(RED, BLUE), BODY)
    assert a.dtype == np.float32
    assert np.linalg.norm(a) == pytest.approx(1.0, abs=1e-6)
    assert a @ colour_histogram(figure(RED, BLUE), BODY) == pytest.approx(1.0, abs=1e-6)
    assert a @ colour_histogram(figure(BLUE, RED), BODY) == pytest.approx(0.0, abs=1e-6)
    assert a @ colour_histogram(figure(RED, GREEN), BODY) == pytest.approx(0.5, abs=1e-6)


def test_only_the_mask_counts() -> None:
    image = figure(RED, BLUE)
    loud = image.copy()
    loud[:, :2] = GREEN
    np.testing.assert_array_equal(colour_histogram(image, BODY), colour_histogram(loud, BODY))
    wide = CropMask(1, 0, np.pad(BODY.pixels, 1))
    assert colour_histogram(image, wide) @ colour_histogram(loud, wide) == pytest.approx(1.0)


def test_one_row() -> None:
    vector = colour_histogram(figure(RED, BLUE), CropMask(2, 1, np.ones((1, 1), np.bool_)))
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
