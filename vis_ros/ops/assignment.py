# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Assignments between tracks (rows) and detections (columns)."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def assign_optimal(cost: np.ndarray, max_cost: float) -> list[tuple[int, int]]:
    """Return the pairs of least total cost, without those above `max_cost`.

    Args:
        cost: float array (N, M). Entries above `max_cost`, infinite ones and NaN are forbidden.
        max_cost: Largest allowed cost of a pair.

    Returns:
        (row, column) pairs in ascending order of row. As many pairs as possible are made.
    """
    if cost.size == 0:
        return []
    allowed = cost <= max_cost  # false for NaN
    if not allowed.any():
        return []
    # One forbidden pair must cost more than all allowed pairs together can.
    span = float(cost[allowed].max() - cost[allowed].min())
    forbidden = float(cost[allowed].max()) + (span + 1.0) * min(cost.shape)
    rows, columns = linear_sum_assignment(np.where(allowed, cost, forbidden))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]


def assign_greedy(cost: np.ndarray, max_cost: float) -> list[tuple[int, int]]:
    """Return pairs taken in ascending order of cost, each row and column at most once.

    Arguments and result as `assign_optimal`.
    """
    pairs: list[tuple[int, int]] = []
    candidates = np.argwhere(cost <= max_cost)
    order = np.argsort(cost[tuple(candidates.T)], kind='stable')
    rows: set[int] = set()
    columns: set[int] = set()
    for row, column in candidates[order].tolist():
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return sorted(pairs)
