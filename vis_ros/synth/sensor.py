# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the scene to the picture: defocus, light and noise."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from vis_ros.synth.camera import Wander
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.textures import noise_field

_SPARE = 64  # rows and columns by which the noise is bigger than the picture


@functools.lru_cache(maxsize=4)  # the same for all videos of a size, which take other parts of it
def _noise_bank(height: int, width: int) -> np.ndarray:
    """Return standard normal noise, float32 (height, width, 3), partly the same in all colours."""
    rng = np.random.default_rng(20260101)
    bank = rng.standard_normal((height, width, 3), dtype=np.float32)
    bank += 0.5 * rng.standard_normal((height, width, 1), dtype=np.float32)
    return bank / np.float32(1.118)


class Sensor:
    """Lens, light and noise of one video.

    Args:
        config: Options.
        rng: Source of chance.
    """

    def __init__(self, config: SynthConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        height, width = config.height, config.width
        blots = noise_field(rng, height, width, 9)
        shade = 1.0 - 0.55 * config.lighting * (1.6 * blots - 0.4).clip(0.0, 1.0)
        grey = cv2.resize((shade * 255).astype(np.uint8), (2 * width, 2 * height))
        self._shade = cv2.merge((grey, grey, grey))
        self._drift = Wander(np.array([0.16 * config.lighting]), 4.0, rng)
        self._wind = Wander(np.array([width, height]) * 0.22, 9.0, rng)
        self._focus = Wander(np.ones(1), 3.0, rng)
        self._bank: np.ndarray | None = None
        if config.noise > 0:
            strength = config.noise * rng.uniform(0.5, 1.5)
            bank = _noise_bank(height + _SPARE, width + _SPARE)
            self._bank = np.rint(bank * np.float32(strength)).astype(np.int16)

    def expose(self, scene: np.ndarray, dt_s: float) -> np.ndarray:
        """Return the picture of a scene, uint8 (H, W, 3), RGB."""
        config = self._config
        blur_px = config.defocus * float(self._focus.step(dt_s)[0].clip(0.0, 2.0)) / 2
        if blur_px > 0.2:
            size = (3, 3) if blur_px < 0.8 else (0, 0)
            scene = cv2.GaussianBlur(scene, size, blur_px)
        if config.lighting > 0:
            scene = self._light(scene, dt_s)
        if self._bank is not None:
            y, x = self._rng.integers(0, _SPARE + 1, 2)
            crop = self._bank[y : y + config.height, x : x + config.width]
            scene = cv2.add(scene, crop, dtype=cv2.CV_8U)
        return scene

    def _light(self, scene: np.ndarray, dt_s: float) -> np.ndarray:
        height, width = scene.shape[:2]
        gain = float(np.exp(self._drift.step(dt_s)[0]))
        x, y = self._wind.step(dt_s)
        left = round(float(np.clip(width / 2 + x, 0, width)))
        top = round(float(np.clip(height / 2 + y, 0, height)))
        crop = self._shade[top : top + height, left : left + width]
        return cv2.multiply(scene, crop, scale=gain / 255)
