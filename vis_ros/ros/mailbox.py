# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of one camera that wait for the worker."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any


class Mailbox:
    """Messages of one camera that wait.

    Capacity: `depth` messages; a full mailbox drops the oldest. Each drop is counted.

    Args:
        changed: Lock of the worker, told of each message.
        depth: Messages that may wait, 1 or more.

    Attributes:
        dropped: Messages that were never processed, so far.

    Raises:
        ValueError: The depth is below 1.
    """

    def __init__(self, changed: threading.Condition, depth: int) -> None:
        if depth < 1:
            raise ValueError(f'depth: expected 1 or more, got {depth}')
        self._changed = changed
        self._waiting: deque[Any] = deque()
        self._prepared: Any = None  # the message that is taken next, once it is prepared
        self._is_closed = False
        self.depth = depth
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Number of messages that wait; the one at work is not among them."""
        with self._changed:
            return len(self._waiting)

    def offer(self, message: Any) -> Any:
        """Leave a message; returns at once. After `Worker.close` it is dropped and counted.

        Returns:
            The message that was dropped for it, or None.
        """
        dropped = None
        with self._changed:
            if self._is_closed:
                self.dropped += 1
                return message
            if len(self._waiting) >= self.depth:
                dropped = self.take()
                self.dropped += 1
            self._waiting.append(message)
            self._changed.notify_all()
        return dropped

    def take(self) -> Any:
        """Return the oldest message; only with the lock held, and not when empty."""
        self._prepared = None
        return self._waiting.popleft()

    def next_unprepared(self) -> Any:
        """Return the message that is taken next; None where there is none or it is prepared.

        Only with the lock held.
        """
        if not self._waiting or self._waiting[0] is self._prepared:
            return None
        return self._waiting[0]

    def put_prepared(self, message: Any, prepared: Any) -> None:
        """Put what was made of a message in its place, if it is still the one that is taken next.

        Only with the lock held.
        """
        if self._waiting and self._waiting[0] is message:
            self._waiting[0] = self._prepared = prepared

    def close(self) -> None:
        """Drop and count what waits and what comes from now on; only with the lock held."""
        self._is_closed = True
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._prepared = None
