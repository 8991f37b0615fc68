# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who plays: the objects of a scene, made in species, and their depth order."""

from __future__ import annotations

import math

import numpy as np

from vis_ros.synth.actors import Actor
from vis_ros.synth.camera import View
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.textures import Species, make_look, make_species, to_rgb


class Cast:
    """The objects of a scene; their number never changes.

    Args:
        config: Options.
        rng: Source of chance.
        colours: float array (A, 3), RGB in [0, 255], from which objects should differ.
        renew: Whether strangers may come instead of objects that have left.
    """

    def __init__(
        self, config: SynthConfig, rng: np.random.Generator, colours: np.ndarray, *, renew: bool
    ) -> None:
        self._config = config
        self._rng = rng
        self._renew = renew
        self._next_id = 1
        self._is_placed = False
        count = int(rng.integers(config.objects_min, config.objects_max + 1))
        self._species = self._make_species(count, colours)
        self._leaves = rng.permutation(count) < math.floor(config.leaving * count + rng.random())
        self.depth_order = rng.permutation(count)  # the nearest last
        # Each species has an object, if there are enough.
        order = rng.permutation(np.arange(count) % max(1, len(self._species)))
        self.actors = [self._make_actor(i, self._species[k]) for i, k in enumerate(order)]
        self._was_away = [False] * count

    def _make_species(self, count: int, colours: np.ndarray) -> list[Species]:
        config, rng = self._config, self._rng
        number = max(1, round(count / config.family)) if count else 0
        names = list(dict.fromkeys(config.classes))
        chosen = [str(name) for name in rng.permutation(names)]
        sizes = np.exp(rng.uniform(math.log(config.size_min), math.log(config.size_max), number))
        found: list[Species] = []
        for index, size in enumerate(sizes):
            avoid = np.concatenate([colours, *(_main_colour(s) for s in found)])
            found.append(make_species(rng, chosen[index % len(chosen)], float(size), avoid))
        return found

    def _make_actor(self, index: int, species: Species) -> Actor:
        config = self._config
        rng = np.random.default_rng(self._rng.integers(2**63))
        look = make_look(species, rng, config)
        actor = Actor(config, self._next_id, look, rng, leaves=bool(self._leaves[index]))
        self._next_id += 1
        return actor

    def step(self, dt_s: float, view: View) -> None:
        """Let all objects go on by a time."""
        if not self._is_placed:
            self._is_placed = True
            for index, actor in enumerate(self.actors):
                actor.place(view, self.actors[:index])
            return
        for index, actor in enumerate(self.actors):
            actor.step(dt_s, view, self.actors)
            if self._renew and actor.is_away and not self._was_away[index]:
                self._replace(index, view)
            self._was_away[index] = self.actors[index].is_away

    def _replace(self, index: int, view: View) -> None:
        """Let a stranger come instead of an object that has just left, half of the times."""
        if self._rng.random() < 0.5:
            return
        species = self._species[int(self._rng.integers(len(self._species)))]
        actor = self._make_actor(index, species)
        actor.start_away(view)
        self.actors[index] = actor

    def class_ids(self) -> np.ndarray:
        """Return the classes of the objects, int64 (J,)."""
        return np.array([CLASSES.index(a.look.class_name) for a in self.actors], np.int64)


def _main_colour(species: Species) -> np.ndarray:
    return to_rgb(species.hsv[:1])
