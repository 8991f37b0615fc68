# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A short training on clips that may be killed, and goes on when it is started again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from vis_ros.data.clip import Clip
from vis_ros.structures.options import build_config
from vis_ros.training.clip_task import ClipTask
from vis_ros.training.loop import MODEL, fit, make_fabric


def check_going_on(kind: type[ClipTask], values: Mapping[str, Any], folder: Path) -> None:
    """Check that a training that was killed gives the very weights of one that was not."""
    whole = train(kind, values, folder / 'whole')
    with pytest.raises(RuntimeError, match='killed'):
        train(kind, values, folder / 'parts', (2, 1))
    parts = train(kind, values, folder / 'parts')
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def train(
    kind: type[ClipTask],
    values: Mapping[str, Any],
    folder: Path,
    fails_at: tuple[int, int] | None = None,
) -> dict[str, torch.Tensor]:
    """Train, up to this epoch and place; return the weights."""

    class Killed(kind):
        def item(self, epoch: int, place: int) -> Clip:
            if (epoch, place) == fails_at:
                raise RuntimeError('killed')
            return super().item(epoch, place)

    recipe: Any = build_config(kind.Recipe, {**values, 'schedule.checkpoint_every': 1})
    fabric = make_fabric('cpu', recipe.schedule.precision)
    stage = Killed(recipe)
    stage.prepare(fabric.device, Console(quiet=True))
    assert fit(stage, recipe.schedule, folder, fabric=fabric, recipe={}, with_bar=False)
    return load_file(folder / MODEL)
