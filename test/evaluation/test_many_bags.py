# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Many bags on workers: all results, attempts, faults, what is kept."""

from concurrent.futures import Future, wait

import dying_worker
import pytest
from bag_tasks import tasks_of, without_times
from replay_world import Perfect, write_world

from vis_ros.evaluation.bag_workers import Processes, WorkerLostError, Workers, run_task
from vis_ros.evaluation.many_bags import ATTEMPTS, run_bags
from vis_ros.evaluation.run_store import RunStore
from vis_ros.methods import METHODS


@pytest.fixture
def bags(tmp_path):
    for name, count in (('a', 3), ('b', 4), ('c', 2)):
        write_world(tmp_path / 'bags' / name, count)
    return tmp_path / 'bags'


class FakeCluster(Workers):
    """Two workers, of which the newest task ends first; the test says which attempts die."""

    size = 2

    def __init__(self, deaths=()):
        self.deaths = list(deaths)  # names of bags, one for each attempt that dies
        self.most = self.opened = 0
        self.ran = []
        self.is_closed = False
        self._running = []

    def __call__(self):
        self.opened += 1
        return self

    def submit(self, task):
        future = Future()
        self._running.append((future, task))
        self.most = max(self.most, len(self._running))
        if len(self._running) == self.size or task.name == 'c':  # the last one
            for _ in range(len(self._running)):
                self._end(*self._running.pop())
        return future

    def _end(self, future, task):
        self.ran.append(task.name)
        if task.name in self.deaths:
            self.deaths.remove(task.name)
            future.set_exception(WorkerLostError('the machine was switched off'))
        else:
            future.set_result(run_task(task))

    def result(self, future):
        return future.result()

    def close(self):
        assert not self.is_closed
        self.is_closed = True


class Serial(FakeCluster):
    """One worker."""

    size = 1


def test_an_empty_cluster_run_asks_for_no_cluster(bags, tmp_path):
    cluster = FakeCluster()
    assert run_bags([], open_cluster=cluster) == []
    store = RunStore(tmp_path / 'out')
    tasks = tasks_of(bags, method='iou', agnostic=True)
    run_bags(tasks, store=store)
    kept = run_bags(tasks, store=store, open_cluster=cluster)
    assert cluster.opened == 0
    assert len(kept) == 3


def test_a_cluster_gives_what_this_process_gives_in_the_order_of_the_tasks(bags):
    tasks = tasks_of(bags, method='iou', agnostic=True)
    cluster, lines = FakeCluster(), []
    there = run_bags(tasks, open_cluster=cluster, note=lines.append)
    assert without_times(there) == without_times(run_bags(tasks))
    assert cluster.is_closed
    assert cluster.most == 2
    assert cluster.ran != ['a', 'b', 'c']
    assert len(lines) == 3


def test_a_bag_whose_worker_dies_is_tried_again(bags, tmp_path):
    tasks = tasks_of(bags, method='iou', agnostic=True)
    cluster, lines = Serial(['b'] * (ATTEMPTS - 1)), []
    store = RunStore(tmp_path / 'out')
    there = run_bags(tasks, store=store, open_cluster=cluster, note=lines.append)
    assert without_times(there) == without_times(run_bags(tasks))
    assert cluster.ran.count('b') == ATTEMPTS
    assert 'b: is tried again, its worker died: the machine was switched off' in lines


def test_a_bag_whose_workers_always_die_is_reported_and_the_rest_is_kept(bags, tmp_path):
    tasks = tasks_of(bags, method='iou', agnostic=True)
    store = RunStore(tmp_path / 'out')
    with pytest.raises(ValueError, match='1 of 3 bags failed:\n.*b: its worker died 3 times: the'):
        run_bags(tasks, store=store, open_cluster=Serial(['b'] * ATTEMPTS))
    assert [store.load(task) is not None for task in tasks] == [True, False, True]
    second = Serial()
    run_bags(tasks, store=store, open_cluster=second)
    assert second.ran == ['b']


def test_workers_are_given_back_when_no_bag_can_be_run(bags):
    class Refusing(Serial):
        def result(self, future):
            raise ValueError('weights: no such file')

    cluster = Refusing()
    with pytest.raises(ValueError, match='^weights: no such file$'):
        run_bags(tasks_of(bags, method='iou'), open_cluster=cluster)
    assert cluster.is_closed


def test_a_method_that_raises_fails_its_bag_alone(bags, monkeypatch):
    class Shy(Perfect):
        def step(self, state, frame):
            if state == 3:
                raise RuntimeError('the fourth frame')
            return super().step(state, frame)

    monkeypatch.setitem(METHODS, 'perfect', Shy)
    lines = []
    with pytest.raises(ValueError, match='1 of 3 bags failed:\n') as caught:
        run_bags(tasks_of(bags), note=lines.append)
    assert "bags/b: RuntimeError('the fourth frame')" in str(caught.value)
    assert 'in step' in str(caught.value)
    assert 'c: 2 of 2 images (frames), 2 of 2 images (realtime)' in lines


def test_a_method_that_cannot_be_built_stops_all(bags):
    tasks = tasks_of(bags, method='rgnnvis')
    with pytest.raises(ValueError, match='weights') as caught:
        run_bags(tasks)
    assert 'bags failed' not in str(caught.value)


def test_a_process_that_dies_is_replaced(bags):
    a, b, _ = tasks_of(bags, method='iou', agnostic=True)
    workers = Processes(1, dying_worker.die_with_a)
    try:
        lost = workers.submit(a)
        wait([lost])
        with pytest.raises(WorkerLostError):
            workers.result(lost)
        good = workers.submit(b)
        wait([good])
        assert without_times([workers.result(good)]) == without_times(run_bags([b]))
    finally:
        workers.close()
