# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of tables that some of N things belong to: in fixed sizes, so that nothing waits for a GPU.

What belongs to no row has the index -1. On a GPU it goes to a row of its own, that is thrown away;
to choose those that belong somewhere would make the host wait for how many they are.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rows_to_do(is_real: Tensor) -> Tensor:
    """Return int64 (R,), rows that need work: on a CPU the real ones, elsewhere all.

    Args:
        is_real: bool tensor (N,).
    """
    if is_real.is_cpu:
        return torch.nonzero(is_real)[:, 0]
    return torch.arange(len(is_real), device=is_real.device)


def surely_none(flags: Tensor) -> bool:
    """Return whether no flag of a bool tensor is set; False where only a wait could tell."""
    return flags.is_cpu and not bool(flags.any())


def surely_all(flags: Tensor) -> bool:
    """Return whether all flags of a bool tensor are set; False where only a wait could tell."""
    return flags.is_cpu and bool(flags.all())


def put(table: Tensor, row: Tensor, values: Tensor) -> Tensor:
    """Return a table (M, ...) with values (N, ...) in some of its rows.

    Args:
        table: Stays as it is.
        row: int64 tensor (N,), row of each value, each at most once, or -1.
        values: Of the table's dtype.
    """
    whole = torch.cat((table, table.new_zeros(1, *table.shape[1:])))
    return whole.index_copy(0, _or_last(row, len(table)), values)[:-1]


def add(table: Tensor, row: Tensor, values: Tensor) -> Tensor:
    """Return a table (M, ...) plus values (N, ...) in some of its rows; see `put`."""
    whole = torch.cat((table, table.new_zeros(1, *table.shape[1:])))
    return whole.index_add(0, _or_last(row, len(table)), values)[:-1]


def _or_last(row: Tensor, last: int) -> Tensor:
    return torch.where(row >= 0, row, last)
