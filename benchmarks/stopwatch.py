# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When the stages of a step end, on the host and on a GPU; no benchmark by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch


def clock_of(device: torch.device) -> Callable[[], float]:
    """Return what tells seconds: a CPU's single thread has a clock of its own."""
    is_alone = device.type == 'cpu' and torch.get_num_threads() == 1
    return time.thread_time if is_alone else time.perf_counter


class Stopwatch:
    """Notes moments; on a GPU each is an event in the stream, beside the time on the host."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._clock = clock_of(device)
        self._names: list[str] = []
        self._events: list[Any] = []
        self._host_s: list[float] = []

    def note(self, name: str) -> None:
        """Note that a stage ends now; the first note of all is the start."""
        if self._device.type == 'cuda':
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._events.append(event)
        self._names.append(name)
        self._host_s.append(self._clock())

    def spans_ms(self) -> dict[str, float]:
        """Return the duration of each stage on the device, of all its notes; waits for it."""
        if self._device.type != 'cuda':
            return self.host_spans_ms()
        torch.cuda.synchronize(self._device)
        pairs = zip(self._events[:-1], self._events[1:], strict=True)
        return self._sums([a.elapsed_time(b) for a, b in pairs])

    def host_spans_ms(self) -> dict[str, float]:
        """Return how long the host took for each stage, on a GPU mostly to queue it."""
        return self._sums((np.diff(self._host_s) * 1e3).tolist())

    def _sums(self, spans: Sequence[float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, span in zip(self._names[1:], spans, strict=True):
            found[name] = found.get(name, 0.0) + span
        return found


@contextmanager
def noted(places: Sequence[tuple[Any, str, str]], watch: Stopwatch) -> Iterator[None]:
    """Let stages note when they end.

    Args:
        places: For each stage the owner and the name of the function that ends it, and its title.
        watch: Takes the notes.
    """
    with ExitStack() as stack:
        for owner, name, stage in places:
            then = _noting(getattr(owner, name), watch, stage)
            stack.enter_context(patch.object(owner, name, then))
        yield


def _noting(work: Callable[..., Any], watch: Stopwatch, stage: str) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        result = work(*args, **named)
        watch.note(stage)
        return result

    return call
