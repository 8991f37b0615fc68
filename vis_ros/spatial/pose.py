# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms between coordinate frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_PARALLEL = 0.9995  # cosine above which two rotations are blended on a line, not on the sphere


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A rotation and a translation: a point p becomes R p + t.

    Args:
        rotation: Unit quaternion x, y, z, w, float64 (4,).
        translation_m: float64 (3,) in metres.
    """

    rotation: np.ndarray
    translation_m: np.ndarray

    @staticmethod
    def of(rotation: tuple[float, ...], translation_m: tuple[float, ...]) -> Pose:
        """Return a pose from numbers; the quaternion is normalised.

        Raises:
            ValueError: A number is not finite, or the quaternion is all zero.
        """
        quaternion = np.array(rotation, np.float64)
        translation = np.array(translation_m, np.float64)
        norm = float(np.linalg.norm(quaternion))
        if not (np.isfinite(norm) and norm > 1e-6 and np.isfinite(translation).all()):
            raise ValueError(
                f'expected finite numbers and a quaternion that is not zero, got rotation '
                f'{tuple(rotation)} and translation {tuple(translation_m)}'
            )
        return Pose(quaternion / norm, translation)

    @property
    def matrix(self) -> np.ndarray:
        """The rotation, float64 (3, 3)."""
        x, y, z, w = self.rotation
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )

    def after(self, first: Pose) -> Pose:
        """Return the pose that does `first` and then this one."""
        moved = self.matrix @ first.translation_m + self.translation_m
        return Pose(_product(self.rotation, first.rotation), moved)

    def inverse(self) -> Pose:
        """Return the pose that undoes this one."""
        back = self.rotation * np.array([-1.0, -1.0, -1.0, 1.0])
        unturned = Pose(back, np.zeros(3))
        return Pose(back, -(unturned.matrix @ self.translation_m))

    def towards(self, other: Pose, share: float) -> Pose:
        """Return the pose between this one (share 0) and `other` (share 1).

        Source of the rotation: Shoemake, "Animating Rotation with Quaternion Curves", 1985.
        """
        start, end = self.rotation, other.rotation
        cosine = float(start @ end)
        if cosine < 0:  # the same rotation, the short way round
            end, cosine = -end, -cosine
        if cosine > _PARALLEL:
            blend = (1 - share) * start + share * end
        else:
            angle = np.arccos(cosine)
            blend = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
        translation = (1 - share) * self.translation_m + share * other.translation_m
        return Pose(blend / np.linalg.norm(blend), translation)


IDENTITY = Pose(np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3))
"""Leaves every point where it is."""


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the quaternion of rotating by b, then by a."""
    scalar = a[3] * b[3] - a[:3] @ b[:3]
    vector = a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3])
    product = np.array([*vector, scalar])
    return product / np.linalg.norm(product)
