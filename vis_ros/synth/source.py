# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic camera as footage, so that a method can be tried without any recording."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from vis_ros.media.source import Source, SourceError
from vis_ros.structures import Frame
from vis_ros.structures.options import replace_config
from vis_ros.structures.settings import parse_settings
from vis_ros.synth.bags import FRAME_ID
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.scene import SynthFrame
from vis_ros.synth.video import SynthVideo, find_benchmark, synth_camera, video_seed

_PREFIX = 'synth:'
_COMMA = re.compile(r',(?![^\[]*\])')  # not those of a list in brackets


def is_synth(text: str) -> bool:
    """Return whether a text names a synthetic camera and not a path."""
    return text.startswith(_PREFIX)


class SynthSource(Source):
    """A synthetic camera; the same text gives the same frames each time.

    The text is `synth:BENCHMARK`, and after it any number of `,NAME=VALUE`:
    - `video=N`: held-out video N of the benchmark, from 0; it ends after its `length`;
    - `seed=N`: seed of the benchmark, 0 by default;
    - any option of `SynthConfig`, such as `noise=0`.
    Without `video` and `length` the camera never ends.

    Args:
        text: What to show.
        fps: Frames per second of the stamps, instead of those of the scene.

    Attributes:
        latest: The frame that the latest iteration gave last, with its ground truth.

    Raises:
        SourceError: The text is not right; the error says where.
        ValueError: `fps` is not a positive number.
    """

    def __init__(self, text: str, *, fps: float | None = None) -> None:
        super().__init__()
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise ValueError(f'fps: expected a positive number, got {fps}')
        try:
            name, values = _parse(text)
            is_endless = not {'video', 'length'} & set(values)
            index, seed = (_count(key, values.pop(key, 0)) for key in ('video', 'seed'))
            benchmark = find_benchmark(name)
            self.config: SynthConfig = replace_config(benchmark.config, values)
        except ValueError as error:
            raise SourceError(f'{text}: {error}') from error
        self._seed = video_seed(name, 'heldout', seed, index)
        self.count = None if is_endless else self.config.length
        self.fps = self.config.fps if fps is None else fps
        self.size = (self.config.width, self.config.height)
        self.latest: SynthFrame | None = None

    def _frames(self) -> Iterator[Frame]:
        details = (
            synth_camera(self.config, self._seed)
            if self.count is None
            else SynthVideo(self.config, self._seed).details()
        )
        for index, detail in enumerate(details):
            self.latest = detail
            yield Frame(detail.image, round(index * 1e9 / self.fps), FRAME_ID)


def _parse(text: str) -> tuple[str, dict[str, Any]]:
    """Return the benchmark and the values by name."""
    name, *items = _COMMA.split(text.removeprefix(_PREFIX))
    return name, parse_settings(items)


def _count(name: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f'{name}: expected a whole number, 0 or more, got {value!r}')
    return value
