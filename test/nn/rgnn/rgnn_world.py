# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random detections for the tracker alone, without any detector."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vis_ros.nn.rgnn import Look, Rgnn, RgnnOptions, RgnnSizes, RgnnState
from vis_ros.nn.rgnn.association import official_slots
from vis_ros.nn.yolact.selection import PAD_BOX, PAD_LOGIT, PAD_MASK, DetectionSet
from vis_ros.structures.options import build_config

SIZES = RgnnSizes(
    num_classes=5, taps=(6, 7), height=64, width=96, embedding=16, appearance=8, look=6, mask=4
)
H4, W4 = 16, 24
VARIANTS: list[dict[str, Any]] = [
    {},
    {'layer_norm': True, 'positions': True},
    {'graph': 'none'},
    {'node_update': 'mlp'},
    {'blocks': 1},
    {'blocks': 3},
    {'residual_blocks': False},
    {'recurrence': 'none'},
    {'recurrence': 'gate'},
    {'gates_see_previous': False},
    {'appearance': 'none'},
    {'appearance': 'embedded'},
    {'appearance': 'constant_variance'},
    {'appearance': 'lstm'},
    {'association': 'masktrack'},
    {'scoring': 'average'},
    {'scoring': 'masktrack'},
    {'first_mean': 'own', 'variance_gain': 'paper', 'initial_variance': 'learned'},
    {'empty_appearance': 'pooled', 'lost_box': 'last', 'edges': 'raw'},
    {'bottleneck_layers': 3, 'background_score': 0.0},
    {'crop': 'box'},
]


def name_of(variant: dict[str, Any]) -> str:
    return ' '.join(f'{k}={v}' for k, v in variant.items()) or 'default'


def tracker(*, seed: int = 0, eventful: bool = True, **options: Any) -> Rgnn:
    """Return a small network; `eventful` ones are untrained, yet match, lose and start tracks."""
    torch.manual_seed(seed)
    network = Rgnn(SIZES, build_config(RgnnOptions, options))
    if eventful:
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(1.5)
            if network.match_score is not None and network.init_score is not None:
                network.match_score.weight.mul_(3)
                network.init_score.weight.mul_(3)
                network.init_score.bias.fill_(2.0)
    return network


def detections(
    count: int, *, places: int | None = None, batch: int = 1, generator: torch.Generator
) -> DetectionSet:
    """Return `count` detections in `places` places."""
    total = count if places is None else places
    is_real = (torch.arange(total) < count).expand(batch, -1)

    def pad(x: Tensor, value: float) -> Tensor:
        filler = x.new_full((batch, total - count, *x.shape[2:]), value)
        return torch.cat((x, filler), dim=1)

    low = torch.rand(batch, count, 2, generator=generator) * torch.tensor([60.0, 30.0])
    size = torch.rand(batch, count, 2, generator=generator) * 20 + 8
    logits = torch.randn(batch, count, SIZES.num_classes, generator=generator) * 2
    scores = logits[..., 1:].amax(-1) - logits.logsumexp(-1)
    masks = torch.randn(batch, count, H4, W4, generator=generator) * 4
    inside = torch.rand(batch, count, H4, W4, generator=generator) > 0.5
    return DetectionSet(
        is_real=is_real,
        anchor=torch.where(is_real, torch.arange(total), -1),
        logits=pad(logits, PAD_LOGIT),
        boxes=pad(torch.cat((low, low + size), -1), PAD_BOX),
        scores=pad(scores, PAD_LOGIT),
        mask_logits=pad(masks, PAD_MASK),
        box_masks=pad(inside.float(), 0.0).bool(),
    )


def taps(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return (
        torch.randn(batch, SIZES.taps[0], 4, 6, generator=generator),
        torch.randn(batch, SIZES.taps[1], 2, 3, generator=generator),
    )


def step(
    network: Rgnn, state: RgnnState, found: DetectionSet, maps: tuple[Tensor, Tensor]
) -> tuple[RgnnState, dict[str, Tensor]]:
    """Run a frame with the official life cycle; return the state and everything to compare."""
    look: Look = network.look(*maps, found)
    association = network.associate(state, found, look)
    assigned, is_new = official_slots(state.tracks.is_alive, network.choose(association, found))
    state = network.update(state, found, look, association, assigned=assigned, is_new=is_new)
    scores = network.segment(state, found, assigned)
    return state, {
        'match': association.match_logits,
        'init': association.init_logits,
        'assigned': assigned,
        'is_new': is_new,
        'scores': scores,
    }


def permuted(found: DetectionSet, order: Tensor) -> DetectionSet:
    return DetectionSet(*(x[:, order] for x in found))
