# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The batched filter: against a loop over single filters, written from the paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vis_ros.ops import kalman


class OneFilter:
    """One track of Wojke et al. 2017, section 2.1, one matrix operation after the other.

    The standard deviations are those of the authors' code (the paper prints none).
    """

    def __init__(self, z: np.ndarray) -> None:
        h = z[3]
        self.x = np.concatenate((z, np.zeros(4)))
        position, rate = 2 * h / 20, 10 * h / 160
        self.p = np.diag(np.square([position, position, 1e-2, position, rate, rate, 1e-5, rate]))

    def predict(self) -> None:
        h = self.x[3]
        f = np.eye(8)
        for i in range(4):
            f[i, i + 4] = 1.0
        q = np.diag(np.square([h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]))
        self.x = f @ self.x
        self.p = f @ self.p @ f.T + q

    def innovation(self) -> np.ndarray:
        h = self.x[3]
        return self.p[:4, :4] + np.diag(np.square([h / 20, h / 20, 1e-1, h / 20]))

    def update(self, z: np.ndarray) -> None:
        s = self.innovation()
        k = self.p[:, :4] @ np.linalg.inv(s)
        self.x = self.x + k @ (z - self.x[:4])
        self.p = self.p - k @ s @ k.T

    def distance(self, z: np.ndarray) -> float:
        d = z - self.x[:4]
        return float(d @ np.linalg.inv(self.innovation()) @ d)


def measurements(seed: int, steps: int, tracks: int) -> np.ndarray:
    """Return noisy walks (steps, tracks, 4) of cx, cy, aspect, height."""
    rng = np.random.default_rng(seed)
    start = rng.uniform((50, 50, 0.3, 20), (500, 400, 1.5, 200), (tracks, 4))
    walk = np.cumsum(rng.normal(0, (4, 4, 0.01, 1), (steps, tracks, 4)), axis=0)
    return start + walk


def test_no_tracks() -> None:
    mean, covariance = kalman.initiate(np.empty((0, 4)))
    assert (mean.shape, covariance.shape) == ((0, 8), (0, 8, 8))
    mean, covariance = kalman.predict(mean, covariance, 1.0)
    mean, covariance = kalman.update(mean, covariance, np.empty((0, 4)))
    assert (mean.shape, covariance.shape) == ((0, 8), (0, 8, 8))
    assert kalman.gating_distance(mean, covariance, np.ones((3, 4))).shape == (0, 3)
    one = kalman.initiate(np.array([[1.0, 1, 1, 1]]))
    assert kalman.gating_distance(*one, np.empty((0, 4))).shape == (1, 0)


@pytest.mark.parametrize('seed', range(5))
def test_agrees_with_single_filters(seed: int) -> None:
    z = measurements(seed, steps=12, tracks=3)
    singles = [OneFilter(row) for row in z[0]]
    mean, covariance = kalman.initiate(z[0])
    for row in z[1:]:
        mean, covariance = kalman.predict(mean, covariance, 1.0)
        for single in singles:
            single.predict()
        distance = kalman.gating_distance(mean, covariance, row)
        expected = [[single.distance(other) for other in row] for single in singles]
        np.testing.assert_allclose(distance, expected, rtol=1e-7)
        mean, covariance = kalman.update(mean, covariance, row)
        for single, one in zip(singles, row, strict=True):
            single.update(one)
        np.testing.assert_allclose(mean, [single.x for single in singles], rtol=1e-9)
        np.testing.assert_allclose(covariance, [s.p for s in singles], rtol=1e-7, atol=1e-9)


@given(st.floats(0, 50), st.floats(0, 1))
def test_time_may_be_split(steps: float, share: float) -> None:
    """The mean of two short steps is that of a long one, and uncertainty grows with both."""
    mean, covariance = kalman.initiate(np.array([[10.0, 20, 0.5, 40]]))
    mean[0, 4:] = (1, -2, 0, 0)
    at_once = kalman.predict(mean, covariance, steps)
    first = kalman.predict(mean, covariance, share * steps)
    second = kalman.predict(*first, (1 - share) * steps)
    np.testing.assert_allclose(second[0], at_once[0], atol=1e-9)
    for narrow, wide in ((covariance, first[1]), (first[1], second[1])):
        assert (wide[0].diagonal() >= narrow[0].diagonal() - 1e-9).all()


def test_no_time_changes_nothing() -> None:
    mean, covariance = kalman.initiate(measurements(0, 1, 2)[0])
    moved = kalman.predict(mean, covariance, 0.0)
    np.testing.assert_array_equal(moved[0], mean)
    np.testing.assert_array_equal(moved[1], covariance)


@given(st.integers(0, 1000))
def test_covariances_stay_positive(seed: int) -> None:
    z = measurements(seed, steps=8, tracks=2)
    mean, covariance = kalman.initiate(z[0])
    for row, steps in zip(z[1:], (1.0, 0.0, 300.0, 0.1, 1.0, 3.0, 1.0), strict=True):
        mean, covariance = kalman.update(*kalman.predict(mean, covariance, steps), row)
        eigenvalues = np.linalg.eigvalsh((covariance + covariance.transpose(0, 2, 1)) / 2)
        assert (eigenvalues > -1e-9).all()
