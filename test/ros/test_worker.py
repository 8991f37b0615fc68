# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The mailbox and its thread; every step is made by events, none by time."""

import threading
from collections.abc import Callable, Iterator

import pytest
from worker_rig import PATIENCE_S, benches

from vis_ros.ros.worker import Worker


class Bench:
    """A worker whose messages take until they are let go, and are then published at once."""

    def __init__(self, depth: int = 1) -> None:
        self.begun: list[object] = []
        self.published: list[object] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.worker = Worker(self._process, self.published.append, depth=depth)
        self.worker.start()

    def _process(self, messages: list[tuple[int, object]]) -> object:
        ((_, message),) = messages
        self.begun.append(message)
        self.entered.release()
        assert self.gate.acquire(timeout=PATIENCE_S)
        return message

    def occupy(self, message: object) -> None:
        """Offer a message and wait until it is at work."""
        self.worker.boxes[0].offer(message)
        assert self.entered.acquire(timeout=PATIENCE_S)

    def let_go(self, count: int = 1) -> None:
        self.gate.release(count)


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    yield from benches(Bench)


def test_newest_wins_and_every_drop_is_counted(make):
    bench = make()
    bench.occupy(0)
    for message in range(1, 8):
        bench.worker.boxes[0].offer(message)
    assert (bench.worker.dropped, bench.worker.waiting) == (6, 1)
    bench.let_go(2)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == [0, 7]
    assert (bench.worker.dropped, bench.worker.waiting) == (6, 0)


def test_a_deep_mailbox_keeps_the_order(make):
    bench = make(depth=100)
    bench.occupy(0)
    for message in range(1, 60):
        bench.worker.boxes[0].offer(message)
    bench.let_go(60)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == list(range(60))
    assert bench.worker.dropped == 0


def test_a_full_mailbox_drops_the_oldest(make):
    bench = make(depth=3)
    bench.occupy(0)
    for message in range(1, 11):
        bench.worker.boxes[0].offer(message)
    assert (bench.worker.dropped, bench.worker.waiting) == (7, 3)
    bench.let_go(4)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == [0, 8, 9, 10]


def test_a_mailbox_holds_at_least_one():
    with pytest.raises(ValueError, match='depth: expected 1 or more, got 0'):
        Worker(list, list, depth=0)


def test_a_job_runs_between_two_messages(make):
    bench = make(depth=10)
    bench.occupy('first')
    bench.worker.boxes[0].offer('second')
    caller = threading.Thread(target=lambda: bench.worker.call(job, PATIENCE_S))
    found = []

    def job():
        found.append((list(bench.begun), threading.current_thread().name))

    caller.start()
    while not bench.worker._jobs:  # until the caller has left its job
        pass
    assert not found
    bench.let_go(2)
    caller.join(PATIENCE_S)
    assert found == [(['first'], 'vis_ros worker')]
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == ['first', 'second']


def test_a_job_returns_its_value_and_raises_its_error(make):
    bench = make()
    assert bench.worker.call(lambda: 42, PATIENCE_S) == 42
    for error in (KeyError('of the job'), TimeoutError('of the job')):

        def fail(error=error):
            raise error

        with pytest.raises(type(error), match='of the job'):
            bench.worker.call(fail, PATIENCE_S)
    assert bench.worker.call(lambda: 43, PATIENCE_S) == 43


def test_a_job_that_waits_too_long_is_cancelled(make):
    bench = make()
    bench.occupy('slow')
    done = []
    with pytest.raises(TimeoutError, match='frame at work takes longer than 0 s; nothing was'):
        bench.worker.call(lambda: done.append(1), 0)
    assert not bench.worker._jobs  # nothing piles up behind a method that hangs
    bench.let_go()
    assert bench.worker.wait_idle(PATIENCE_S)
    assert not done


def test_stop_finishes_the_message_at_work_and_drops_those_that_wait(make):
    bench = make(depth=5)
    bench.occupy(0)
    for message in (1, 2, 3):
        bench.worker.boxes[0].offer(message)
    assert not bench.worker.stop(0)  # still at work
    assert bench.worker.is_alive
    assert (bench.worker.dropped, bench.worker.waiting) == (3, 0)
    bench.let_go()
    assert bench.worker.stop(PATIENCE_S)
    assert bench.begun == [0]
    assert bench.worker.dropped == 3


def test_after_stop_messages_are_counted_and_jobs_refused(make):
    bench = make()
    assert bench.worker.stop(PATIENCE_S)
    bench.worker.boxes[0].offer('late')
    bench.worker.boxes[0].offer('later')
    assert bench.worker.dropped == 2
    with pytest.raises(RuntimeError, match='the worker has stopped'):
        bench.worker.call(lambda: None, PATIENCE_S)
    assert bench.begun == []


def test_a_job_that_waits_at_the_stop_is_still_done(make):
    bench = make()
    bench.occupy(0)
    answers = []
    caller = threading.Thread(
        target=lambda: answers.append(bench.worker.call(lambda: 'saved', PATIENCE_S))
    )
    caller.start()
    while not bench.worker._jobs:
        pass
    assert not bench.worker.stop(0)
    bench.let_go()
    caller.join(PATIENCE_S)
    assert answers == ['saved']


def test_a_worker_that_never_started_can_be_stopped():
    worker = Worker(list, list)
    worker.boxes[0].offer(1)
    assert worker.stop(PATIENCE_S)
    assert worker.dropped == 1


def test_offers_of_many_threads_add_up(make):
    bench = make()
    bench.let_go(10_000)

    def offer():
        for message in range(500):
            bench.worker.boxes[0].offer(message)

    threads = [threading.Thread(target=offer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert len(bench.begun) + bench.worker.dropped == 2000
