# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The worker and the thread that publishes beside it; every step is made by events."""

import threading
from collections.abc import Callable, Iterator

import pytest
from worker_rig import PATIENCE_S, benches

from vis_ros.ros.worker import Worker


class Bench:
    """A worker whose messages are published when they are let go.

    Attributes:
        begun: Messages that the worker took, in order.
        published: Messages that were published, in order.
        leads: How many messages had begun at the end of each publication.
    """

    def __init__(self, depth: int) -> None:
        self.begun: list[int] = []
        self.published: list[int] = []
        self.leads: list[int] = []
        self._entered = threading.Semaphore(0)
        self._gate = threading.Semaphore(0)
        self.worker = Worker(self._process, self._publish, depth=depth)
        self.worker.start()

    def _process(self, messages: list[tuple[int, int]]) -> int:
        ((_, message),) = messages
        self.begun.append(message)
        return message

    def _publish(self, message: int) -> None:
        self._entered.release()
        assert self._gate.acquire(timeout=PATIENCE_S)
        self.leads.append(len(self.begun))
        self.published.append(message)

    def block(self, *messages: int) -> None:
        """Offer messages and wait until the first one is being published."""
        self.offer(*messages)
        self.wait_entered()

    def wait_entered(self) -> None:
        assert self._entered.acquire(timeout=PATIENCE_S)

    def offer(self, *messages: int) -> None:
        for message in messages:
            self.worker.boxes[0].offer(message)

    def pass_by(self) -> None:
        """Let the worker look at its mailbox again and again."""
        for _ in range(50):
            self.worker.call(lambda: None, PATIENCE_S)

    def let_go(self, count: int = 1) -> None:
        self._gate.release(count)


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    yield from benches(Bench)


def test_a_message_is_worked_on_while_the_one_before_is_published():
    is_at_work, is_free = threading.Event(), threading.Event()
    published = []

    def process(messages):
        ((_, message),) = messages
        if message == 1:
            is_at_work.set()
            assert is_free.wait(PATIENCE_S)
        return message

    def publish(message):
        if message == 0:
            assert is_at_work.wait(PATIENCE_S)
            is_free.set()
        published.append((message, threading.current_thread().name))

    worker = Worker(process, publish, depth=2)
    worker.boxes[0].offer(0)
    worker.boxes[0].offer(1)
    worker.start()
    assert worker.wait_idle(PATIENCE_S)
    assert published == [(0, 'vis_ros publisher'), (1, 'vis_ros publisher')]
    assert worker.stop(PATIENCE_S)


def test_two_are_taken_while_nothing_gets_published(make):
    bench = make()
    bench.block(0)
    bench.offer(1)
    bench.pass_by()
    bench.offer(*range(2, 9))
    bench.pass_by()
    assert bench.begun == [0, 1]
    assert (bench.worker.dropped, bench.worker.waiting) == (6, 1)
    bench.let_go(3)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == [0, 1, 8]  # the newest, not the next


def test_the_worker_never_runs_further_ahead(make):
    bench = make(depth=100)
    bench.offer(*range(40))
    for count in range(1, 40):
        bench.pass_by()
        assert len(bench.begun) <= count + 1
        bench.let_go()
    bench.let_go()
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.published == list(range(40))
    assert all(lead <= index + 2 for index, lead in enumerate(bench.leads))


def test_nobody_is_idle_before_all_is_published(make):
    bench = make(depth=2)
    bench.block(0, 1)
    assert not bench.worker.wait_idle(0)
    bench.let_go()
    bench.wait_entered()
    assert bench.published == [0]
    assert not bench.worker.wait_idle(0)
    bench.let_go()
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.published == [0, 1]


def test_a_job_does_not_wait_for_the_publisher(make):
    bench = make(depth=3)
    bench.block(0, 1, 2)
    assert bench.worker.call(lambda: list(bench.published), PATIENCE_S) == []
    assert bench.worker.call(threading.current_thread, PATIENCE_S).name == 'vis_ros worker'


def test_stop_waits_until_all_that_was_handed_over_is_published(make):
    bench = make(depth=3)
    bench.block(0, 1, 2)
    bench.pass_by()
    assert not bench.worker.stop(0)  # nor does it hang
    bench.worker._thread.join(PATIENCE_S)
    assert not bench.worker.stop(0)  # the worker's thread has ended, the publisher's has not
    assert bench.worker.is_alive
    assert (bench.begun, bench.published, bench.worker.dropped) == ([0, 1], [], 1)
    bench.let_go(2)
    assert bench.worker.stop(PATIENCE_S)
    assert not bench.worker.is_alive
    assert bench.published == [0, 1]


def test_a_worker_that_ends_by_force_takes_the_publisher_with_it(monkeypatch):
    monkeypatch.setattr(threading, 'excepthook', lambda args: None)

    def leave(messages):
        raise SystemExit

    worker = Worker(leave, list)
    worker.start()
    worker.boxes[0].offer(0)
    assert worker.stop(PATIENCE_S)
