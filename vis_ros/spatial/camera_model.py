# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From pixels to rays: pinhole, lens distortion, images of another size.

Pixel coordinates follow calibration: the CENTRE of the first pixel is 0, unlike boxes and masks,
where pixel i spans [i, i + 1).

Source of the distortion models: OpenCV's calib3d documentation (plumb_bob and rational_polynomial
are its standard model) and Kannala and Brandt, 2006 (equidistant).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

DISTORTIONS = ('none', 'plumb_bob', 'rational_polynomial', 'equidistant')

_ROUNDS = 50  # most steps of the inversion; lenses in use need 5 to 20
_DONE = 1e-7  # change of a ray, at z = 1, that ends it
_WRONG = 1e-3  # a ray that misses its pixel by more, at z = 1, is none
_ASPECT_SLACK = 0.01


@dataclass(frozen=True, slots=True)
class CameraModel:
    """Intrinsics of a camera, for images of one size.

    Args:
        width: Columns of the image [px].
        height: Rows of the image [px].
        focal: Focal lengths (x, y) [px], above 0.
        centre: Principal point (x, y) [px].
        distortion: One of `DISTORTIONS`.
        coefficients: k1 k2 p1 p2 k3 for plumb_bob, and k4 k5 k6 besides for rational_polynomial;
            k1 k2 k3 k4 for equidistant.
    """

    width: int
    height: int
    focal: tuple[float, float]
    centre: tuple[float, float]
    distortion: str = 'none'
    coefficients: tuple[float, ...] = ()

    def scaled_to(self, width: int, height: int) -> CameraModel:
        """Return the model of the same image at another size.

        Raises:
            ValueError: The aspect ratios differ by more than 1 %: that image is cropped, and
                nothing says how.
        """
        if (width, height) == (self.width, self.height):
            return self
        x, y = scale_of((self.width, self.height), (width, height))
        return dataclasses.replace(
            self,
            width=width,
            height=height,
            focal=(self.focal[0] * x, self.focal[1] * y),
            centre=((self.centre[0] + 0.5) * x - 0.5, (self.centre[1] + 0.5) * y - 0.5),
        )

    def rays(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where pixels are at a depth of 1.

        Args:
            u: float array (N,), columns [px].
            v: float array (N,), rows [px].

        Returns:
            x and y, float64 (N,); multiply with the depth for metres. NaN where the lens sees
            nothing in front of the camera.
        """
        x = (np.asarray(u, np.float64) - self.centre[0]) / self.focal[0]
        y = (np.asarray(v, np.float64) - self.centre[1]) / self.focal[1]
        if self.distortion == 'equidistant':  # without coefficients a lens too
            return _from_equidistant(x, y, self.coefficients)
        if self.distortion == 'none' or not any(self.coefficients):
            return x, y
        return _from_polynomial(x, y, self.coefficients)


def scale_of(size: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    """Return the factors (x, y) from an image of `size` (width, height) to one of `other`.

    Raises:
        ValueError: The aspect ratios differ by more than 1 %.
    """
    x, y = other[0] / size[0], other[1] / size[1]
    if abs(x - y) > _ASPECT_SLACK * max(x, y):
        raise ValueError(
            f'{other[0]}x{other[1]} is no scaled version of {size[0]}x{size[1]}: '
            'the aspect ratios differ'
        )
    return x, y


def distort(
    x: np.ndarray, y: np.ndarray, coefficients: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the polynomial lens shows rays (x, y, 1), in focal lengths.

    Source: OpenCV, "Camera Calibration and 3D Reconstruction", standard model.
    """
    radial, shift_x, shift_y = _lens(x, y, coefficients)
    return x * radial + shift_x, y * radial + shift_y


def _lens(
    x: np.ndarray, y: np.ndarray, coefficients: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the radial factor and the tangential shifts (x, y)."""
    k1, k2, p1, p2, k3, k4, k5, k6 = (*coefficients, *[0.0] * 8)[:8]
    square = x * x + y * y
    radial = (1 + square * (k1 + square * (k2 + square * k3))) / (
        1 + square * (k4 + square * (k5 + square * k6))
    )
    shift_x = 2 * p1 * x * y + p2 * (square + 2 * x * x)
    shift_y = 2 * p2 * x * y + p1 * (square + 2 * y * y)
    return radial, shift_x, shift_y


def _from_polynomial(
    seen_x: np.ndarray, seen_y: np.ndarray, coefficients: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Invert `distort`: take the lens at the latest guess for the true one, again and again."""
    x, y = seen_x, seen_y
    with np.errstate(all='ignore'):  # what runs away is caught below
        for _ in range(_ROUNDS):
            radial, shift_x, shift_y = _lens(x, y, coefficients)
            before_x, before_y = x, y
            x, y = (seen_x - shift_x) / radial, (seen_y - shift_y) / radial
            if max(_largest(x - before_x), _largest(y - before_y)) < _DONE:
                break
        got_x, got_y = distort(x, y, coefficients)
        is_good = np.hypot(got_x - seen_x, got_y - seen_y) < _WRONG
    return np.where(is_good, x, np.nan), np.where(is_good, y, np.nan)


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _from_equidistant(
    seen_x: np.ndarray, seen_y: np.ndarray, coefficients: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Solve seen = a (1 + k1 a^2 + ... + k4 a^8) for the angle `a` by Newton's method."""
    k1, k2, k3, k4 = (*coefficients, *[0.0] * 4)[:4]
    seen = np.hypot(seen_x, seen_y)
    angle = np.minimum(seen, np.pi / 2)
    with np.errstate(all='ignore'):
        for _ in range(_ROUNDS):
            a2 = angle * angle
            value = angle * (1 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))))
            slope = 1 + a2 * (3 * k1 + a2 * (5 * k2 + a2 * (7 * k3 + a2 * 9 * k4)))
            step = (value - seen) / slope
            angle = angle - step
            if _largest(step) < _DONE:
                break
        is_good = (np.abs(step) < _WRONG) & (angle >= 0) & (angle < np.pi / 2)
        factor = np.where(seen > 1e-9, np.tan(angle) / np.maximum(seen, 1e-9), 1.0)
    factor = np.where(is_good, factor, np.nan)
    return seen_x * factor, seen_y * factor
