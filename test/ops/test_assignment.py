# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Assignments: against trying out everything."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vis_ros.ops.assignment import assign_greedy, assign_optimal

COSTS = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0, 2.0, np.inf, np.nan]),
)


@pytest.mark.parametrize('assign', [assign_optimal, assign_greedy])
@pytest.mark.parametrize('shape', [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_assign(assign, shape: tuple[int, int]) -> None:
    assert assign(np.empty(shape), 1.0) == []


@pytest.mark.parametrize('assign', [assign_optimal, assign_greedy])
def test_all_forbidden(assign) -> None:
    assert assign(np.array([[2.0, np.inf], [np.nan, 3.0]]), 1.0) == []


def test_greedy_takes_the_best_pair_first() -> None:
    cost = np.array([[0.1, 0.2], [0.2, 0.9]])
    assert assign_greedy(cost, 1.0) == [(0, 0), (1, 1)]
    assert assign_greedy(cost, 0.5) == [(0, 0)]
    assert assign_optimal(cost, 1.0) == [(0, 1), (1, 0)]


def test_a_pair_more_is_worth_any_cost() -> None:
    cost = np.array([[0.0, 1e6], [1e6, np.inf]])
    assert assign_optimal(cost, 1e6) == [(0, 1), (1, 0)]


def brute_force(cost: np.ndarray, max_cost: float) -> tuple[int, float]:
    """Return the largest number of allowed pairs, and the least cost of so many."""
    rows, columns = cost.shape
    best = (0, 0.0)
    for count in range(1, min(rows, columns) + 1):
        sums = [
            total
            for r in itertools.combinations(range(rows), count)
            for c in itertools.permutations(range(columns), count)
            if (chosen := cost[list(r), list(c)]) is not None
            and (chosen <= max_cost).all()
            and np.isfinite(total := float(chosen.sum()))
        ]
        if sums:
            best = (count, min(sums))
    return best


@given(COSTS, st.sampled_from([0.0, 0.5, 1.0]))
def test_optimal_is_best(cost: np.ndarray, max_cost: float) -> None:
    pairs = assign_optimal(cost, max_cost)
    count, total = brute_force(cost, max_cost)
    assert len(pairs) == count
    assert sum(cost[pair] for pair in pairs) == pytest.approx(total)


@given(COSTS, st.sampled_from([0.0, 0.5, 1.0]))
@pytest.mark.parametrize('assign', [assign_optimal, assign_greedy])
def test_pairs_are_allowed_and_single(assign, cost: np.ndarray, max_cost: float) -> None:
    pairs = assign(cost, max_cost)
    assert pairs == sorted(pairs)
    assert all(cost[pair] <= max_cost for pair in pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
