# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the scene to the picture: motion blur, defocus, light and noise."""

from __future__ import annotations

import cv2
import numpy as np

from vis_ros.synth.camera import Wander
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.textures import noise_field

_LONGEST_BLUR_PX = 15


def blur_along(image: np.ndarray, way_px: np.ndarray) -> np.ndarray:
    """Return the image as it moves by `way_px` (x, y) while the shutter is open."""
    length = float(np.hypot(way_px[0], way_px[1]))
    if length < 1.0:
        return image
    way = way_px * min(1.0, _LONGEST_BLUR_PX / length)
    half = int(np.ceil(np.abs(way).max() / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    steps = np.linspace(-0.5, 0.5, 2 * half + 1)
    columns = np.rint(steps * way[0]).astype(int) + half
    rows = np.rint(steps * way[1]).astype(int) + half
    kernel[rows, columns] = 1.0
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


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
        blots = noise_field(rng, 2 * height, 2 * width, 9)
        shade = 1.0 - 0.55 * config.lighting * (1.6 * blots - 0.4).clip(0.0, 1.0)
        self._shade = np.repeat(np.rint(shade * 255).astype(np.uint8)[..., None], 3, axis=2)
        self._drift = Wander(np.array([0.16, 0.05, 0.05]) * config.lighting, 4.0, rng)
        self._wind = Wander(np.array([width, height]) * 0.22, 9.0, rng)
        self._focus = Wander(np.ones(1), 3.0, rng)
        self._strength = config.noise * rng.uniform(0.5, 1.5)
        bank = rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32)
        bank += 0.5 * rng.standard_normal((height + 64, width + 64, 1), dtype=np.float32)
        self._bank = np.rint(bank * (self._strength / 1.12)).astype(np.int16)

    def expose(self, scene: np.ndarray, dt_s: float) -> np.ndarray:
        """Return the picture of a scene, uint8 (H, W, 3), RGB."""
        config = self._config
        blur_px = config.defocus * float(self._focus.step(dt_s)[0].clip(0.0, 2.0)) / 2
        if blur_px > 0.2:
            scene = cv2.GaussianBlur(scene, (0, 0), blur_px)
        if config.lighting > 0:
            scene = self._light(scene, dt_s)
        if config.noise > 0:
            y, x = self._rng.integers(0, 65, 2)
            crop = self._bank[y : y + config.height, x : x + config.width]
            scene = cv2.add(scene, crop, dtype=cv2.CV_8U)
        return scene

    def _light(self, scene: np.ndarray, dt_s: float) -> np.ndarray:
        height, width = scene.shape[:2]
        gain, warm, green = self._drift.step(dt_s)
        x, y = self._wind.step(dt_s)
        left = round(float(np.clip(width / 2 + x, 0, width)))
        top = round(float(np.clip(height / 2 + y, 0, height)))
        crop = self._shade[top : top + height, left : left + width]
        factors = np.exp(np.array([gain + warm, gain + green, gain - warm]))
        table = (np.arange(256)[None, :, None] * factors).clip(0, 255).astype(np.uint8)
        return cv2.multiply(cv2.LUT(scene, table), crop, scale=1 / 255)
