# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a training stands, in one file that is always whole."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass
class Progress:
    """All that a training needs to go on as if it had never stopped.

    Args:
        step: Steps that are done.
        module: See `trained_state`.
        optimizer: State dict of the optimiser.
        scaler: State of the gradient scaler of 16-bit precision; empty without one.
        best_value: Best validation figure so far; None before the first validation.
        best_step: Its step.
        best: State of the module then.
        sums: Losses since the last row of the log.
        counted: Steps since then.
        config: The recipe, flat; another one does not go on from here.
    """

    step: int = 0
    module: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)
    best_value: float | None = None
    best_step: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    config: dict[str, Any] = field(default_factory=dict)


def save_progress(path: Path, progress: Progress) -> None:
    """Write the file; whatever happens meanwhile, a whole one lies at `path`."""
    part = path.with_suffix('.part')
    values = {name: getattr(progress, name) for name in asdict(Progress())}
    with part.open('wb') as file:
        torch.save(values, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_progress(path: Path) -> Progress:
    """Read the file; no code in it is run.

    Raises:
        ValueError: It is damaged or something else.
    """
    try:
        values = torch.load(path, map_location='cpu', weights_only=True)
        return Progress(**values)
    except (pickle.UnpicklingError, RuntimeError, EOFError, TypeError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f'{path}: no checkpoint of a training: {first}') from error
