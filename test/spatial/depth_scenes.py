# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic scenes whose geometry is known exactly: shapes seen by a pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vis_ros.ops.rle import encode
from vis_ros.spatial.camera_model import CameraModel
from vis_ros.structures import Rle

CAMERA = CameraModel(320, 240, (300.0, 300.0), (159.5, 119.5))
FAR_M = 9.0  # the wall behind everything


@dataclass(frozen=True)
class Seen:
    """One object in a scene.

    Args:
        depth: float32 (H, W), metres; the wall where the object is not.
        mask: Its pixels.
        centre_m: Mean of the true points of its visible surface.
        size_m: Their true extent.
    """

    depth: np.ndarray
    mask: Rle
    centre_m: np.ndarray
    size_m: np.ndarray

    @property
    def range_m(self) -> float:
        return float(np.linalg.norm(self.centre_m))


def _rays(camera: CameraModel) -> tuple[np.ndarray, np.ndarray]:
    v, u = np.mgrid[: camera.height, : camera.width]
    x, y = camera.rays(u.reshape(-1), v.reshape(-1))
    return x.reshape(u.shape), y.reshape(u.shape)


def _seen(camera: CameraModel, z: np.ndarray, is_hit: np.ndarray) -> Seen:
    x, y = _rays(camera)
    points = np.stack((x * z, y * z, z), axis=-1)[is_hit]
    depth = np.where(is_hit, z, FAR_M).astype(np.float32)
    size = points.max(axis=0) - points.min(axis=0)
    return Seen(depth, encode(is_hit), points.mean(axis=0), size)


def ball(centre: tuple[float, float, float], radius: float, camera=CAMERA) -> Seen:
    """Return a ball; its visible surface is the cap that faces the camera."""
    x, y = _rays(camera)
    c = np.array(centre)
    a = x * x + y * y + 1
    b = x * c[0] + y * c[1] + c[2]
    inner = b * b - a * (c @ c - radius * radius)
    is_hit = inner > 0
    z = (b - np.sqrt(np.maximum(inner, 0))) / a
    return _seen(camera, z, is_hit)


def board(
    centre: tuple[float, float, float],
    size: tuple[float, float],
    turn: float = 0.0,
    camera=CAMERA,
) -> Seen:
    """Return a flat board (width, height), turned about the vertical by `turn` radians."""
    x, y = _rays(camera)
    along = np.array([np.cos(turn), 0.0, np.sin(turn)])
    normal = np.array([-np.sin(turn), 0.0, np.cos(turn)])
    c = np.array(centre)
    z = (normal @ c) / (normal[0] * x + normal[2])
    across = (x * z - c[0]) * along[0] + (z - c[2]) * along[2]
    is_hit = (z > 0) & (np.abs(across) <= size[0] / 2) & (np.abs(y * z - c[1]) <= size[1] / 2)
    return _seen(camera, z, is_hit)


def spoilt(seen: Seen, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return the depths with noise, half of `share` missing and half wrong by any amount."""
    depth = seen.depth + rng.normal(0, 0.002, seen.depth.shape) * seen.depth**2
    fate = rng.random(depth.shape)
    wrong = rng.uniform(0.2, 12.0, depth.shape)
    missing = rng.choice([0.0, np.nan, np.inf, -1.0], depth.shape)
    depth = np.where(fate < share / 2, missing, np.where(fate < share, wrong, depth))
    return depth.astype(np.float32)


def scenes(count: int, seed: int = 0) -> list[Seen]:
    """Return objects of many places, sizes and turns, all of 60 pixels or more."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        z = rng.uniform(0.7, 7.0)
        centre = (rng.uniform(-0.4, 0.4) * z, rng.uniform(-0.3, 0.3) * z, z)
        if rng.random() < 0.5:
            seen = ball(centre, rng.uniform(0.05, 0.4))
        else:
            size = (rng.uniform(0.1, 1.0), rng.uniform(0.1, 1.0))
            seen = board(centre, size, rng.uniform(-1.0, 1.0))
        if seen.mask.area_px >= 60 and seen.depth[seen.depth < FAR_M].min(initial=9) > 0.3:
            found.append(seen)
    return found
