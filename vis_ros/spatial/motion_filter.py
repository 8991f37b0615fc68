# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Positions over time: a constant-velocity Kalman filter for one object.

Position in m, velocity in m/s, time from stamps. The three axes are alike and independent, so one
2x2 covariance serves them all. The process noise is continuous white acceleration (Bar-Shalom et
al., "Estimation with Applications to Tracking and Navigation", 2001, section 6.2.2): its density
is `acceleration_m_s2` squared times one second, so the result does not depend on the frame rate.
"""

from __future__ import annotations

import numpy as np

from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.measurement import Measurement
from vis_ros.structures.placement import Placement, Quality3d, Vector3

CHI2_999_DOF3 = 16.266  # 99.9 % quantile: gate of the squared Mahalanobis distance, 3 dimensions

_LOW_FACTOR = 3.0  # standard deviation of a measurement of quality LOW to that of a GOOD one
_FLOOR_M = 0.005  # least standard deviation of a measurement
_REFUSED = 3  # measurements refused in a row after which they are right and the filter is wrong
_FORGET_S = 1.0  # without a measurement for this long (or `hold_s`) the filter begins anew
_SIZE_S = 0.5  # time constant of the extent
_ZERO = (0.0, 0.0, 0.0)


class MotionFilter:
    """Follows one object; constant size."""

    def __init__(self) -> None:
        self._mean = np.zeros((2, 3))  # position [m], velocity [m/s]
        self._covariance = np.zeros((2, 2))  # of one axis
        self._size_m = np.zeros(3)
        self._last_ns: int | None = None  # stamp of the mean; None before the first measurement
        self._measured_ns = 0  # stamp of the latest measurement that was taken in
        self._refused = 0

    def step(
        self, stamp_ns: int, measurement: Measurement | None, config: SpatialConfig
    ) -> Placement | None:
        """Move to a time and take in what was measured then.

        Args:
            stamp_ns: Time of the frame in nanoseconds; one that runs backwards starts anew.
            measurement: What was measured in the frame, or None.
            config: Noise, and how long to predict.

        Returns:
            The placement at that time; None before the first measurement and when the latest is
            too long ago.
        """
        if not config.smooth:
            return None if measurement is None else _as_measured(measurement)
        self._predict(stamp_ns, config)
        if measurement is not None and self._take(stamp_ns, measurement, config):
            return self._placement(measurement.quality)
        is_fresh = stamp_ns - self._measured_ns <= config.hold_s * 1e9
        if self._last_ns is None or config.hold_s == 0 or not is_fresh:
            return None
        return self._placement(Quality3d.PREDICTED)

    def _predict(self, stamp_ns: int, config: SpatialConfig) -> None:
        if self._last_ns is None:
            return
        forget_ns = max(_FORGET_S, config.hold_s) * 1e9
        if stamp_ns < self._last_ns or stamp_ns - self._measured_ns > forget_ns:
            self._last_ns = None
            return
        seconds = (stamp_ns - self._last_ns) / 1e9
        self._last_ns = stamp_ns
        motion = np.array([[1.0, seconds], [0.0, 1.0]])
        noise = config.acceleration_m_s2**2 * np.array(
            [[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]]
        )
        self._mean = motion @ self._mean
        self._covariance = motion @ self._covariance @ motion.T + noise

    def _take(self, stamp_ns: int, measurement: Measurement, config: SpatialConfig) -> bool:
        """Take a measurement in; return whether it was believed."""
        deviation = max(config.noise * measurement.range_m, _FLOOR_M)
        if measurement.quality != Quality3d.GOOD:
            deviation *= _LOW_FACTOR
        if self._last_ns is None:
            self._begin(stamp_ns, measurement, deviation, config)
            return True
        offset = np.array(measurement.position_m) - self._mean[0]
        spread = self._covariance[0, 0] + deviation**2
        if offset @ offset > CHI2_999_DOF3 * spread:
            self._refused += 1
            if self._refused < _REFUSED:
                return False
            self._begin(stamp_ns, measurement, deviation, config)
            return True
        gain = self._covariance[:, 0] / spread
        self._mean = self._mean + gain[:, None] * offset
        self._covariance = self._covariance - np.outer(gain, self._covariance[0])
        seconds = (stamp_ns - self._measured_ns) / 1e9
        weight = 1.0 - np.exp(-seconds / _SIZE_S)
        if measurement.quality != Quality3d.GOOD:
            weight /= _LOW_FACTOR
        self._size_m = self._size_m + weight * (np.array(measurement.size_m) - self._size_m)
        self._measured_ns, self._refused = stamp_ns, 0
        return True

    def _begin(
        self, stamp_ns: int, measurement: Measurement, deviation: float, config: SpatialConfig
    ) -> None:
        self._mean = np.array([measurement.position_m, _ZERO])
        self._covariance = np.diag([deviation**2, config.acceleration_m_s2**2])
        self._size_m = np.array(measurement.size_m)
        self._last_ns = self._measured_ns = stamp_ns
        self._refused = 0

    def _placement(self, quality: Quality3d) -> Placement:
        position, velocity = self._mean
        return Placement(_tuple(position), _tuple(self._size_m), _tuple(velocity), quality)


def _as_measured(measurement: Measurement) -> Placement:
    return Placement(measurement.position_m, measurement.size_m, _ZERO, measurement.quality)


def _tuple(values: np.ndarray) -> Vector3:
    x, y, z = values.tolist()
    return x, y, z
