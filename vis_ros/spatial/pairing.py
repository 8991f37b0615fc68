# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of several topics that belong together, by their stamps.

The rules are those of the Python classes `TimeSynchronizer` and `ApproximateTimeSynchronizer` of
ROS 2's message_filters, so that a robot's tools pair as the tracker does; a test compares them.
One thing differs, by intent: when the stamps of a topic jump back by more than a second (a bag
that loops), what is newer is forgotten. There, a full queue would drop every new message from
then on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import product
from typing import Any

_JUMP_NS = 1_000_000_000


class Pairing(ABC):
    """Queues of messages that wait for their partners.

    Capacity: `depth` messages of each topic; a full queue drops its oldest stamp.

    Args:
        topics: Number of topics, 2 or more.
        depth: Messages of each topic that may wait, 1 or more.
    """

    def __init__(self, topics: int, depth: int) -> None:
        if topics < 2 or depth < 1:
            raise ValueError(
                f'expected 2 topics and a depth of 1 or more, got {topics} and {depth}'
            )
        self._depth = depth
        self._queues: list[dict[int, Any]] = [{} for _ in range(topics)]

    def add(self, topic: int, stamp_ns: int, message: Any) -> list[tuple[Any, ...]]:
        """Take a message in; return the sets that are complete now, one message of each topic.

        Args:
            topic: Index of the topic.
            stamp_ns: Its stamp in nanoseconds.
            message: What the sets hold for it.
        """
        queue = self._queues[topic]
        for other in [ns for ns in queue if ns > stamp_ns + _JUMP_NS]:
            del queue[other]
        queue[stamp_ns] = message
        while len(queue) > self._depth:
            del queue[min(queue)]
        return [self._pop(stamps) for stamps in self._complete(topic, stamp_ns)]

    def waiting(self, topic: int) -> int:
        """Return how many messages of a topic wait."""
        return len(self._queues[topic])

    def _pop(self, stamps: tuple[int, ...]) -> tuple[Any, ...]:
        return tuple(
            queue.pop(stamp_ns) for queue, stamp_ns in zip(self._queues, stamps, strict=True)
        )

    @abstractmethod
    def _complete(self, topic: int, stamp_ns: int) -> list[tuple[int, ...]]:
        """Return the stamps of the sets that are complete with the new message."""


class ExactPairing(Pairing):
    """Pairs messages whose stamps are equal."""

    def _complete(self, topic: int, stamp_ns: int) -> list[tuple[int, ...]]:
        common = set(self._queues[0]).intersection(*self._queues[1:])
        return [(ns,) * len(self._queues) for ns in sorted(common)]


class ApproximatePairing(Pairing):
    """Pairs a new message with the nearest of each other topic, as soon as all are near enough.

    Args:
        topics: See `Pairing`.
        depth: See `Pairing`.
        slop_ns: The stamps of a set differ by less than this.
    """

    def __init__(self, topics: int, depth: int, slop_ns: int) -> None:
        super().__init__(topics, depth)
        self._slop_ns = slop_ns

    def _complete(self, topic: int, stamp_ns: int) -> list[tuple[int, ...]]:
        if stamp_ns not in self._queues[topic]:  # older than all that wait in a full queue
            return []
        near = [
            sorted(
                (ns for ns in queue if abs(ns - stamp_ns) <= self._slop_ns),
                key=lambda ns: abs(ns - stamp_ns),
            )
            if index != topic
            else [stamp_ns]
            for index, queue in enumerate(self._queues)
        ]
        for stamps in product(*near):
            if max(stamps) - min(stamps) < self._slop_ns:
                return [stamps]
        return []
