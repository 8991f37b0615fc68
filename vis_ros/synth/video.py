# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic videos and the endless synthetic camera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vis_ros.synth.config import BENCHMARKS, Benchmark, SynthConfig
from vis_ros.synth.scene import Scene, SynthFrame

PARTS = ('train', 'heldout')


class SynthVideo:
    """A synthetic video, always the same for the same configuration and seed.

    Args:
        config: What it is like.
        seed: Not negative; a sequence of such numbers names a video of a family of them.
    """

    def __init__(self, config: SynthConfig, seed: int | tuple[int, ...]) -> None:
        self.config = config
        self._seed = seed
        self._unused: Scene | None = self._scene()  # for the first who asks for frames
        self.class_ids = self._unused.class_ids

    def _scene(self) -> Scene:
        return Scene(self.config, np.random.SeedSequence(self._seed))

    def details(self) -> Iterator[SynthFrame]:
        """Yield the frames with all that is known of them; each call starts anew."""
        scene, self._unused = self._unused or self._scene(), None
        for _ in range(self.config.length):
            yield scene.step()

    def frames(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pictures, uint8 (H, W, 3) RGB, and labels, uint8 (H, W): 0 for none, j + 1 for
        object j, whose class is `class_ids[j]`.
        """
        for frame in self.details():
            yield frame.image, frame.labels


def synth_camera(config: SynthConfig, seed: int | tuple[int, ...]) -> Iterator[SynthFrame]:
    """Yield frames for ever, in bounded memory; `config.length` does not matter.

    Of the objects that leave, half come back; instead of the others come strangers, which take
    over their labels but have new `object_ids`.
    """
    scene = Scene(config, np.random.SeedSequence(seed), renew=True)
    while True:
        yield scene.step()


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by its name.

    Raises:
        ValueError: There is no such benchmark.
    """
    if name not in BENCHMARKS:
        raise ValueError(f'benchmark: expected one of {", ".join(BENCHMARKS)}, got {name!r}')
    return BENCHMARKS[name]


def video_seed(benchmark: str, part: str, seed: int, index: int) -> tuple[int, ...]:
    """Return the seed of one video of a benchmark; no two are alike.

    Args:
        benchmark: Its name.
        part: One of `PARTS`.
        seed: Seed of the benchmark, not negative.
        index: Number of the video in its part, from 0.
    """
    return seed, list(BENCHMARKS).index(benchmark), PARTS.index(part), index
