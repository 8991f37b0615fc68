# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic videos in which one object is hidden for a number of frames, and a twin is not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.synth.actors import Actor
from vis_ros.synth.backdrop import Layer, make_background
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.paint import pixel_affine, put_layer, put_object, stamp_of
from vis_ros.synth.scene import MIN_VISIBLE_PX
from vis_ros.synth.sensor import Sensor
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.textures import make_look, make_species, noise_field, to_rgb

CONFIG = SynthConfig(size_min=30.0, size_max=42.0, likeness=0.7, camera=0.0)
AFTER = 10  # frames from the return to the end
_STEP_PX = 6.0  # an object's way from frame to frame, 60 pixels a second
_FAR_PX = 90.0  # from the middle of the screen to where the object starts
_ROW_PX = 45.0  # of the hidden object above the middle of the picture, of its twin below, or so
_SWAY_PX, _SWAY_FRAMES = 80.0, 60  # the twin goes to and fro
_TIMES = 400  # steps in which the object must be back in view

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class HidingFrame:
    """One frame.

    Args:
        image: uint8 array (H, W, 3), RGB.
        hider: bool array (H, W), the object that is hidden for a time.
        twin: bool array (H, W), one of the same class, colours and about its size.
    """

    image: np.ndarray
    hider: np.ndarray
    twin: np.ndarray


class _Puppet(Actor):
    """An object that turns, swells and bends as all do, and goes where it is told to."""

    def put(self, x: float, y: float) -> None:
        self.position = np.array([x, y])

    def wait(self, dt_s: float) -> None:
        self._time_s += dt_s
        self._heading += dt_s * self._spin


