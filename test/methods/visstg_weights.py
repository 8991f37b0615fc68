# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""VisSTG at a size that runs fast, with weights with which things happen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst import CondInstConfig, prepare
from vis_ros.nn.condinst.head import places
from vis_ros.nn.visstg import Past, Visstg, VisstgOptions
from vis_ros.nn.visstg.association import by_edges
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact.backbone import Taps
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

CLASSES = ('cup', 'plate', 'fork')


class QuickBackbone(nn.Module):
    """Three convolutions in place of a ResNet."""

    channels = (8, 8, 8)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(n, 8, k, k) for n, k in ((3, 8), (8, 2), (8, 2)))

    def forward(self, picture: Tensor) -> Taps:
        fine = self.stages[0](picture)
        middle = self.stages[1](fine.relu())
        return Taps(fine, middle, self.stages[2](middle.relu()))


def quick_config(network: str, num_classes: int) -> CondInstConfig:
    """Return what stands in for `video_config`."""
    return CondInstConfig(
        'slim18', num_classes, channels=32, mask_channels=8, long_side=160, short_side=96
    )


def lively(frames: list[Frame], **changes: Any) -> dict[str, Tensor]:
    """Return a state dict; `QuickBackbone` has to be in place."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = Visstg(quick_config('', len(CLASSES)), build_config(VisstgOptions, changes))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.startswith(('plain.', 'temporal.')) and '.masks.' not in name:
                    parameter.mul_(8 if parameter.ndim == 4 else 1)
                if name.startswith(('warp.estimate', 'graph.')) and parameter.ndim > 1:
                    parameter.add_(torch.randn_like(parameter) * 0.03)
    model.eval().requires_grad_(False)
    calibrate(model, frames)
    return model.state_dict()


def calibrate(model: Visstg, frames: list[Frame]) -> None:
    """Shift the heat so that some places are objects, and the edges so that some match."""
    images = torch.cat([prepare(frame.image, model.config, 'cpu') for frame in frames])
    levels = model.look(images)
    branches = [model.plain]
    if model.options.branches == 'separate':
        branches.append(model.temporal)
    for branch in branches:
        heat = branch(levels).heat
        scale = 2.0 / heat.std()
        branch.heat.weight.mul_(scale)
        bias = (branch.heat.bias - heat.flatten().quantile(0.99)) * scale - 0.5
        branch.heat.bias.copy_(bias)
        branch.controller.bias[-1] = 0.5  # most masks show some pixels
    if model.options.association == 'edge':
        calibrate_edges(model, levels)


def calibrate_edges(model: Visstg, levels: tuple[Tensor, ...]) -> None:
    """Let half of the edges from each place to itself a frame later be positive."""
    where = places(*(8 * n for n in levels[0].shape[2:]), torch.device('cpu'))
    place = torch.arange(0, len(where.xy), 5)
    xy = where.xy[place]
    boxes = torch.cat((xy - 8, xy + 8), dim=1)
    nodes = model.nodes(tuple(level[:1] for level in levels), boxes[None])
    past = Past(torch.ones(1, len(xy), dtype=torch.bool), xy[None], nodes)
    output = model.interpret(tuple(level[1:2] for level in levels), past, None)
    score = by_edges(model, output, place, 0.0).score.diagonal().logit()
    last = model.classify[-1]
    scale = 2.0 / score.std()
    last.weight.mul_(scale)
    last.bias.copy_((last.bias - score.quantile(0.2)) * scale)


def loaded(frames: list[Frame], **changes: Any) -> LoadedWeights:
    """Return weights as a file would give them."""
    config = {f'model.{name}': value for name, value in changes.items()}
    known = {'classes': list(CLASSES), 'config': {'network': 'small', **config}}
    return LoadedWeights(lively(frames, **changes), 'lively', known)
