# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The least time that a step can take on this machine, from its operations and its bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from speed_cases import Case
from stopwatch import clock_of
from torch.utils.flop_counter import FlopCounterMode

_TYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}
_SIDE = {'cpu': 1024, 'cuda': 8192}  # of the matrices that are multiplied
_COPIED = {'cpu': 1 << 28, 'cuda': 1 << 32}  # bytes
_ROUNDS = 5


def roofline(step: Callable[[], Any], case: Case, least_bytes: int) -> dict[str, Any]:
    """Return operations and bytes of a step, and the least time that they take.

    Args:
        step: Does one; its convolutions and matrix products are counted, which compiled parts do
            not allow.
        case: What it is.
        least_bytes: What a step must read at least: parameters and pictures.
    """
    if case.accelerate != 'none':
        return {}
    with FlopCounterMode(display=False) as counter:
        step()
    operations = counter.get_total_flops()
    rate, width = product_rate(case.device, case.precision), copy_rate(case.device)
    return {
        'gflop': round(operations / 1e9, 3),
        'least_mb': round(least_bytes / 1e6, 3),
        'peak_gflops': round(rate / 1e9, 1),
        'peak_gb_s': round(width / 1e9, 1),
        'floor_ms': round(max(operations / rate, least_bytes / width) * 1e3, 3),
    }


def product_rate(device: str, precision: str) -> float:
    """Return floating-point operations a second of large matrix products, the best of some."""
    kind = torch.device(device).type
    side = _SIDE[kind]
    a, b = torch.rand(2, side, side, device=device, dtype=_TYPES.get(precision, torch.float32))
    if kind == 'cuda':
        torch.set_float32_matmul_precision('high' if precision == 'tf32' else 'highest')
    seconds = min(_timed(lambda: a @ b, a.device) for _ in range(_ROUNDS))
    return 2 * side**3 / seconds


def copy_rate(device: str) -> float:
    """Return bytes a second, read and written, of a large copy, the best of some."""
    kind = torch.device(device).type
    source = torch.zeros(_COPIED[kind], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = min(_timed(lambda: target.copy_(source), source.device) for _ in range(_ROUNDS))
    return 2 * _COPIED[kind] / seconds


def _timed(work: Callable[[], Any], device: torch.device) -> float:
    clock = clock_of(device)
    _wait(device)
    start = clock()
    work()
    _wait(device)
    return clock() - start


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
