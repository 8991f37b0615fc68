# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Workers of a test: they end with it, and published each message once, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from patience import PATIENCE_S

from vis_ros.ros.worker import Worker


class Bench(Protocol):
    """A worker that waits in its work until it is let go, and what it did."""

    worker: Worker
    begun: list[object]
    published: list[object]

    def let_go(self, count: int = 1) -> None:
        """Let so many messages pass."""


def benches(kind: Callable[..., Bench]) -> Iterator[Callable[..., Bench]]:
    """Yield what makes benches with options; end them afterwards."""
    made: list[Bench] = []

    def build(depth: int = 1, **options: int) -> Bench:
        made.append(kind(depth, **options))
        return made[-1]

    yield build
    for bench in made:
        bench.let_go(10_000)
        assert bench.worker.stop(PATIENCE_S)
        assert not bench.worker.is_alive
        assert bench.published == bench.begun
