# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The golden files: where they lie, and the weights and frames that they were made with."""

from __future__ import annotations

import importlib.util
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

_ROOT = Path(__file__).parents[2]


@cache
def folder() -> Path:
    """Return the folder of the golden files; skips the test, loudly, where there is none."""
    named = os.environ.get('VIS_ROS_GOLDEN_DIR')
    path = Path(named) if named else _ROOT.parent / 'shared' / 'golden'
    if not path.is_dir():
        text = f'NO GOLDEN FILES at {path}: nothing is compared with the official codes'
        warnings.warn(text, stacklevel=2)
        pytest.skip(text, allow_module_level=True)
    return path


@cache
def load(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a golden file."""
    with np.load(folder() / f'{name}.npz') as file:
        return dict(file)


@cache
def rule() -> Any:
    """Return the module that makes the weights and the frames."""
    spec = importlib.util.spec_from_file_location('golden_fill', folder() / 'fill.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(official: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Return official tensors by their official names and shapes."""
    return {n: torch.from_numpy(rule().fill_tensor(n, s, seed)) for n, s in official.items()}


@cache
def frames(seed: int, count: int, height: int, width: int) -> np.ndarray:
    """Return the golden video, uint8 (count, height, width, 3), RGB."""
    video: np.ndarray = rule().make_frames(seed, count, height, width)
    return video


def sampled(golden: dict[str, np.ndarray], name: str, value: torch.Tensor) -> float:
    """Return the largest deviation of a map from its golden samples, means and deviations."""
    array = value.detach().cpu().numpy()
    rows = array.reshape(array.shape[0], -1)
    want = golden[f'{name}_val'].reshape(len(rows), -1)
    assert tuple(golden[f'{name}_shape']) == array.shape[1:], name
    worst = np.abs(rows[:, golden[f'{name}_idx']] - want).max()
    for statistic in ('mean', 'std'):
        got = getattr(rows.astype(np.float64), statistic)(axis=1)
        worst = max(worst, np.abs(got - golden[f'{name}_{statistic}'].reshape(-1)).max())
    return float(worst)


def gap(got: Any, want: np.ndarray) -> float:
    """Return the largest absolute deviation."""
    array = got.detach().cpu().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    assert array.shape == want.shape
    return float(np.abs(array.astype(np.float64) - want).max(initial=0.0))
