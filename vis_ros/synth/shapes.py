# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Outlines of the classes, and how they deform.

Object coordinates: the outline lies about within the unit circle, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

CLASSES = ('disc', 'star', 'cross', 'triangle', 'ring', 'crescent', 'bar', 'box')
REACH = 1.35  # no deformed outline goes further from the object's centre
MODES = 4  # Fourier modes 2 to 5; 0 and 1 would be size and place

Outline = tuple[np.ndarray, ...]
"""Closed curves, float64 (P, 2) each; what is inside of an odd number of them is the object."""


def _densify(corners: np.ndarray, step: float = 0.09) -> np.ndarray:
    """Return a closed polygon with points all along its edges."""
    parts = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        count = max(1, round(float(np.hypot(*(end - start))) / step))
        share = np.arange(count)[:, None] / count
        parts.append(start + share * (end - start))
    return np.concatenate(parts)


def _ellipse(a: float, b: float, count: int = 64) -> np.ndarray:
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    return np.stack((a * np.cos(angle), b * np.sin(angle)), axis=1)


def _polar(radii: tuple[float, ...], turn: float) -> np.ndarray:
    """Return the polygon whose corners have these radii at equal angles."""
    angle = turn + np.arange(len(radii)) * (2 * np.pi / len(radii))
    return np.asarray(radii)[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)


def _disc() -> Outline:
    return (_ellipse(1.0, 0.84),)


def _star() -> Outline:
    return (_densify(_polar((1.12, 0.5) * 5, -np.pi / 2)),)


def _cross() -> Outline:
    a, b = 1.02, 0.36
    corners = [(a, -b), (a, b), (b, b), (b, a), (-b, a), (-b, b)]
    corners += [(-x, -y) for x, y in corners]
    return (_densify(np.asarray(corners)),)


def _triangle() -> Outline:
    return (_densify(_polar((1.12, 1.12, 1.12), -np.pi / 2)),)


def _ring() -> Outline:
    return (_ellipse(1.02, 0.94), _ellipse(0.52, 0.46, 40))


def _crescent() -> Outline:
    outer = np.linspace(0.30 * np.pi, 1.70 * np.pi, 52)
    tip_x, tip_y = np.cos(outer[0]), np.sin(outer[0])
    centre = 0.55
    radius = np.hypot(tip_x - centre, tip_y)
    start = np.arctan2(tip_y, tip_x - centre)
    inner = np.linspace(2 * np.pi - start, start, 34)[1:-1]
    x = np.concatenate((np.cos(outer), centre + radius * np.cos(inner)))
    y = np.concatenate((np.sin(outer), radius * np.sin(inner)))
    return (np.stack((x + 0.25, y), axis=1) * 1.05,)


def _bar() -> Outline:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 14)
    cap = np.stack((0.82 + 0.34 * np.cos(angle), 0.34 * np.sin(angle)), axis=1)
    return (_densify(np.concatenate((cap, -cap))),)


def _box() -> Outline:
    return (_densify(np.asarray([(0.86, 0.68), (-0.86, 0.68), (-0.86, -0.68), (0.86, -0.68)])),)


_MAKERS: dict[str, Callable[[], Outline]] = {
    'disc': _disc,
    'star': _star,
    'cross': _cross,
    'triangle': _triangle,
    'ring': _ring,
    'crescent': _crescent,
    'bar': _bar,
    'box': _box,
}


@cache
def outline(class_name: str) -> Outline:
    """Return the outline of a class at rest; the arrays are read-only."""
    curves = _MAKERS[class_name]()
    for curve in curves:
        curve.setflags(write=False)
    return curves


@cache
def _waves(class_name: str) -> tuple[np.ndarray, ...]:
    """Return cosine and sine of the modes at the points, (P, 2 * MODES) for each curve."""
    orders = np.arange(2, 2 + MODES)
    angles = (np.arctan2(c[:, 1], c[:, 0])[:, None] * orders for c in outline(class_name))
    return tuple(np.concatenate((np.cos(a), -np.sin(a)), axis=1) for a in angles)


def deform(class_name: str, amplitudes: np.ndarray, phases: np.ndarray, bend: float) -> Outline:
    """Return a deformed outline.

    Each point moves along its ray by a factor that depends only on its direction, then the whole
    is bent; both keep curves from crossing themselves.

    Args:
        class_name: One of `CLASSES`.
        amplitudes: float array (MODES,), sum below 0.3.
        phases: float array (MODES,) [rad].
        bend: Curvature of the x axis, within [-0.2, 0.2].
    """
    curves = []
    parts = np.concatenate((amplitudes * np.cos(phases), amplitudes * np.sin(phases)))
    for curve, waves in zip(outline(class_name), _waves(class_name), strict=True):
        moved = curve * (1.0 + waves @ parts)[:, None]
        moved[:, 1] += bend * (moved[:, 0] * moved[:, 0] - 0.4)
        curves.append(moved)
    return tuple(curves)
