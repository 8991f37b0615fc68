# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that does the work, and the mailbox before it.

The subscription's callback only stores the message. With depth 1 the newest wins: a message that
still waits is replaced and counted, so that latency never grows. Jobs (save, load) run on the same
thread, between two messages.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar('T')


class Worker:
    """One thread that takes messages out of a mailbox of bounded size.

    Capacity: `depth` messages; a full mailbox drops the oldest. Each drop is counted. Jobs wait
    only while somebody waits for them.

    Args:
        process: Called with each message, on the worker's thread; it must not raise.
        depth: Messages that may wait, 1 or more.

    Attributes:
        dropped: Messages that were never processed, so far.

    Raises:
        ValueError: The depth is below 1.
    """

    def __init__(self, process: Callable[[Any], None], *, depth: int = 1) -> None:
        if depth < 1:
            raise ValueError(f'depth: expected 1 or more, got {depth}')
        self._process = process
        self._waiting: deque[Any] = deque()
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._stops = False
        self._is_busy = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name='vis_ros worker', daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Number of messages that wait; the one at work is not among them."""
        with self._changed:
            return len(self._waiting)

    def offer(self, message: Any) -> None:
        """Leave a message; returns at once. After `stop` it is dropped and counted."""
        with self._changed:
            if self._stops:
                self.dropped += 1
                return
            if len(self._waiting) >= self._depth:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(message)
            self._changed.notify_all()

    def call(self, job: Callable[[], T], timeout_s: float) -> T:
        """Run a job between two messages and return its result.

        Raises:
            TimeoutError: The message at work took longer than `timeout_s`; the job is cancelled.
            RuntimeError: The worker was stopped.
            Exception: Whatever the job raises.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._stops:
                raise RuntimeError('the worker has stopped')
            self._jobs.append((future, job))
            self._changed.notify_all()
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError:  # the built-in one only since Python 3.11
            if not future.cancel():
                return future.result()  # it has begun meanwhile, or raised this itself
            with self._changed, contextlib.suppress(ValueError):
                self._jobs.remove((future, job))
            raise TimeoutError(
                f'the frame at work takes longer than {timeout_s} s; nothing was done'
            ) from None

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing waits and nothing is at work; return whether that came true."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._waiting or self._jobs or self._is_busy), timeout_s
            )

    def stop(self, timeout_s: float) -> bool:
        """Finish the message at work, drop and count the waiting ones, and end the thread.

        Returns:
            Whether the thread ended within `timeout_s`.
        """
        with self._changed:
            self._stops = True
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._take()) is not None:
            work()
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()

    def _take(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stops or self._waiting or self._jobs)
            if self._jobs:
                future, job = self._jobs.popleft()
                self._is_busy = True
                return lambda: _fulfil(future, job)
            if self._stops:
                return None
            message = self._waiting.popleft()
            self._is_busy = True
            return lambda: self._process(message)


def _fulfil(future: Future[Any], job: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except Exception as error:  # handed to the one who waits for it
        future.set_exception(error)
