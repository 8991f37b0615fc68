# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Untrained RGNNVIS weights with which things happen: births, losses, returns, shared pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from vis_ros.nn.rgnn.association import IMPOSSIBLE, official_slots
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact import SelectionConfig, prepare
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

CLASSES = ('cup', 'plate', 'fork')
HEIGHT, WIDTH = 48, 96
PERIOD_NS = 100_000_000


@cache
def lively(options: tuple[tuple[str, Any], ...] = (), *, seed: int = 0) -> dict[str, Tensor]:
    """Return a state dict of the small network with three classes."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = RgnnVis('small', len(CLASSES) + 1, build_config(RgnnOptions, dict(options)))
    model.eval().requires_grad_(False)
    model.detector.head.classes.weight.mul_(6)
    model.detector.head.boxes.weight.mul_(4)
    model.detector.head.boxes.bias.add_(2.0)
    model.detector.prototypes.out.weight.mul_(6)
    for parameter in model.tracker.parameters():
        if parameter.ndim > 1 and not model.tracker.options.layer_norm:
            parameter.mul_(1.6)
    for _ in range(3):
        calibrate(model)
    model.tracker.masks.out.weight.mul_(8)
    model.tracker.masks.out.bias.fill_(12.0)
    return model.state_dict()


def calibrate(model: RgnnVis) -> None:
    """Shift and scale the score heads so that some pairs match and some detections are new."""
    tracker = model.tracker
    heads = (tracker.match_score, tracker.init_score)
    logits: tuple[list[Tensor], ...] = ([], [])
    state = tracker.initial(1, 24)
    for frame in frames(6):
        image = prepare(torch.from_numpy(frame.image)[None], model.detector.config)
        found, look = model.see(image, SelectionConfig())
        pairs = tracker.associate(state, found, look)
        slots, is_new = official_slots(state.tracks.is_alive, tracker.choose(pairs, found))
        state = tracker.update(state, found, look, pairs, assigned=slots, is_new=is_new)
        for kept, value in zip(logits, (pairs.match_logits, pairs.init_logits), strict=True):
            kept.append(value[value > IMPOSSIBLE])
    for head, kept, share in zip(heads, logits, (0.1, 0.06), strict=True):
        values = torch.cat(kept)
        if len(values) > 1:  # this share of all pairs, or detections, shall be above -2
            scale = 2.0 / values.std().clamp(min=1e-3)
            head.weight.mul_(scale)
            head.bias.copy_((head.bias - values.quantile(1 - share)) * scale - 2.0)


def loaded(options: Mapping[str, Any] | None = None, **meta: Any) -> LoadedWeights:
    """Return weights as a file would give them."""
    config = {f'tracker.{name}': value for name, value in (options or {}).items()}
    known = {'classes': list(CLASSES), 'config': {'network': 'small', **config}}
    # with some draws nothing happens: for each kind of network one with which it does
    seed = 3 if (options or {}).get('layer_norm') else 0
    tensors = lively(tuple((options or {}).items()), seed=seed)
    return LoadedWeights(tensors, 'lively', {**known, **meta})


def write(path: Path, weights: LoadedWeights) -> Path:
    """Write weights as `vis_ros weights import` does."""
    tensors = {name: value.contiguous() for name, value in weights.tensors.items()}
    save_file(tensors, path, metadata={'vis_ros': json.dumps(dict(weights.meta))})
    return path


def frames(count: int, *, seed: int = 0) -> list[Frame]:
    """Return textured squares that walk over a textured ground, and hide now and then."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    things = rng.integers(0, 255, (4, 14, 14, 3), dtype=np.uint8)
    place = rng.uniform((0, 0), (WIDTH - 14, HEIGHT - 14), (4, 2))
    speed = rng.uniform(-4, 4, (4, 2))
    video = []
    for index in range(count):
        place += speed
        speed[(place < 0) | (place > (WIDTH - 14, HEIGHT - 14))] *= -1
        image = ground.copy()
        for k, (x, y) in enumerate(place.clip(0, (WIDTH - 14, HEIGHT - 14)).astype(int)):
            if (index + 5 * k) % 13 < 10:
                image[y : y + 14, x : x + 14] = things[k]
        video.append(Frame(image, 1_000_000_000 + index * PERIOD_NS, 'camera'))
    return video
