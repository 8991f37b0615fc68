# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What objects do: roam, rest, turn, cross one another, leave and come back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vis_ros.synth.camera import View
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.shapes import MODES, REACH, Outline, deform
from vis_ros.synth.textures import Look

_REACTION_S = 0.3  # time in which an object takes up a new velocity
_GAP_PX = 6.0  # between an object that is away and the picture


class Actor:
    """One object: its pose in the world and what it is about to do.

    Args:
        config: Options.
        object_id: Its identity, never used again.
        look: How it looks.
        rng: Source of chance; for it alone.
        leaves: Whether it leaves the picture and comes back, again and again.
    """

    def __init__(
        self,
        config: SynthConfig,
        object_id: int,
        look: Look,
        rng: np.random.Generator,
        *,
        leaves: bool,
    ) -> None:
        self.object_id = object_id
        self.look = look
        self.position = np.zeros(2)
        self.velocity = np.zeros(2)
        self._config = config
        self._rng = rng
        self._leaves = leaves
        self._time_s = 0.0
        self._speed = config.speed * math.exp(rng.normal(0, 0.3))
        self._goal = np.zeros(2)
        self._mode = 'roam'
        self._until_s = 0.0
        self._leave_s = rng.uniform(0.02, 0.5) * min(config.length / config.fps, 12.0)
        self._heading = rng.uniform(0, 2 * math.pi)
        self._spin = rng.normal(0, 0.7)
        self._amplitudes = config.deformation * np.array([0.10, 0.075, 0.05, 0.035])
        self._amplitudes *= rng.uniform(0.4, 1.0, MODES)
        # Slow sines: of the outline's modes, the spin, the size, the squash and the bend.
        self._rates = rng.uniform(0.15, 0.55, MODES + 4) * 2 * math.pi
        self._phases = rng.uniform(0, 2 * math.pi, MODES + 4)

    @property
    def is_away(self) -> bool:
        """Whether it is out of the picture on purpose."""
        return self._mode == 'away'

    @property
    def reach(self) -> float:
        """Radius that the object never exceeds, in world units."""
        return REACH * 0.5 * self.look.size_px * 1.3

    def place(self, view: View, others: Sequence[Actor]) -> None:
        """Put it somewhere in view, rather not on others; or away, if it is one that leaves."""
        rng = self._rng
        if self._leaves and rng.random() < 0.3:
            self.start_away(view)
            return
        spots = [self._spot(view) for _ in range(6)]
        gaps = [min([math.dist(s, o.position) for o in others], default=0.0) for s in spots]
        self.position = spots[int(np.argmax(gaps))]
        self._goal = self._spot(view)
        self._until_s = rng.uniform(0.5, 3.0)

    def start_away(self, view: View) -> None:
        """Put it out of the picture; it comes soon."""
        self._go_away(self._rng.uniform(0.1, 0.7))
        self._keep_out(view)

    def step(self, dt_s: float, view: View, others: Sequence[Actor]) -> None:
        """Go on by a time.

        Args:
            dt_s: Time [s].
            view: What the camera sees.
            others: All objects, itself among them.
        """
        self._time_s += dt_s
        now = self._time_s
        self._heading += dt_s * self._spin * (1 + 1.5 * self._wave(MODES))
        if self._mode == 'away':
            self._keep_out(view)
            if now >= self._until_s:
                self._come_back(view)
            return
        if self._leaves and now >= self._leave_s and self._mode != 'leave':
            self._mode = 'leave'
            self._side = self._nearest_side(view)
        if self._mode == 'leave':
            self._goal = self._outside(view, self._side, self.position, 30.0)
            if self._is_out(view):
                self._go_away(1.0)
                return
        elif now >= self._until_s or math.dist(self._goal, self.position) < 8.0:
            self._choose(view, others)
        self._steer(dt_s)

    def _wave(self, number: int) -> float:
        return math.sin(self._rates[number] * self._time_s + self._phases[number])

    def _steer(self, dt_s: float) -> None:
        wanted = np.zeros(2)
        if self._mode != 'rest':
            way = self._goal - self.position
            far = float(np.hypot(way[0], way[1])) + 1e-9
            slow = 1.0 if self._mode == 'leave' else min(1.0, far / (0.35 * self._speed + 1e-9))
            pace = max(self._speed, 40.0) if self._mode == 'leave' else self._speed
            wanted = way * (pace * slow / far)
        self.velocity += (1 - math.exp(-dt_s / _REACTION_S)) * (wanted - self.velocity)
        self.velocity += 0.25 * self._speed * math.sqrt(dt_s) * self._rng.standard_normal(2)
        self.position += dt_s * self.velocity

    def _choose(self, view: View, others: Sequence[Actor]) -> None:
        """Rest, or go somewhere else; the way there often leads across another object."""
        rng = self._rng
        if self._mode == 'roam' and rng.random() < 0.2:
            self._mode, self._until_s = 'rest', self._time_s + rng.uniform(0.3, 1.4)
            return
        self._mode, self._until_s = 'roam', self._time_s + rng.uniform(1.0, 3.5)
        self._goal = self._spot(view)
        seen = [o for o in others if o is not self and not o.is_away]
        if seen and rng.random() < self._config.crowding:
            other = seen[int(rng.integers(len(seen)))].position
            self._goal = self._inside(
                view, other + rng.uniform(0.2, 0.9) * (other - self.position)
            )

    def _spot(self, view: View) -> np.ndarray:
        return self._inside(view, view.centre + self._rng.uniform(-1, 1, 2) * view.half)

    def _inside(self, view: View, place: np.ndarray) -> np.ndarray:
        room = np.maximum(np.asarray(view.half) - 0.5 * self.look.size_px, 0.0)
        return view.centre + np.clip(place - view.centre, -room, room)

    def _nearest_side(self, view: View) -> int:
        """Return 0 left, 1 right, 2 top, 3 bottom."""
        gap = self.position - view.centre
        room = np.array([*(np.array(view.half) + gap), *(np.array(view.half) - gap)])[[0, 2, 1, 3]]
        return int(np.argmin(room))

    def _outside(self, view: View, side: int, place: np.ndarray, gap_px: float) -> np.ndarray:
        """Return the place next to `place` that lies beyond a side of the picture."""
        axis, sign = side // 2, 2 * (side % 2) - 1
        goal = self._inside(view, place)
        goal[axis] = view.centre[axis] + sign * (view.half[axis] + self.reach + gap_px)
        return goal

    def _is_out(self, view: View) -> bool:
        gap = np.abs(self.position - view.centre) - view.half
        return bool(gap.max() > self.reach + _GAP_PX)

    def _go_away(self, share: float) -> None:
        config, rng = self._config, self._rng
        self._mode, self._side = 'away', int(rng.integers(4))
        absence_s = rng.uniform(config.absence_min_s, config.absence_max_s)
        self._until_s = self._time_s + share * absence_s
        self.velocity = np.zeros(2)

    def _keep_out(self, view: View) -> None:
        """Stay out of sight however the camera moves; nobody sees where."""
        spare = _GAP_PX + 0.15 * self._config.width
        self.position = self._outside(view, self._side, self.position, spare)

    def _come_back(self, view: View) -> None:
        rng = self._rng
        spot = self._spot(view)
        self.position = self._outside(view, self._side, spot, 2.0)
        self._goal = self._spot(view)
        self.velocity = (
            (self._goal - self.position)
            / (math.dist(self._goal, self.position) + 1e-9)
            * self._speed
        )
        self._mode, self._until_s = 'roam', self._time_s + 6.0
        self._leave_s = self._time_s + rng.uniform(3.0, 7.0)

    def pose(self) -> np.ndarray:
        """Return the affine map (2, 3) from object to world coordinates."""
        scale = 0.5 * self.look.size_px * math.exp(0.13 * self._wave(MODES + 1))
        squash = 1 + 0.12 * self._config.deformation * self._wave(MODES + 2)
        cos, sin = math.cos(self._heading), math.sin(self._heading)
        turn = np.array([[cos * squash, -sin / squash], [sin * squash, cos / squash]]) * scale
        return np.concatenate((turn, self.position[:, None]), axis=1)

    def outline(self) -> Outline:
        """Return its outline in object coordinates."""
        phases = self._phases[:MODES] + self._rates[:MODES] * self._time_s
        swell = np.sin(0.6 * phases + self._phases[0])
        bend = 0.18 * self._config.deformation * self._wave(MODES + 3)
        return deform(self.look.class_name, self._amplitudes * swell, phases, bend)
