# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The frames before the first ones."""

from __future__ import annotations

from typing import Any

import pytest

from vis_ros.pipeline.warm_up import warm_up
from vis_ros.structures.batch import BatchError


class Recorder:
    """Keeps how many frames of which size were taken at once."""

    def __init__(self, *, takes_batches: bool) -> None:
        self.takes_batches = takes_batches
        self.calls: list[tuple[int, ...]] = []
        self.fault: Exception | None = None

    def init_state(self) -> int:
        return 0

    def step(self, state: int, frame: Any) -> tuple[int, list[Any]]:
        self.calls.append((state, *frame.image.shape))
        return state + 1, []

    def step_many(self, states: Any, frames: Any) -> list[Any]:
        if isinstance(self.fault, BatchError):
            raise self.fault
        self.calls.append((len(frames), *states))
        return [self.fault or (state + 1, []) for state in states]


@pytest.mark.parametrize(('cameras', 'takes_batches'), [(1, False), (1, True), (3, False)])
def test_one_frame_after_the_other(cameras: int, takes_batches: bool) -> None:
    method = Recorder(takes_batches=takes_batches)
    warm_up(method, (24, 32), cameras)  # type: ignore[arg-type]
    assert method.calls == [(0, 24, 32, 3), (1, 24, 32, 3)]


def test_each_number_of_cameras_at_once_too() -> None:
    method = Recorder(takes_batches=True)
    warm_up(method, (24, 32), 3)  # type: ignore[arg-type]
    assert method.calls[2:] == [(2, 0, 0), (2, 1, 1), (3, 0, 0, 0), (3, 1, 1, 1)]


@pytest.mark.parametrize('fault', [BatchError('too big'), RuntimeError('one is bad')])
def test_what_fails_is_raised(fault: Exception) -> None:
    method = Recorder(takes_batches=True)
    method.fault = fault
    with pytest.raises(type(fault), match=str(fault)):
        warm_up(method, (24, 32), 2)  # type: ignore[arg-type]
