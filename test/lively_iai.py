# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Untrained IAI weights with which things happen: births, losses, returns, shared pixels."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from vis_ros.nn.iai import Iai, IaiOptions
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures.options import build_config

CLASSES = ('cup', 'plate', 'fork')
_STEEP, _SIZE = 3.0, 1.8  # of the diamonds that masks are


@cache
def lively(options: tuple[tuple[str, Any], ...] = (), *, seed: int = 0) -> dict[str, Tensor]:
    """Return a state dict of the small network with three classes."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = Iai('small', len(CLASSES), build_config(IaiOptions, dict(options)))
        model.eval().requires_grad_(False)
        if model.options.detector == 'maskrcnn':
            scatter_regions(model)
        else:
            scatter(model)
        if model.options.identification:
            tell_apart(model)
    return model.state_dict()


def scatter(model: Iai) -> None:
    """Make a few places of the picture objects: diamonds of their level's size."""
    head = model.image.head
    taps = model.image.look(torch.randn(4, 3, 64, 96))
    taps, _ = model.associate(taps, None)
    dense = model.image.interpret(taps).dense
    spread = (dense.classes - head.classes.bias).std(dim=(0, 1))
    head.classes.weight.mul_((1.5 / spread)[:, None, None, None])
    head.classes.bias.fill_(-4.0)
    head.boxes.bias.fill_(3.0)
    bias = torch.zeros(169)
    first = bias[:80].view(8, 10)
    first[0, 0], first[1, 0], first[2, 1], first[3, 1] = _STEEP, -_STEEP, _STEEP, -_STEEP
    bias[80:144] = torch.eye(8).flatten()
    bias[144:148] = -1.0
    bias[168] = _SIZE
    head.controller.bias.copy_(bias)


def scatter_regions(model: Iai) -> None:
    """Make a few proposals objects, whose masks fill a part of their boxes."""
    heads = model.image.roi_heads
    model.image.rpn.head.bbox_pred.bias[:] = torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(3)
    taps, _ = model.associate(model.image.look(torch.randn(4, 3, 64, 96)), None)
    output = model.image.interpret(taps)
    scores = heads.box_predictor.cls_score
    spread = (output.regions.classes - scores.bias).std(dim=0)
    scores.weight.mul_((0.7 / spread)[:, None])
    scores.bias.zero_()
    scores.bias[0] = 2.0
    masks = model.image.mask_logits(output.levels, [output.boxes[:4, 1]] * 4)
    last = heads.mask_predictor.mask_fcn_logits
    last.weight.mul_(2.0 / masks.std())
    last.bias.fill_(1.0)


def tell_apart(model: Iai) -> None:
    """Make the ID head say different things about different places; new is the most likely."""
    taps, _ = model.associate(model.image.look(torch.randn(4, 3, 64, 96)), None)
    _, logits = model.interpret(taps)
    assert logits is not None
    out, ids = model.identities.out, model.options.ids
    spread = (logits - out.bias).flatten(0, -2).std(dim=0)
    out.weight.mul_((1.0 / spread).reshape(-1, *[1] * (out.weight.ndim - 1)))
    out.bias.fill_(-2.0)
    out.bias[ids - 1] = -0.5
    if model.options.association:
        model.bank.embed.weight.mul_(20.0)


def loaded(options: dict[str, Any] | None = None, **meta: Any) -> LoadedWeights:
    """Return weights as a file would give them."""
    given = options or {}
    config = {f'model.{name}': value for name, value in given.items()}
    known = {'classes': list(CLASSES), 'config': {'network': 'small', **config}}
    return LoadedWeights(lively(tuple(given.items())), 'lively', {**known, **meta})
