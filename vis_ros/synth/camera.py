# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera: where it looks, and smooth random motion for whatever needs it.

World coordinates are pixels of the picture of a camera at rest, with the origin in its middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vis_ros.synth.config import SynthConfig

_LONGEST_STEP_S = 0.05  # so that the oscillators below stay stable at any rate of frames


class Wander:
    """Smooth random values around 0: damped oscillators that noise drives.

    Args:
        deviations: Standard deviation of each value.
        period_s: Time in which a value typically swings there and back.
        rng: Source of chance.
    """

    def __init__(self, deviations: np.ndarray, period_s: float, rng: np.random.Generator) -> None:
        self._stiffness = (2 * math.pi / period_s) ** 2
        self._damping = 0.8 * math.sqrt(self._stiffness)
        self._push = deviations * math.sqrt(2 * self._damping * self._stiffness)
        self._rng = rng
        self.values = deviations * rng.standard_normal(deviations.shape)
        self._rates = np.zeros_like(self.values)

    def step(self, dt_s: float) -> np.ndarray:
        """Go on by a time; return the values."""
        count = max(1, math.ceil(dt_s / _LONGEST_STEP_S))
        dt = dt_s / count
        kicks = self._rng.standard_normal((count, *self.values.shape)) * math.sqrt(dt)
        for kick in kicks:
            pull = self._stiffness * self.values + self._damping * self._rates
            self._rates = self._rates - dt * pull + self._push * kick
            self.values = self.values + dt * self._rates
        return self.values


@dataclass(frozen=True)
class View:
    """What the camera sees in one frame.

    Args:
        affine: float64 array (2, 3), from world to picture, whose pixel i spans [i, i + 1).
        shift_px: float64 array (2,), by how much the scene's middle moved since the last frame.
        centre: World point in the middle of the picture, without shake and jerks.
        half: Half the width and height of what is in view, in world units.
    """

    affine: np.ndarray
    shift_px: np.ndarray
    centre: tuple[float, float]
    half: tuple[float, float]


class Camera:
    """A camera that pans, zooms, rolls, shakes, and is jerked aside now and then.

    Args:
        config: Options.
        rng: Source of chance.
    """

    def __init__(self, config: SynthConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        width = config.width
        spread = np.array([0.10 * width, 0.06 * width, 0.07, 0.03]) * config.camera
        self._wander = Wander(spread, 5.0, rng)
        self._jerk = np.zeros(2)
        self._last: np.ndarray | None = None

    def step(self, dt_s: float) -> View:
        """Go on by a time and look."""
        config, rng = self._config, self._rng
        x, y, log_zoom, roll = self._wander.step(dt_s)
        self._jerk = self._jerk * math.exp(-dt_s / 0.35)
        chance, angle, far = rng.random(), rng.uniform(0, 2 * math.pi), rng.uniform(0.04, 0.11)
        if chance < 1.0 - math.exp(-config.jerks * dt_s):
            self._jerk += far * config.width * np.array([math.cos(angle), math.sin(angle)])
        shake = 0.004 * config.width * config.camera * rng.standard_normal(2)
        zoom = math.exp(log_zoom)
        cos, sin = zoom * math.cos(roll), zoom * math.sin(roll)
        turn = np.array([[cos, -sin], [sin, cos]])
        middle = np.array([config.width / 2, config.height / 2])
        offset = middle - turn @ (np.array([x, y]) + self._jerk + shake)
        shift = np.zeros(2) if self._last is None else offset - self._last
        self._last = offset
        return View(
            affine=np.concatenate((turn, offset[:, None]), axis=1),
            shift_px=shift,
            centre=(float(x), float(y)),
            half=(config.width / 2 / zoom, config.height / 2 / zoom),
        )
