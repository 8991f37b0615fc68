# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning rates and batches as functions of the step."""

from __future__ import annotations

import pytest

from vis_ros.training.schedule import ScheduleConfig, batches, learning_rate


def test_warm_up_rises_to_the_full_rate() -> None:
    config = ScheduleConfig(steps=10, warmup=4, learning_rate=1.0)
    assert [learning_rate(config, step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_steps_fall_where_they_are_told() -> None:
    """Stage 1 of the paper: a fifth from epochs 60 and 90 of 120 on."""
    config = ScheduleConfig(steps=120, learning_rate=5e-5, decay_at=(0.5, 0.75))
    rates = [learning_rate(config, step) for step in (0, 59, 60, 89, 90, 119)]
    assert rates == pytest.approx([5e-5, 5e-5, 1e-5, 1e-5, 2e-6, 2e-6])


def test_cosine_ends_at_its_floor() -> None:
    config = ScheduleConfig(steps=101, learning_rate=1.0, decay='cosine', decay_factor=0.1)
    assert learning_rate(config, 0) == pytest.approx(1.0)
    assert learning_rate(config, 101) == pytest.approx(0.1)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates == sorted(rates, reverse=True)


def test_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match='at most the 0 items'):
        list(batches(ScheduleConfig(steps=1, batch=1), 0, first=0))


def test_epochs_follow_one_another_without_their_rest() -> None:
    config = ScheduleConfig(steps=3, batch=2)
    assert list(batches(config, 5, first=0)) == [
        [(0, 0), (0, 1)],
        [(0, 2), (0, 3)],
        [(1, 0), (1, 1)],
    ]


def test_a_later_start_gives_the_rest() -> None:
    config = ScheduleConfig(steps=9, batch=3)
    assert list(batches(config, 7, first=4)) == list(batches(config, 7, first=0))[4:]


def test_ranks_share_each_batch() -> None:
    config = ScheduleConfig(steps=5, batch=4)
    parts = [list(batches(config, 9, first=0, rank=rank, ranks=2)) for rank in range(2)]
    for whole, a, b in zip(batches(config, 9, first=0), *parts, strict=True):
        assert sorted(a + b) == whole
        assert len(a) == len(b)


def test_a_batch_that_ranks_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match='multiple of the 3 processes, got 4'):
        list(batches(ScheduleConfig(steps=5, batch=4), 9, first=0, rank=0, ranks=3))