class HidingVideo:
    """An object goes behind a screen, stays there, and comes out where it went in, or beyond.

    It does not show (by the rule of the data sets, see `MIN_VISIBLE_PX`) in exactly `hidden`
    frames. Its twin is in view all the time and never touches it. Videos with one seed and other
    numbers of frames differ in nothing else.

    Args:
        hidden: Number of frames, 1 or more.
        seed: Not negative.

    Attributes:
        class_id: Class of the two.
        gone: First frame in which the object does not show.
        back: First frame in which it shows again.
        length: Number of frames.
    """

    def __init__(self, hidden: int, seed: int) -> None:
        if hidden < 1:
            raise ValueError(f'hidden: expected 1 or more, got {hidden}')
        sources = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
        self._background, colours = make_background(CONFIG, sources[0])
        self._sensor_seed = int(sources[1].integers(2**31))
        rng = sources[2]
        self.class_id = int(rng.integers(len(CLASSES)))
        size = rng.uniform(CONFIG.size_min, CONFIG.size_max)
        species = make_species(rng, CLASSES[self.class_id], size, colours)
        self._looks = [make_look(species, rng, CONFIG) for _ in range(2)]
        self._chances = rng.integers(2**31, size=2)
        self._row = _ROW_PX * rng.choice((-1.0, 1.0))
        self._middle = rng.uniform(-25.0, 25.0)
        self._inwards, self._outwards = rng.choice((-1.0, 1.0), 2)
        self._phase = rng.uniform(0, 2 * math.pi)
        self._affine = np.array(
            [[1.0, 0.0, CONFIG.width / 2], [0.0, 1.0, CONFIG.height / 2]], np.float64
        )
        reach = self._puppet(0).reach
        self._screen = _make_screen(self._middle, self._row, reach, sources[3])
        self._covered = self._screen_mask()
        self._places = self._plan(hidden)
        self.length = len(self._places)

    def _puppet(self, which: int) -> _Puppet:
        rng = np.random.default_rng(self._chances[which])
        return _Puppet(CONFIG, which + 1, self._looks[which], rng, leaves=False)

    def _screen_mask(self) -> np.ndarray:
        labels = np.ones((CONFIG.height, CONFIG.width), np.uint8)
        image = np.zeros((*labels.shape, 4), np.uint8)
        put_layer(image, labels, self._screen, self._affine, np.zeros(2))
        return labels == 0

    def _plan(self, hidden: int) -> list[float]:
        """Return the column of the object in each frame [px from the picture's middle]."""
        dt_s, object_ = 1.0 / CONFIG.fps, self._puppet(0)
        places = [self._middle - self._inwards * _FAR_PX]
        while self._shows(object_, places[-1]):
            object_.wait(dt_s)
            places.append(places[-1] + self._inwards * _STEP_PX)
        self.gone = len(places) - 1
        self.back = self.gone + hidden
        for _ in range(hidden):
            object_.wait(dt_s)
        places += [self._middle] * (hidden - 1)
        edges = (self._middle + self._outwards * step for step in range(_TIMES))
        edge = next(place for place in edges if self._shows(object_, place))
        return places + [edge + self._outwards * _STEP_PX * t for t in range(AFTER)]

    def _shows(self, object_: _Puppet, x: float) -> bool:
        object_.put(x, self._row)
        stamp = stamp_of(object_, self._affine, CONFIG.height, CONFIG.width)
        if stamp is None:
            return False
        is_seen = stamp.is_inside & ~stamp.part(self._covered)
        return int(np.count_nonzero(is_seen)) >= MIN_VISIBLE_PX

    def frames(self) -> Iterator[HidingFrame]:
        """Yield the frames; each call starts anew."""
        size, dt_s = (CONFIG.width, CONFIG.height), 1.0 / CONFIG.fps
        affine = pixel_affine(self._affine, self._background.origin)
        background = cv2.warpAffine(self._background.pixels, affine, size)
        sensor = Sensor(CONFIG, np.random.default_rng(self._sensor_seed))
        puppets = [self._puppet(which) for which in range(2)]
        for t, x in enumerate(self._places):
            turn = 2 * math.pi * t / _SWAY_FRAMES + self._phase
            places = [(x, self._row), (_SWAY_PX * math.sin(turn), -self._row)]
            pace = self._inwards if t < self.gone else self._outwards
            ways = (pace * _STEP_PX, _SWAY_PX * math.cos(turn) * 2 * math.pi / _SWAY_FRAMES)
            image, labels = background.copy(), np.zeros(size[::-1], np.uint8)
            for label, (puppet, place, way) in enumerate(
                zip(puppets, places, ways, strict=True), start=1
            ):
                puppet.put(*place)
                stamp = stamp_of(puppet, self._affine, CONFIG.height, CONFIG.width)
                assert stamp is not None
                stamp.part(labels)[stamp.is_inside] = label
                put_object(image, puppet, stamp, np.array([CONFIG.motion_blur * way, 0.0]))
                puppet.wait(dt_s)
            put_layer(image, labels, self._screen, self._affine, np.zeros(2))
            picture = sensor.expose(cv2.cvtColor(image, cv2.COLOR_RGBA2RGB), dt_s)
            yield HidingFrame(picture, *(_mask(labels == label) for label in (1, 2)))


def _mask(pixels: np.ndarray) -> np.ndarray:
    """Return a mask, empty where an object hardly shows."""
    return pixels if np.count_nonzero(pixels) >= MIN_VISIBLE_PX else np.zeros_like(pixels)


def _make_screen(x: float, y: float, reach: float, rng: Rng) -> Layer:
    """Return a piece of a post that hides whatever is within `reach` of (x, y).

    It is shaded as the posts of the benchmarks, so that a detector knows that it is no object.
    """
    half_width, half_height = math.ceil(reach) + 2, math.ceil(reach) + 4
    rows, columns = 2 * half_height, 2 * half_width
    hsv = np.array([(rng.uniform(0, 360), rng.uniform(0.05, 0.35), rng.uniform(0.3, 0.8))])
    grain = 1 + 0.1 * noise_field(rng, rows, columns, 12)
    shade = 0.6 + 0.55 * np.sin(np.pi * (np.arange(columns) + 0.5) / columns)
    pixels = (to_rgb(hsv)[0] * (shade * grain)[..., None]).clip(0, 255)
    alpha = np.zeros((rows, columns), np.uint8)
    alpha[1:-1, 1:-1] = 255  # see-through at its border, so that it can be resampled
    pixels[alpha == 0] = 0
    return Layer(np.dstack((pixels.astype(np.uint8), alpha)), (x - half_width, y - half_height))
