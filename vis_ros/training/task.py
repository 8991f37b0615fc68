# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the loop trains: a module that returns losses, its data, its validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console
from torch import Tensor, nn


class Task(ABC):
    """One training.

    Attributes:
        Recipe: Frozen dataclass of options, `schedule` among them.
        name: Such as `detector`.
        module: Its `forward(batch)` returns losses by name, scalars; `total` is minimised. Only
            parameters with `requires_grad` are trained, only they and its buffers are saved.
        items: Items of an epoch.
        metric: Name of the validation figure that decides which step is best; higher is better.
    """

    Recipe: ClassVar[type]
    name: str
    module: nn.Module
    items: int
    metric: str = 'AP'

    def prepare(self, device: torch.device, console: Console) -> None:  # noqa: B027
        """Do what comes before the first step, such as computing features that are kept."""

    def rates(self) -> dict[float, list[nn.Parameter]]:
        """Return what is trained, by its factor of the learning rate."""
        return {1.0: [p for p in self.module.parameters() if p.requires_grad]}

    @abstractmethod
    def item(self, epoch: int, place: int) -> Any:
        """Return one item of an epoch; the same arguments give the same item."""

    @abstractmethod
    def collate(self, items: list[Any]) -> Any:
        """Return a batch of items; tensors in tuples, lists and dicts go to the device."""

    @abstractmethod
    def validate(self, device: torch.device) -> dict[str, float]:
        """Return figures of the module as it is, `metric` among them."""

    @abstractmethod
    def export(self, path: Path, figures: Mapping[str, Any]) -> None:
        """Write the module as a weights file that holds all that is needed to run it.

        Args:
            path: File to write, safetensors.
            figures: What is known of it: step, validation.
        """


class Items(torch.utils.data.Dataset[Any]):
    """The items of a task as a data set with (epoch, place) as keys."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __getitem__(self, key: tuple[int, int]) -> Any:
        return self._task.item(*key)


def trained_state(module: nn.Module) -> dict[str, Tensor]:
    """Return what a training changes: parameters with `requires_grad`, and all buffers."""
    found = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    return {**found, **dict(module.named_buffers())}


def load_trained_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what `trained_state` returned.

    Raises:
        ValueError: Names or shapes differ.
    """
    own = trained_state(module)
    if own.keys() != state.keys():
        raise ValueError(f'checkpoint: names differ: {sorted(own.keys() ^ state.keys())[:8]}')
    for name, value in own.items():
        if value.shape != state[name].shape:
            shapes = tuple(value.shape), tuple(state[name].shape)
            raise ValueError(f'checkpoint: {name}: expected {shapes[0]}, got {shapes[1]}')
        with torch.no_grad():
            value.copy_(state[name])
