# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A training that takes no time: a line through points, with dropout for the randomness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.task import Task


class Line(nn.Module):
    def __init__(self, *, is_plain: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.is_plain = is_plain
        self.line = nn.Linear(1, 1)
        self.frozen = nn.Linear(1, 1).requires_grad_(False)
        self.norm = nn.Identity() if is_plain else nn.BatchNorm1d(1)

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        x = self.norm(batch)
        x = x if self.is_plain else nn.functional.dropout(x, 0.2, self.training)
        error = (self.line(x) - 2 * batch - 1).square().mean()
        return {'error': error, 'total': error}


class ToyTask(Task):
    Recipe = ScheduleConfig
    name = 'toy'
    items = 12

    def __init__(self, *, fails_at: int | None = None, is_plain: bool = False) -> None:
        self.module = Line(is_plain=is_plain)
        self.fails_at = fails_at
        self.validations = 0

    def item(self, epoch: int, place: int) -> Any:
        if epoch * self.items + place == self.fails_at:
            raise RuntimeError('killed')
        generator = torch.Generator().manual_seed(epoch * 100 + place)
        return torch.randn(1, generator=generator)

    def collate(self, items: list[Any]) -> Any:
        return torch.stack(items)

    def validate(self, device: torch.device) -> dict[str, float]:
        assert not self.module.training
        self.validations += 1
        return {'AP': -abs(self.module.line.weight.item() - 2), 'n': float(self.validations)}

    def export(self, path: Path, figures: Mapping[str, Any]) -> None:
        save_file({k: v.clone() for k, v in self.module.state_dict().items()}, path)
