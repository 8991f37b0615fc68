# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small networks and outputs for the tests of CondInst."""

from __future__ import annotations

import torch
from torch import Tensor

from vis_ros.nn.condinst import CondInst, CondInstConfig, CondInstOutput
from vis_ros.nn.condinst.head import Dense, Places, places
from vis_ros.nn.yolact.backbone import Taps

TINY = CondInstConfig('slim18', 3, channels=64, mask_channels=8, long_side=128, short_side=64)
CPU = torch.device('cpu')


def tiny(**changes: object) -> CondInst:
    torch.manual_seed(0)
    config = CondInstConfig(**{**TINY.__dict__, **changes})
    return CondInst(config).eval().requires_grad_(False)


def blank(batch: int = 1, size: tuple[int, int] = (64, 128)) -> tuple[CondInstOutput, Places]:
    """Return an output that shows nothing, to be filled, and its places."""
    where = places(*size, CPU)
    count = len(where.xy)
    dense = Dense(
        torch.full((batch, count, 3), -20.0),
        torch.ones(batch, count, 4),
        torch.full((batch, count), 20.0),
        torch.zeros(batch, count, 169),
    )
    none = torch.zeros(0)
    features = torch.zeros(batch, 8, size[0] // 8, size[1] // 8)
    return CondInstOutput(Taps(none, none, none), (), dense, features), where


def put(
    output: CondInstOutput, place: int, share: float, sides: Tensor, class_id: int = 0
) -> None:
    """Show an object at a place of the first image."""
    output.dense.classes[0, place, class_id] = torch.logit(torch.tensor(share))
    output.dense.boxes[0, place] = sides
