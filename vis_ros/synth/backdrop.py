# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What stands still in the world: the background, and posts and bushes in front of all objects."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.synth.config import SynthConfig
from vis_ros.synth.textures import noise_field, to_rgb

Rng = np.random.Generator

_MARGIN = 0.35  # of the picture's size, on each side of the canvas; beyond, it is mirrored


@dataclass(frozen=True, eq=False)
class Layer:
    """A painted part of the world.

    Args:
        pixels: uint8 array (h, w, 4), RGB times alpha, and alpha: 255 where it hides what is
            behind.
        origin: World coordinates of its upper left corner.
    """

    pixels: np.ndarray
    origin: tuple[float, float]


def make_background(config: SynthConfig, rng: Rng) -> tuple[Layer, np.ndarray]:
    """Return the background, and its main colours, float32 (A, 3), RGB in [0, 255]."""
    height = round(config.height * (1 + 2 * _MARGIN))
    width = round(config.width * (1 + 2 * _MARGIN))
    hue = rng.uniform(0, 360)
    hsv = np.stack(
        (
            hue + rng.normal(0, 45, 4),
            rng.uniform(0.08, 0.5, 4),
            (rng.uniform(0.35, 0.85) + rng.normal(0, 0.12, 4)).clip(0.15, 0.95),
        ),
        axis=1,
    )
    palette = to_rgb(hsv)
    rows, columns = height // 6, width // 6  # colours are smooth: a small picture will do
    weights = np.stack([noise_field(rng, rows, columns, 3.5) for _ in palette], axis=-1)
    weights = np.exp(1.6 * weights)
    small = (weights / weights.sum(axis=-1, keepdims=True)) @ palette
    pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    rough = rng.uniform(0.5, 1.3)
    structure = np.ones((height, width), np.float32)
    for gain, cells in ((0.07, 12), (0.06, 30), (0.05, 70)):
        structure += rough * gain * noise_field(rng, height, width, cells)
    rough_pixels = cv2.multiply(pixels, cv2.merge((structure, structure, structure)))
    canvas: np.ndarray = np.clip(rough_pixels, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(10, 26))):
        _paint_flat(canvas, config.height, palette, rng)
    soft = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 1.0))
    return Layer(cv2.cvtColor(soft, cv2.COLOR_RGB2RGBA), (-width / 2, -height / 2)), palette


def _paint_flat(canvas: np.ndarray, scale: float, palette: np.ndarray, rng: Rng) -> None:
    """Paint one thing that is no object: a flat patch, a line, a grid or a group of dots."""
    height, width = canvas.shape[:2]
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    size = scale * rng.uniform(0.05, 0.22)
    base = palette[rng.integers(len(palette))] + rng.normal(0, 17) + rng.normal(0, 7, 3)
    colour = tuple(float(c) for c in base.clip(0, 255))
    kind = int(rng.integers(4))
    turn = rng.uniform(0, 2 * np.pi)
    along = size * np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]]) * rng.uniform(0.3, 1.0)
    centre = np.array([x, y])
    if kind == 0:
        angle = turn + np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        points = centre + size * np.stack((np.cos(angle), np.sin(angle)), axis=1)
        cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], colour, cv2.LINE_AA)
    elif kind == 1:
        thickness = max(1, round(scale * rng.uniform(0.01, 0.04)))
        _line(canvas, centre - 3 * along, centre + 3 * along, colour, thickness)
    elif kind == 2:
        thickness = max(1, round(scale * 0.008))
        for share in np.linspace(-1, 1, int(rng.integers(3, 7))):
            start, end = centre + share * across, centre + share * along
            _line(canvas, start - along, start + along, colour, thickness)
            _line(canvas, end - across, end + across, colour, thickness)
    else:
        radius = max(1, round(size * 0.12))
        for _ in range(int(rng.integers(5, 14))):
            dot = centre + rng.normal(0, size * 0.6, 2)
            cv2.circle(canvas, _point(dot), radius, colour, -1, cv2.LINE_AA)


def _point(place: np.ndarray) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def _line(
    canvas: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    colour: tuple[float, ...],
    thickness: int,
) -> None:
    cv2.line(canvas, _point(start), _point(end), colour, thickness, cv2.LINE_AA)


def make_occluders(config: SynthConfig, rng: Rng) -> tuple[Layer, ...]:
    """Return what stands in front of the objects, spread over the width of the picture."""
    layers = []
    for number in range(config.occluders):
        share = (number + rng.uniform(0.2, 0.8)) / config.occluders - 0.5
        x, y = share * config.width, rng.uniform(-0.2, 0.4) * config.height
        if rng.random() < 0.55:
            layers.append(_make_post(config, x, rng))
        else:
            layers.append(_make_bush(config, x, y, rng))
    return tuple(layers)


def _make_post(config: SynthConfig, x: float, rng: Rng) -> Layer:
    """Return a leaning post that reaches from above the picture to below it."""
    lean, thick = rng.normal(0, 0.12), config.height * rng.uniform(0.06, 0.14)
    height = round(config.height * (1 + 2 * _MARGIN))
    width = round(thick + abs(lean) * height) + 6
    hsv = np.array([(rng.uniform(0, 360), rng.uniform(0.05, 0.35), rng.uniform(0.2, 0.8))])
    rows = np.arange(height)[:, None]
    left = (width - thick - lean * height) / 2 + lean * rows
    place = (np.arange(width)[None] + 0.5 - left) / thick  # 0 to 1 across the post
    alpha = ((np.minimum(place, 1 - place) * thick) + 0.5).clip(0, 1)
    shade = 0.6 + 0.55 * np.sin(np.pi * place.clip(0, 1))
    grain = 1 + 0.12 * cv2.resize(noise_field(rng, height, 24, 40), (width, height))
    pixels = to_rgb(hsv)[0] * (shade * grain)[..., None]
    return _layer(pixels, alpha, x - width / 2, -height / 2)


def _make_bush(config: SynthConfig, x: float, y: float, rng: Rng) -> Layer:
    """Return a bush: many leaves."""
    size = config.height * rng.uniform(0.28, 0.45)
    side = round(size * 1.5)
    hsv = np.array([(rng.normal(105, 35), rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.5))])
    base = to_rgb(hsv)[0]
    pixels = np.zeros((side, side, 3), np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    for _ in range(70):
        angle, radius = rng.uniform(0, 2 * np.pi), size * 0.46 * np.sqrt(rng.random())
        leaf = side / 2 + radius * np.array([np.cos(angle), 0.8 * np.sin(angle)])
        axes = _point(size * rng.uniform(0.05, 0.12, 2))
        colour = tuple(float(c) for c in (base * rng.uniform(0.55, 1.4)).clip(0, 255))
        turn = rng.uniform(0, 180)
        cv2.ellipse(pixels, _point(leaf), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(alpha, _point(leaf), axes, turn, 0, 360, 255.0, -1, cv2.LINE_AA)
    return _layer(pixels, alpha / 255.0, x - side / 2, y - side / 2)


def _layer(pixels: np.ndarray, alpha: np.ndarray, x: float, y: float) -> Layer:
    """Return a layer whose border is see-through, so that it can be resampled."""
    alpha = np.rint(alpha * 255).astype(np.uint8)
    for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]):
        edge[:] = 0
    colours = pixels.clip(0, 255) * (alpha[..., None] / 255)
    return Layer(np.dstack((colours.astype(np.uint8), alpha)), (x, y))
