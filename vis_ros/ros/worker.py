# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that does the work, with a mailbox before it for each camera.

The subscription's callback only stores the message. With depth 1 the newest wins: a message that
still waits is replaced and counted, so that latency never grows. Jobs (save, load) run on the same
thread, between two messages. What became of the messages is published on a second thread, while
the worker takes the next ones; these are prepared on a third one, while it has the ones before.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from vis_ros.ros.helper_thread import HelperThread
from vis_ros.ros.input_thread import InputThread
from vis_ros.ros.mailbox import Mailbox
from vis_ros.ros.publisher_thread import PublisherThread

T = TypeVar('T')


class Worker:
    """One thread that takes messages out of mailboxes of bounded size, and its two helpers.

    Fairness: the mailboxes take turns, so that between two messages of one camera each other
    camera that waits gets one. Jobs wait only while somebody waits for them.

    Publishing: in order. Messages are taken while at most one batch is to be published; until
    then they stay in their mailboxes, where the newest wins. Jobs do not wait for that.

    Preparing: the messages that are next, towards the end of the work at those before, see
    `InputThread`. One that is being prepared is waited for. Where nothing is at work a message is
    taken as it is.

    Args:
        process: Called on the worker's thread with pairs of a mailbox's index and its message, at
            least one and at most one of each mailbox; it must not raise.
        publish: Called on the publisher's thread with what `process` returned; it must not raise.
        depth: Messages that may wait in each mailbox, 1 or more.
        cameras: Number of mailboxes, 1 or more.
        takes_batches: Whether messages of several mailboxes that wait together are processed
            together; else each on its own.
        prepare: Called on the input's thread with a mailbox's index and its message; returns what
            takes its place, and must not raise. None: nothing is done ahead.

    Attributes:
        boxes: The mailboxes.

    Raises:
        ValueError: A number is below 1.
    """

    def __init__(
        self,
        process: Callable[[list[tuple[int, Any]]], Any],
        publish: Callable[[Any], None],
        *,
        depth: int = 1,
        cameras: int = 1,
        takes_batches: bool = False,
        prepare: Callable[[int, Any], Any] | None = None,
    ) -> None:
        if cameras < 1:
            raise ValueError(f'cameras: expected 1 or more, got {cameras}')
        self._process = process
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._changed = threading.Condition()
        self._most = cameras if takes_batches else 1
        self._turns = deque(range(cameras))  # whose turn is next
        self._stops = False
        self._is_busy = False
        self.boxes = tuple(Mailbox(self._changed, depth) for _ in range(cameras))
        self._publisher = PublisherThread(self._changed, publish)
        self._helpers: list[HelperThread] = [self._publisher]
        self._input: InputThread | None = None
        if prepare is not None:
            self._input = InputThread(self._changed, self.boxes, prepare)
            self._helpers.append(self._input)
        self._thread = threading.Thread(target=self._run, name='vis_ros worker', daemon=True)

    def start(self) -> None:
        """Start the threads."""
        for helper in self._helpers:
            helper.start()
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether one of the threads runs."""
        return self._thread.is_alive() or any(helper.is_alive for helper in self._helpers)

    @property
    def waiting(self) -> int:
        """Number of messages that wait in all mailboxes."""
        with self._changed:
            return sum(box.waiting for box in self.boxes)

    @property
    def dropped(self) -> int:
        """Messages of all mailboxes that were never processed, so far."""
        with self._changed:
            return sum(box.dropped for box in self.boxes)

    def call(self, job: Callable[[], T], timeout_s: float) -> T:
        """Run a job between two messages and return its result.

        What became of the messages before may not be published yet.

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
        """Wait until nothing waits, is at work or is to be published; return whether it is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_idle, timeout_s)

    @property
    def _is_idle(self) -> bool:
        is_at_work = self.waiting or self._jobs or self._is_busy
        return not is_at_work and self._publisher.is_idle

    def close(self) -> None:
        """Begin no message any more; drop and count those that wait and those that come."""
        with self._changed:
            self._stops = True
            for box in self.boxes:
                box.close()
            self._changed.notify_all()

    def stop(self, timeout_s: float) -> bool:
        """Close, publish the message at work, and end the threads.

        Returns:
            Whether they ended within `timeout_s`.
        """
        until_s = time.monotonic() + timeout_s
        self.close()
        if self._thread.is_alive():
            self._thread.join(max(0.0, until_s - time.monotonic()))
        for helper in self._helpers:
            if helper.is_alive:
                helper.join(max(0.0, until_s - time.monotonic()))
        return not self.is_alive

    def _run(self) -> None:
        try:
            while (work := self._take()) is not None:
                work()
                with self._changed:
                    self._is_busy = False
                    if self._input is not None:
                        self._input.worker_ends()
                    self._changed.notify_all()
        finally:
            for helper in self._helpers:
                helper.end()

    def _take(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stops or self._jobs or self._may_take_message)
            if self._jobs:
                future, job = self._jobs.popleft()
                self._is_busy = True
                return lambda: _fulfil(future, job)
            if self._stops:
                return None
            messages = self._next_turns()
            self._is_busy = True
            if self._input is not None:
                self._input.worker_begins()
            return lambda: self._publisher.hand_over(self._process(messages))

    @property
    def _may_take_message(self) -> bool:
        is_awaited = self._input is not None and self._input.is_at_work
        return self.waiting > 0 and self._publisher.has_room and not is_awaited

    def _next_turns(self) -> list[tuple[int, Any]]:
        taken = [index for index in self._turns if self.boxes[index].waiting][: self._most]
        for index in taken:  # to the end of the line
            self._turns.remove(index)
            self._turns.append(index)
        return [(index, self.boxes[index].take()) for index in taken]


def _fulfil(future: Future[Any], job: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except Exception as error:  # handed to the one who waits for it
        future.set_exception(error)
