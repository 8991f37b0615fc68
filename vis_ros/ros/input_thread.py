# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that prepares the next message while the worker still has the one before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from vis_ros.ros.helper_thread import HelperThread
from vis_ros.ros.mailbox import Mailbox


class InputThread(HelperThread):
    """Prepares the messages that are taken next, one at a time, while the worker is busy.

    Not before it is time: of the messages that come while a frame is at work the newest wins, so
    that work on the others is in vain. The worker is expected to take as long as last time, and so
    is a message, for which twice the time is set aside.

    Args:
        changed: Lock of the worker, told of each message that was prepared.
        boxes: Mailboxes of the worker.
        prepare: Called on this thread with a mailbox's index and its message; returns what takes
            the message's place. It must not raise.
    """

    def __init__(
        self,
        changed: threading.Condition,
        boxes: Sequence[Mailbox],
        prepare: Callable[[int, Any], Any],
    ) -> None:
        super().__init__(changed, 'vis_ros input')
        self._boxes = boxes
        self._prepare = prepare
        self._begun_s: float | None = None  # since when the worker is busy
        self._expected_s = 0.0  # how long it was, last time
        self._own_s = 0.0  # how long it took to prepare a message, last time
        self._is_at_work = False

    @property
    def is_at_work(self) -> bool:
        """Whether a message is being prepared; only with the lock held."""
        return self._is_at_work

    @property
    def time_left_s(self) -> float | None:
        """How long it is too early to prepare anything; None while the worker is free."""
        if self._begun_s is None:
            return None
        return self._begun_s + self._expected_s - 2 * self._own_s - time.monotonic()

    def worker_begins(self) -> None:
        """Tell that the worker is busy from now on; only with the lock held."""
        self._begun_s = time.monotonic()
        self._changed.notify_all()

    def worker_ends(self) -> None:
        """Tell that the worker is free; only with the lock held."""
        if self._begun_s is not None:
            self._expected_s = time.monotonic() - self._begun_s
        self._begun_s = None

    def _run(self) -> None:
        while (found := self._wait_for_message()) is not None:
            index, message = found
            start_s = time.monotonic()
            prepared = self._prepare(index, message)
            with self._changed:
                self._own_s = time.monotonic() - start_s
                self._boxes[index].put_prepared(message, prepared)
                self._is_at_work = False
                self._changed.notify_all()

    def _wait_for_message(self) -> tuple[int, Any] | None:
        """Return a mailbox and its message that is to be prepared; None at the end."""
        with self._changed:
            while not self._ends:
                wait_s = self.time_left_s
                if wait_s is not None and wait_s <= 0:
                    for index, box in enumerate(self._boxes):
                        if (message := box.next_unprepared()) is not None:
                            self._is_at_work = True
                            return index, message
                    wait_s = None
                self._changed.wait(wait_s)
        return None
