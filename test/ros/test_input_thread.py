# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is prepared while the worker is busy; every step is made by events, none by time."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from worker_rig import PATIENCE_S, benches

from vis_ros.ros.input_thread import InputThread
from vis_ros.ros.worker import Worker


class Prepared(NamedTuple):
    camera: int
    message: object
    thread: str


class Bench:
    """A worker whose messages, and whose preparations, take until they are let go."""

    def __init__(self, depth: int = 1, cameras: int = 1, takes_batches: bool = False) -> None:
        self.begun: list[object] = []
        self.published: list[object] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.prepares = threading.Semaphore(0)
        self.prepared_gate = threading.Semaphore(0)
        self.asked: list[object] = []
        self.worker = Worker(
            self._process,
            self.published.extend,
            depth=depth,
            cameras=cameras,
            takes_batches=takes_batches,
            prepare=self._prepare,
        )
        self.worker.start()

    def _process(self, messages: list[tuple[int, object]]) -> object:
        found = [message for _, message in messages]
        self.begun.extend(found)
        self.entered.release()
        assert self.gate.acquire(timeout=PATIENCE_S)
        return found

    def _prepare(self, camera: int, message: object) -> object:
        self.asked.append(message)
        self.prepares.release()
        assert self.prepared_gate.acquire(timeout=PATIENCE_S)
        return Prepared(camera, message, threading.current_thread().name)

    def offer(self, message: object, camera: int = 0) -> None:
        self.worker.boxes[camera].offer(message)

    def occupy(self, message: object) -> None:
        """Offer a message and wait until it is at work."""
        self.offer(message)
        assert self.entered.acquire(timeout=PATIENCE_S)

    def occupy_and_prepare(self) -> None:
        """Have message 0 at work, and message 1 prepared until it is let go."""
        self.occupy(0)
        self.offer(1)
        assert self.prepares.acquire(timeout=PATIENCE_S)

    def wait_until_prepared(self) -> None:
        """Let the preparation at work end, and wait for that."""
        assert self.prepares.acquire(timeout=PATIENCE_S)
        self.prepared_gate.release()
        thread, changed = self.worker._input, self.worker._changed
        assert thread is not None
        with changed:
            assert changed.wait_for(lambda: not thread.is_at_work, PATIENCE_S)

    def let_go(self, count: int = 1) -> None:
        self.gate.release(count)
        self.prepared_gate.release(count)


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    yield from benches(Bench)


def test_the_next_message_is_prepared_while_one_is_at_work(make):
    bench = make()
    bench.occupy('first')
    assert bench.begun == ['first']  # as it came: nothing was at work
    bench.offer('second')
    bench.wait_until_prepared()
    assert bench.worker.waiting == 1  # it waits as before
    bench.gate.release(2)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == ['first', Prepared(0, 'second', 'vis_ros input')]


def test_nothing_is_prepared_while_nothing_is_at_work(make):
    bench = make()
    for message in range(5):
        bench.occupy(message)
        bench.gate.release()
        assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == list(range(5)) and bench.asked == []


def test_the_newest_wins_over_one_that_is_prepared_or_being_prepared(make):
    bench = make()
    bench.occupy(0)
    bench.offer(1)
    bench.wait_until_prepared()
    bench.offer(2)  # is prepared in its turn
    assert bench.worker.dropped == 1
    assert bench.prepares.acquire(timeout=PATIENCE_S)
    bench.offer(3)  # while 2 is being prepared
    assert bench.worker.dropped == 2
    bench.prepared_gate.release()
    bench.wait_until_prepared()
    bench.gate.release(2)
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == [0, Prepared(0, 3, 'vis_ros input')]
    assert bench.asked == [1, 2, 3]


def test_the_worker_waits_for_the_one_that_is_being_prepared(make):
    bench = make()
    bench.occupy_and_prepare()
    bench.gate.release(2)
    changed = bench.worker._changed
    with changed:
        assert changed.wait_for(lambda: not bench.worker._is_busy, PATIENCE_S)
    assert bench.begun == [0]  # free, and a message waits
    bench.prepared_gate.release()
    assert bench.worker.wait_idle(PATIENCE_S)
    assert bench.begun == [0, Prepared(0, 1, 'vis_ros input')]
    assert bench.asked == [1]  # once


def test_of_those_that_wait_in_order_the_first_is_prepared(make):
    bench = make(depth=10)
    bench.occupy(0)
    for message in (1, 2, 3):
        bench.offer(message)
    bench.wait_until_prepared()
    assert bench.asked == [1]
    bench.prepared_gate.release(10)
    bench.gate.release(4)
    assert bench.worker.wait_idle(PATIENCE_S)
    messages = [getattr(each, 'message', each) for each in bench.begun]
    assert messages == [0, 1, 2, 3]


def test_cameras_that_are_taken_together_are_prepared_together(make):
    bench = make(cameras=3, takes_batches=True)
    bench.occupy('a0')
    bench.offer('c1', 2)
    bench.wait_until_prepared()
    bench.offer('b1', 1)
    bench.wait_until_prepared()
    bench.gate.release(2)
    assert bench.worker.wait_idle(PATIENCE_S)
    thread = 'vis_ros input'
    assert bench.begun[0] == 'a0'
    assert set(bench.begun[1:]) == {Prepared(1, 'b1', thread), Prepared(2, 'c1', thread)}


def test_stop_waits_for_the_preparation_and_drops_its_message(make):
    bench = make()
    bench.occupy_and_prepare()
    bench.gate.release()
    assert not bench.worker.stop(0.1)
    assert bench.worker.is_alive and bench.worker.dropped == 1
    bench.prepared_gate.release()
    assert bench.worker.stop(PATIENCE_S)
    assert bench.begun == [0] and bench.worker.dropped == 1


def test_a_job_does_not_wait_for_a_preparation(make):
    bench = make()
    bench.occupy_and_prepare()
    bench.gate.release(2)
    assert bench.worker.call(lambda: 'saved', PATIENCE_S) == 'saved'
    assert bench.begun == [0]
    bench.prepared_gate.release()
    assert bench.worker.wait_idle(PATIENCE_S)


def test_what_takes_long_is_not_prepared_too_early(monkeypatch):
    """Of work that took a second last time, most passes before anything is prepared."""
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr('vis_ros.ros.input_thread.time', clock)
    changed, box = threading.Condition(), SimpleNamespace(next_unprepared=lambda: 'message')
    thread = InputThread(changed, [box], lambda _, message: message)
    with changed:
        assert thread.time_left_s is None  # the worker is free
        thread.worker_begins()
        assert thread.time_left_s == 0.0  # nothing is known
        now[0] += 1.0
        thread.worker_ends()
        assert thread.time_left_s is None
        thread.worker_begins()
        assert thread.time_left_s == pytest.approx(1.0)
        now[0] += 0.75
        assert thread.time_left_s == pytest.approx(0.25)
        now[0] += 1.0
        assert thread.time_left_s == pytest.approx(-0.75)
