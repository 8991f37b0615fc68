# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pixels to rays, with and without a lens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vis_ros.spatial.camera_model import CameraModel, distort

PLAIN = CameraModel(640, 480, (500.0, 510.0), (319.5, 239.5))
GRID = np.meshgrid(np.linspace(0, 639, 20), np.linspace(0, 479, 20))
U, V = (axis.reshape(-1) for axis in GRID)


def with_lens(kind, *coefficients):
    return CameraModel(640, 480, (500.0, 510.0), (319.5, 239.5), kind, coefficients)


def test_no_pixels():
    for camera in (PLAIN, with_lens('plumb_bob', 0.1), with_lens('equidistant', 0.1)):
        x, y = camera.rays(np.empty(0), np.empty(0))
        assert x.size == y.size == 0


def test_by_hand():
    x, y = PLAIN.rays(np.array([319.5, 819.5]), np.array([239.5, 749.5]))
    assert x.tolist() == [0, 1]
    assert y.tolist() == [0, 1]


def test_a_lens_without_distortion_is_none():
    for kind in ('none', 'plumb_bob', 'rational_polynomial'):
        x, y = with_lens(kind, 0.0, 0.0, 0.0, 0.0).rays(U, V)
        assert np.array_equal((x, y), PLAIN.rays(U, V))


@pytest.mark.parametrize(
    'coefficients',
    [
        (-0.3, 0.1, 0.001, -0.002, 0.0),
        (0.4, 0.2, 0.0, 0.0, 0.0),
        (-0.1, 0.0, 0.0, 0.0, 0.0, 0.05, -0.01, 0.002),
    ],
)
def test_the_lens_is_inverted(coefficients):
    camera = with_lens('rational_polynomial', *coefficients)
    x, y = camera.rays(U, V)
    seen_x, seen_y = distort(x, y, coefficients)
    assert seen_x * 500 + 319.5 == pytest.approx(U, abs=0.01)
    assert seen_y * 510 + 239.5 == pytest.approx(V, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(-0.01, 0.01), st.floats(0, 1.3), st.floats(0, 6.28))
def test_the_fisheye_is_inverted(k1, k2, angle, turn):
    seen = angle * (1 + k1 * angle**2 + k2 * angle**4)
    u, v = 500 * seen * np.cos(turn) + 319.5, 510 * seen * np.sin(turn) + 239.5
    x, y = with_lens('equidistant', k1, k2, 0.0, 0.0).rays(np.array([u]), np.array([v]))
    assert np.hypot(x, y)[0] == pytest.approx(np.tan(angle), rel=1e-4, abs=1e-6)


def test_pixels_that_no_ray_reaches():
    x, _ = with_lens('plumb_bob', -0.9, 0.0, 0.0, 0.0, 0.0).rays(
        np.array([639.0]), np.array([0.0])
    )
    assert np.isnan(x).all()
    x, _ = with_lens('equidistant', 0.1, 0.0, 0.0, 0.0).rays(np.array([9e3]), np.array([0.0]))
    assert np.isnan(x).all()


@pytest.mark.parametrize('size', [(320, 240), (1280, 960), (848, 640)])
def test_the_same_view_at_another_size(size):
    other = PLAIN.scaled_to(*size)
    assert (other.width, other.height) == size
    u = (U + 0.5) * size[0] / 640 - 0.5
    v = (V + 0.5) * size[1] / 480 - 0.5
    assert np.array(other.rays(u, v)) == pytest.approx(np.array(PLAIN.rays(U, V)), abs=1e-9)


def test_another_aspect_ratio_is_refused():
    with pytest.raises(ValueError, match='640x360 is no scaled version of 640x480'):
        PLAIN.scaled_to(640, 360)
