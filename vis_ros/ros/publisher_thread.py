# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that publishes what the worker is done with, while the worker goes on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from vis_ros.ros.helper_thread import HelperThread

_MOST = 2  # batches: one is being published, one waits


class PublisherThread(HelperThread):
    """Publishes batches, one at a time, in the order in which they were handed over.

    Capacity: 2 batches, with the one that is being published. Who hands over looks for room
    before it begins a batch, so that it never waits with one that is ready.

    Args:
        changed: Lock of the worker, told of each batch that was published.
        publish: Called on this thread with each batch; it must not raise.
    """

    def __init__(self, changed: threading.Condition, publish: Callable[[Any], None]) -> None:
        super().__init__(changed, 'vis_ros publisher')
        self._publish = publish
        self._batches: deque[Any] = deque()  # the first is being published

    @property
    def is_idle(self) -> bool:
        """Whether all is published; only with the lock held."""
        return not self._batches

    @property
    def has_room(self) -> bool:
        """Whether one more batch may be begun; only with the lock held."""
        return len(self._batches) < _MOST

    def hand_over(self, batch: Any) -> None:
        """Leave a batch; returns at once. Only by one thread, and only after `has_room`."""
        with self._changed:
            self._batches.append(batch)
            self._changed.notify_all()

    def _run(self) -> None:
        while self._wait_for_batch():
            self._publish(self._batches[0])
            with self._changed:
                self._batches.popleft()
                self._changed.notify_all()

    def _wait_for_batch(self) -> bool:
        """Return whether there is a batch; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._ends)
            return bool(self._batches)
