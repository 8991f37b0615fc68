# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small graphs and networks for the tests of VisSTG."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst import CondInstConfig
from vis_ros.nn.visstg import Past, Visstg, VisstgOptions
from vis_ros.nn.yolact.backbone import Taps
from vis_ros.structures.options import build_config

TINY = CondInstConfig('slim18', 3, channels=32, mask_channels=8, long_side=160, short_side=96)
SIZE = (96, 160)
SHAPES = [(12, 20), (6, 10), (3, 5), (2, 3), (1, 2)]  # of the levels of a 96x160 input
PLACES = sum(rows * columns for rows, columns in SHAPES)
WINDOWS: dict[str, Any] = {f'window_p{level}': 3 for level in range(3, 8)}


class QuickBackbone(nn.Module):
    """Three convolutions in place of a ResNet, which takes long to make."""

    channels = (8, 8, 8)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(n, 8, k, k) for n, k in ((3, 8), (8, 2), (8, 2)))

    def forward(self, picture: Tensor) -> Taps:
        fine = self.stages[0](picture)
        middle = self.stages[1](fine.relu())
        return Taps(fine, middle, self.stages[2](middle.relu()))


def options(**changes: Any) -> VisstgOptions:
    return build_config(VisstgOptions, {**WINDOWS, **changes})


def network(*, seed: int = 0, lively: bool = True, **changes: Any) -> Visstg:
    """Return a small network; a lively one is untrained, but what starts as 0 is not."""
    torch.manual_seed(seed)
    with patch('vis_ros.nn.visstg.network.ResNetTaps', QuickBackbone):
        model = Visstg(TINY, options(**changes)).eval().requires_grad_(False)
    if lively:
        for name, parameter in model.named_parameters():
            is_head = name.startswith(('plain.', 'temporal.')) and '.masks.' not in name
            if is_head and parameter.ndim == 4:
                parameter.mul_(8)
            if name.startswith(('warp.estimate', 'graph.')) and parameter.ndim > 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def past(count: int, *, batch: int = 1, seed: int = 0, channels: int = 32) -> Past:
    """Return tracks at random places, some of them near or beyond the border."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor((SIZE[1], SIZE[0]))
    centres = torch.rand(batch, count, 2, generator=generator) * (size + 20) - 10
    nodes = torch.randn(batch, count, len(SHAPES), channels, generator=generator)
    return Past(torch.ones(batch, count, dtype=torch.bool), centres, nodes)


def image(batch: int = 1, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, *SIZE, generator=generator)
