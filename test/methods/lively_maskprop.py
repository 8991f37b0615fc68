# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp without training in which things happen, tiny; and one that sees colours exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import ColourDetector
from torch import Tensor

from vis_ros.methods import METHODS, Method
from vis_ros.methods import maskprop as module
from vis_ros.nn.maskprop import MaskProp, ModelOptions
from vis_ros.nn.maskprop import model as model_module
from vis_ros.nn.maskprop.config import MaskPropSizes
from vis_ros.nn.maskprop.detector import Instances
from vis_ros.nn.maskprop.perception import Perceived
from vis_ros.nn.picture import Placement
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

TINY = MaskPropSizes('slim18', 96, 160, 16, 8, 32, 16, 16, 32, 8, 32)
CLASSES = ('cup', 'plate', 'fork')
LOW = {'detections.score_threshold': 0.3, 'detections.limit': 5, 'detections.proposals': 60}


@pytest.fixture(scope='module')
def tiny() -> Iterator[None]:
    """Make the network `small` tiny, for the tests of this module only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_module, 'sizes_of', lambda name: TINY)
        yield


def lively(options: ModelOptions) -> dict[str, Tensor]:
    """Return a state dict with which instances come and go."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        network = MaskProp('small', len(CLASSES), options)
        detector = network.detector
        for heads in detector.stages:
            torch.nn.init.normal_(heads.box_predictor.cls_score.weight, std=1.0)
            torch.nn.init.zeros_(heads.box_predictor.cls_score.bias)
            torch.nn.init.constant_(heads.mask_predictor.mask_fcn_logits.bias, 0.5)
        if detector.sampling is not None:
            for stage in detector.sampling.stages.values():
                for layer in stage.offsets:
                    torch.nn.init.normal_(layer.weight, std=0.05)
            for heads in detector.stages:  # by chance all proposals would be background
                heads.box_predictor.cls_score.bias.data[0] = -20.0
        if options.tracking == 'propagation':
            for layer in network.propagation.offsets:
                torch.nn.init.normal_(layer.weight, std=0.05)
            torch.nn.init.normal_(network.propagation.score.weight, std=2.0)
            torch.nn.init.constant_(network.propagation.attention.bias, 4.0)
    return network.state_dict()


def build(**options: Any) -> Method:
    """Return the lively method."""
    cls = METHODS['maskprop']
    config = build_config(cls.Config, {**LOW, **options})
    weights = LoadedWeights(lively(config.model), 'lively', {'classes': list(CLASSES)})
    return cls(config, weights=weights, device='cpu')


def seeing(patch: pytest.MonkeyPatch, **options: Any) -> Method:
    """Return a method whose detector sees colours, and whose propagation follows them."""
    cls = METHODS['maskprop']
    values = {'classes': ColourDetector.classes, **options}
    config = build_config(cls.Config, values)
    random = LoadedWeights({}, 'random', is_random=True)
    method = cls(config, weights=random, device='cpu')
    patch.setattr(module, 'picture_of', lambda image, *_: image)
    patch.setattr(module, 'look_at', lambda model, images, *_: images)
    patch.setattr(module, 'understand', lambda model, image, *_: _perceive(image))
    patch.setattr(MaskProp, 'propagate', _propagate)
    return method


def _perceive(image: np.ndarray) -> Perceived:
    _, seen = ColourDetector().detect(0, Frame(image, 0))
    code = image.astype(np.int64) @ (65536, 256, 1)
    masks = np.array([mask.pixels for mask in seen.masks]).reshape(-1, *code.shape)
    boxes, scores = torch.from_numpy(seen.boxes), torch.from_numpy(seen.scores)
    found = Instances(
        boxes, scores, torch.from_numpy(seen.class_ids), torch.ones(len(seen), 28, 28)
    )
    size = (code.shape[0], code.shape[1])
    regions = torch.from_numpy(masks).float()
    placement = Placement(size, size, size)
    looks = torch.from_numpy(seen.features)
    return Perceived(placement, torch.from_numpy(code), found, regions, seen.masks, looks)


def _propagate(self: MaskProp, source: Tensor, others: Tensor, regions: Tensor) -> Tensor:
    colours = [source[region > 0].max() for region in regions]
    masks = [(others == colour).float() for colour in colours]
    return torch.stack(masks) if masks else torch.zeros(0, *others.shape)
