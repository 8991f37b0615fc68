# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A world of coloured boxes, and a detector that sees exactly these, without any randomness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vis_ros.detectors.base import Detector
from vis_ros.detectors.motion import MotionConfig
from vis_ros.memory.snapshot import Snapshot
from vis_ros.methods import METHODS, Method
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.masks import tight_box
from vis_ros.structures import CropMask, Detections, Frame, FrameResult
from vis_ros.structures.options import build_config

HEIGHT, WIDTH = 48, 96
PERIOD_NS = 100_000_000
TODAY = 1_763_600_000_000_000_000

Colour = tuple[int, int, int]
Thing = tuple[float, float, int, int, Colour]
"""x, y, width, height, colour; drawn later = in front. Each colour is one instance."""


def picture(*things: Thing) -> np.ndarray:
    """Return an image of things on black ground."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for x, y, width, height, colour in things:
        left, top = round(x), round(y)
        image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = colour
    return image


def frame_of(index: int, *things: Thing, start_ns: int = TODAY) -> Frame:
    """Return frame number `index`, 100 ms after the one before."""
    return Frame(picture(*things), start_ns + index * PERIOD_NS, 'camera')


class ColourDetector(Detector):
    """Sees each colour as one instance: red decides the score, blue the class, all the looks.

    Stands in for `motion`, with its configuration. Its state counts the frames.
    """

    Config = MotionConfig
    classes = ('plain', 'blue')
    feature_size = 3
    summary = licence = ''
    order = 1  # -1 turns the detections round

    def __init__(self, config: Any = None, *, weights: Any = None, device: str = 'cpu') -> None:
        pass

    def init_state(self) -> int:
        return 0

    def detect(self, state: int, frame: Frame) -> tuple[int, Detections]:
        packed = frame.image.astype(np.int32) @ (65536, 256, 1)  # one number for each colour
        found = [value for value in np.unique(packed)[:: self.order].tolist() if value]
        if not found:
            return state + 1, Detections.empty(self.feature_size)
        masks = [CropMask(0, 0, packed == value) for value in found]
        looks = np.array([(v >> 16, v >> 8 & 255, v & 255) for v in found], np.float32)
        return state + 1, Detections(
            boxes=np.array([tight_box(mask) for mask in masks], np.float32),
            scores=(0.5 + looks[:, 0] / 512).astype(np.float32),
            class_ids=(looks[:, 2] > 100).astype(np.int64),
            masks=tuple(masks),
            features=looks / np.linalg.norm(looks, axis=1, keepdims=True),
        )

    def save(self, state: int) -> Snapshot:
        return Snapshot({'frames': torch.tensor(state)}, {})

    def restore(self, snapshot: Snapshot) -> int:
        return int(snapshot.tensors['frames'])


@dataclass(frozen=True)
class Case:
    """A configuration of a method that the contract is checked for."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return '-'.join((self.name, *(str(value) for _, value in self.options)))

    def build(self, **options: Any) -> Method:
        method = METHODS[self.name]
        config = build_config(method.Config, {**dict(self.options), **options})
        random = LoadedWeights({}, 'random', is_random=True)
        weights = random if method.needs_weights(config) else None
        return method(config, weights=weights, device='cpu')


def run(method: Method, frames: list[Frame]) -> list[FrameResult]:
    """Return the results of a whole stream."""
    return [result for _, result in steps(method, frames)]


def steps(method: Method, frames: list[Frame]) -> Iterator[tuple[Any, FrameResult]]:
    """Yield each result with the state that it left."""
    state = method.init_state()
    for frame in frames:
        state, results = method.step(state, frame)
        for result in results:
            yield state, result
    state, results = method.flush(state)
    for result in results:
        yield state, result


def street(count: int, *, seed: int = 0) -> list[Frame]:
    """Return frames of five boxes that walk, cross, leave, and are hidden now and then."""
    rng = np.random.default_rng(seed)
    frames = []
    colours: list[Colour] = [(250, 9, 0), (200, 99, 9), (150, 200, 30), (90, 9, 240), (60, 80, 90)]
    place = rng.uniform((0, 0), (WIDTH - 12, HEIGHT - 16), (5, 2))
    speed = rng.uniform(-3, 3, (5, 2))
    for index in range(count):
        place += speed
        hits = (place < (0, 0)) | (place > (WIDTH - 12, HEIGHT - 16))
        speed[hits] *= -1
        is_shown = (index + 7 * np.arange(5)) % 23 < 18
        things = [
            (float(x), float(y), 9, 13, colour)
            for (x, y), colour, shown in zip(place, colours, is_shown, strict=True)
            if shown
        ]
        frames.append(frame_of(index, *things))
    return frames


def without_times(result: FrameResult) -> FrameResult:
    """Return a result that can be compared with one of another session or machine."""
    return replace(result, session_id=0, stages_ms={})
