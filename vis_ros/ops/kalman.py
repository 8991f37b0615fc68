# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DeepSORT's constant-velocity Kalman filter, for all tracks at once and with real time steps.

Source: Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", 2017,
section 2.1. State: centre x, centre y, aspect ratio (width / height), height, and their rates per
frame period. There the filter steps once a frame; here one step lasts `steps` nominal frame
periods (stamps decide, not frame counts), the process noise growing in proportion.
"""

import numpy as np

POSITION_WEIGHT = 1.0 / 20  # standard deviation of a position, in heights
VELOCITY_WEIGHT = 1.0 / 160  # standard deviation of a rate, in heights per frame period
CHI2_95_DOF4 = 9.4877  # 95 % quantile: gate of the squared Mahalanobis distance, 4 dimensions


def initiate(measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start filters from first measurements.

    Args:
        measured: float64 array (N, 4): cx, cy, aspect, height.

    Returns:
        Means (N, 8) and covariances (N, 8, 8), float64.
    """
    height = measured[:, 3]
    mean = np.concatenate((measured, np.zeros_like(measured)), axis=1)
    ones = np.ones_like(height)
    deviation = np.stack(
        (
            2 * POSITION_WEIGHT * height,
            2 * POSITION_WEIGHT * height,
            1e-2 * ones,
            2 * POSITION_WEIGHT * height,
            10 * VELOCITY_WEIGHT * height,
            10 * VELOCITY_WEIGHT * height,
            1e-5 * ones,
            10 * VELOCITY_WEIGHT * height,
        ),
        axis=1,
    )
    return mean, _diagonal(deviation**2)


def predict(
    mean: np.ndarray, covariance: np.ndarray, steps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Move filters forward in time.

    Args:
        mean: float64 array (N, 8).
        covariance: float64 array (N, 8, 8).
        steps: Time to move by, in nominal frame periods, 0 or more.
    """
    height = mean[:, 3]
    ones = np.ones_like(height)
    deviation = np.stack(
        (
            POSITION_WEIGHT * height,
            POSITION_WEIGHT * height,
            1e-2 * ones,
            POSITION_WEIGHT * height,
            VELOCITY_WEIGHT * height,
            VELOCITY_WEIGHT * height,
            1e-5 * ones,
            VELOCITY_WEIGHT * height,
        ),
        axis=1,
    )
    motion = np.eye(8)
    motion[:4, 4:] = steps * np.eye(4)
    moved = motion @ covariance @ motion.T + _diagonal(steps * deviation**2)
    return mean @ motion.T, moved


def project(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected measurements (N, 4) and their covariances (N, 4, 4)."""
    height = mean[:, 3]
    spread = POSITION_WEIGHT * height
    deviation = np.stack((spread, spread, 1e-1 * np.ones_like(height), spread), axis=1)
    return mean[:, :4], covariance[:, :4, :4] + _diagonal(deviation**2)


def update(
    mean: np.ndarray, covariance: np.ndarray, measured: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correct N filters by N measurements (N, 4)."""
    expected, spread = project(mean, covariance)
    gain = np.linalg.solve(spread, covariance[:, :4, :]).transpose(0, 2, 1)  # (N, 8, 4)
    corrected = mean + (gain @ (measured - expected)[:, :, None])[:, :, 0]
    return corrected, covariance - gain @ spread @ gain.transpose(0, 2, 1)


def gating_distance(mean: np.ndarray, covariance: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return squared Mahalanobis distances (N, M) of N filters to M measurements (M, 4)."""
    expected, spread = project(mean, covariance)
    offset = measured[None] - expected[:, None]  # (N, M, 4)
    whitened = np.linalg.solve(spread, offset.transpose(0, 2, 1))  # (N, 4, M)
    return np.einsum('nmd,ndm->nm', offset, whitened)


def _diagonal(values: np.ndarray) -> np.ndarray:
    """Return (N, D, D) matrices with the rows of (N, D) on their diagonals."""
    return values[:, :, None] * np.eye(values.shape[1])
