# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How objects look: the texture family of each class, palettes, and what tells instances apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.synth.config import SynthConfig
from vis_ros.synth.shapes import REACH

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Species:
    """What the objects of one species have in common.

    Args:
        class_name: Their class.
        hsv: float array (3, 3): two colours of the texture, one of the marks; hue in [0, 360).
        seed: Of the texture's details.
        frequency: Relative fineness of the texture.
        size_px: Across.
    """

    class_name: str
    hsv: np.ndarray
    seed: int
    frequency: float
    size_px: float


@dataclass(frozen=True, eq=False)
class Look:
    """How one object looks.

    Args:
        class_name: Its class.
        texture: uint8 array (S, S, 4), RGB and 255, of the square [-REACH, REACH]^2 of
            object coordinates.
        size_px: Across.
    """

    class_name: str
    texture: np.ndarray
    size_px: float


def noise_field(rng: Rng, height: int, width: int, cells: float) -> np.ndarray:
    """Return smooth noise, float32 (height, width), about standard normal, with so many cells
    across the longer side.
    """
    longer = max(height, width)
    rows = max(2, round(cells * height / longer) + 1)
    columns = max(2, round(cells * width / longer) + 1)
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def to_rgb(hsv: np.ndarray) -> np.ndarray:
    """Return float32 RGB in [0, 255] of HSV (hue in degrees, the others in [0, 1]), (N, 3)."""
    wrapped = np.asarray(hsv, np.float32).copy()
    wrapped[:, 0] %= 360.0
    wrapped[:, 1:] = wrapped[:, 1:].clip(0.0, 1.0)
    return cv2.cvtColor(wrapped[None], cv2.COLOR_HSV2RGB)[0] * 255.0


def make_species(rng: Rng, class_name: str, size_px: float, avoid: np.ndarray) -> Species:
    """Return a new species.

    Args:
        rng: Source of chance.
        class_name: Its class.
        size_px: Its size.
        avoid: float array (A, 3), RGB in [0, 255]: the colour that is furthest from all of these
            is taken from a few random ones.
    """
    best, best_distance = np.zeros((3, 3)), -1.0
    for _ in range(6):
        hue = rng.uniform(0, 360)
        second = hue + rng.choice((-1, 1)) * rng.uniform(25, 150)
        value = rng.uniform(0.45, 1.0)
        other = value - 0.35 if value > 0.72 else value + 0.35
        hsv = np.array(
            [
                (hue, rng.uniform(0.35, 0.95), value),
                (second, rng.uniform(0.2, 0.9), other),
                (hue + 180, rng.uniform(0.3, 1.0), 0.95 if value < 0.7 else 0.2),
            ]
        )
        gaps = np.linalg.norm(avoid - to_rgb(hsv[:1]), axis=1)
        distance = float(gaps.min()) if len(gaps) else 0.0
        if distance > best_distance:
            best, best_distance = hsv, distance
    seed = int(rng.integers(2**31))
    return Species(class_name, best, seed, rng.uniform(0.8, 1.25), size_px)


def make_look(species: Species, rng: Rng, config: SynthConfig) -> Look:
    """Return the look of one object of a species; with a likeness of 1 all are the same."""
    own = 1.0 - config.likeness
    shift = np.array(
        [rng.normal(0, 55 * own), rng.normal(0, 0.2 * own), rng.normal(0, 0.15 * own)]
    )
    phase = own * rng.uniform(0, 2 * np.pi)
    frequency = species.frequency * float(np.exp(rng.normal(0, 0.35 * own)))
    size_px = species.size_px * float(np.exp(rng.normal(0, 0.35 * own)))
    size_px = min(max(size_px, config.size_min), config.size_max)
    side = max(24, round(REACH * size_px))
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * (2 * REACH) - REACH
    x, y = np.meshgrid(axis, axis)
    common = np.random.default_rng(species.seed)
    wobble = 0.12 * noise_field(common, side, side, 5)
    mix = _PATTERNS[species.class_name](x + wobble, y - wobble, frequency, phase, common)
    grain = 1.0 + 0.10 * noise_field(common, side, side, 14)
    colours = to_rgb(species.hsv + shift)
    pixels = colours[0] + mix[..., None] * (colours[1] - colours[0])
    marks = _marks(x, y, rng) * min(1.0, 1.6 * own)
    pixels = pixels * grain[..., None]
    pixels += marks[..., None] * (colours[2] - pixels)
    texture = cv2.cvtColor(pixels.clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2RGBA)
    return Look(species.class_name, texture, size_px)


def _marks(x: np.ndarray, y: np.ndarray, rng: Rng) -> np.ndarray:
    """Return one to four blots, in [0, 1]."""
    total = np.zeros_like(x)
    for _ in range(int(rng.integers(1, 5))):
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.85)
        blot = rng.uniform(0.10, 0.24)
        distance = np.hypot(x - radius * np.cos(angle), y - radius * np.sin(angle))
        np.maximum(total, _edge((blot - distance) * 12), out=total)
    return total


def _edge(value: np.ndarray) -> np.ndarray:
    """Return 0 below -0.5, 1 above 0.5, a ramp between."""
    return (value + 0.5).clip(0.0, 1.0)


def _spots(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    centres = rng.uniform(-1.2, 1.2, (round(22 * f * f), 2))
    centres += 0.12 * np.stack((np.cos(phase), np.sin(phase)))
    nearest = np.full(x.shape, 9.0, np.float32)
    for cx, cy in centres:
        np.minimum(nearest, np.hypot(x - cx, y - cy), out=nearest)
    return _edge((0.17 / f - nearest) * 14)


def _circles(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    return _edge(2.0 * np.sin(13 * f * np.hypot(x, y) + phase))


def _checks(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    return _edge(4.0 * np.sin(8 * f * x + phase) * np.sin(8 * f * y + phase))


def _stripes(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    return _edge(2.0 * np.sin(11 * f * y + phase))


def _segments(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    return _edge(3.0 * np.sin(round(6 * f) * np.arctan2(y, x) + phase))


def _marble(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    side = len(x)
    field = noise_field(rng, side, side, 5 * f) + 0.6 * noise_field(rng, side, side, 11 * f)
    return _edge(1.5 * np.sin(2.5 * field + phase))


def _bands(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    return _edge(3.0 * (np.sin(7 * f * x + 2.2 * y + phase) - 0.3))


def _bricks(x: np.ndarray, y: np.ndarray, f: float, phase: float, rng: Rng) -> np.ndarray:
    row = np.floor(3.2 * f * y + phase)
    u, v = (2.0 * f * x + 0.5 * (row % 2)) % 1.0, (3.2 * f * y + phase) % 1.0
    return _edge((0.13 - np.minimum(np.minimum(u, 1 - u) * 1.6, np.minimum(v, 1 - v))) * 12)


_PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray, float, float, Rng], np.ndarray]] = {
    'disc': _spots,
    'star': _circles,
    'cross': _checks,
    'triangle': _stripes,
    'ring': _segments,
    'crescent': _marble,
    'bar': _bands,
    'box': _bricks,
}
