# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR without training in which things happen, tiny; and one whose queries are colours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vis_ros.methods.ifr import IfrMethod
from vis_ros.nn.ifr import Features, Ifr, IfrOptions, IfrSizes, Past, Prediction
from vis_ros.nn.ifr import model as model_module
from vis_ros.nn.ifr.decoder import Decoded
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures.options import build_config

TINY = IfrSizes('slim18', None, 64, 96, 32, 1, 32, 2, 32, 4, 6)
CLASSES = ('cup', 'plate', 'fork')
LOW = {'detections.score_threshold': 0.45, 'detections.birth_score': 0.55}
COLOURS = ((250, 9, 0), (200, 99, 9), (150, 200, 30), (90, 9, 240), (60, 80, 90))


@pytest.fixture(scope='module')  # not longer: others test the network as it is
def tiny() -> Iterator[None]:
    """Make the network `small` tiny."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_module, 'sizes_of', lambda name: TINY)
        yield


@cache
def lively(options: IfrOptions, seed: int = 3) -> dict[str, Tensor]:
    """Return a state dict with which instances come and go."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = Ifr('small', len(CLASSES), options)
        torch.nn.init.normal_(network.decoder.classes.weight, std=0.35)
        torch.nn.init.constant_(network.decoder.classes.bias, -0.6)
        torch.nn.init.normal_(network.decoder.kernels[2].weight, std=1.0)
        for layer in network.decoder.layers:
            for norm in (layer.cross_norm, layer.joint_norm):
                torch.nn.init.constant_(norm.weight, 1.0)
            torch.nn.init.normal_(layer.cross.value.weight, std=0.5)
    return network.state_dict()


def build(seed: int = 3, **options: Any) -> IfrMethod:
    """Return the lively method."""
    config = build_config(IfrMethod.Config, {**LOW, **options})
    meta = {'classes': list(CLASSES)}
    weights = LoadedWeights(lively(config.model, seed), 'lively', meta)
    return IfrMethod(config, weights=weights, device='cpu')


def seeing(patch: pytest.MonkeyPatch, **options: Any) -> IfrMethod:
    """Return a method whose query k segments colour k, wherever it is, and nothing else."""
    config = build_config(IfrMethod.Config, {'classes': ('thing', 'other'), **options})
    random = LoadedWeights({}, 'random', is_random=True)
    method = IfrMethod(config, weights=random, device='cpu')
    patch.setattr(Ifr, 'see', _see)
    patch.setattr(Ifr, 'decode', _decode)
    return method


def _see(self: Ifr, images: Tensor) -> Features:
    mean, deviation = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    small = torch.nn.functional.interpolate(images, scale_factor=0.25, mode='nearest')
    rgb = (small * deviation[:, None, None] + mean[:, None, None]) * 255
    masks = []
    for colour in COLOURS:
        far = (rgb - torch.tensor(colour)[:, None, None]).abs().amax(dim=1)
        masks.append(torch.where(far < 4, 8.0, -8.0))
    return Features((), torch.stack(masks, dim=1))


def _decode(
    self: Ifr,
    features: Features,
    *,
    frames: int,
    past: Past | None = None,
    causal: bool | None = None,
) -> Decoded:
    count = len(self.decoder.queries)
    kernels = torch.zeros(1, frames, count, len(COLOURS))
    for k in range(len(COLOURS)):
        kernels[..., k, k] = 1
    kernels[..., len(COLOURS) :, :] = -1
    there = (features.masks > 0).flatten(2).any(dim=2)  # (frames, colours)
    is_there = torch.zeros(1, 1, count, dtype=torch.bool)
    is_there[..., : len(COLOURS)] = there.any(dim=0)
    classes = torch.where(is_there[..., None], torch.tensor((3.0, -3.0)), -5.0)
    before = self.decoder.no_past() if past is None else past
    filled = torch.cat((before.is_filled, torch.ones(1, 1, count, dtype=torch.bool)), dim=1)[:, 1:]
    return Decoded((Prediction(classes, kernels),), before._replace(is_filled=filled))


def squares(count: int, hidden: range = range(0)) -> list[np.ndarray]:
    """Return images 64 x 96 of two squares that walk; the first one is not there in `hidden`."""
    images = []
    for t in range(count):
        image = np.zeros((64, 96, 3), np.uint8)
        if t not in hidden:
            image[8:24, 4 * t % 64 : 4 * t % 64 + 16] = COLOURS[0]
        image[40:56, 72 - 2 * t % 64 : 88 - 2 * t % 64] = COLOURS[3]
        images.append(image)
    return images
