# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Precisions that networks run in, by the names that options give them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = ('float32', 'tf32', 'bfloat16', 'float16')
"""tf32 is float32 whose products on CUDA see 10 bits after the point; float32 has no such ones."""

_LOW = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


@contextmanager
def running_in(device: torch.device, precision: str | None) -> Iterator[None]:
    """Let networks run in a precision meanwhile; parameters stay as they are.

    Args:
        device: Theirs.
        precision: One of `PRECISIONS`; None leaves all as it is.

    Raises:
        ValueError: The precision is unknown.
    """
    if precision is None:
        yield
    elif precision in _LOW:
        with torch.autocast(device.type, _LOW[precision]):
            yield
    elif precision in PRECISIONS:
        with _tf32(precision == 'tf32'):
            yield
    else:
        raise ValueError(f'precision: expected one of {", ".join(PRECISIONS)}, got {precision!r}')


@contextmanager
def _tf32(is_allowed: bool) -> Iterator[None]:
    """Allow TF32 on CUDA meanwhile, or forbid it; CPUs have none."""
    products, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
    convolutions = cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision('high' if is_allowed else 'highest')
        cudnn.allow_tf32 = is_allowed
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        cudnn.allow_tf32 = convolutions
