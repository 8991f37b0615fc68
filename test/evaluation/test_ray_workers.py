# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags on a Ray cluster: what is compared before a task runs, and a real one of two workers."""

import dataclasses
import importlib
import importlib.util
import os
import sys

import dying_worker
import pytest
from bag_tasks import tasks_of, without_times
from replay_world import write_world

from vis_ros.evaluation.bag_runs import MethodChoice, TruthChoice
from vis_ros.evaluation.bag_workers import run_task
from vis_ros.evaluation.many_bags import run_bags
from vis_ros.evaluation.ray_workers import (
    RayWorkers,
    code_identity,
    comparable,
    difference,
    portable,
    run_there,
)
from vis_ros.evaluation.run_store import RunStore
from vis_ros.evaluation.video_runs import VideoRuns

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec('ray') is None,
    reason="RAY IS NOT INSTALLED, no cluster is tested: pip install 'vis_ros[cluster]'",
)


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('world')
    for name, count in (('a', 3), ('b', 5)):
        write_world(folder / 'bags' / name, count)
    return folder / 'bags'


@pytest.fixture
def tasks(bags):
    return tasks_of(bags, method='iou', agnostic=True)


@pytest.fixture(scope='module')
def cluster():
    """Connect this process to a Ray of its own with two workers."""
    ray = pytest.importorskip('ray', reason='RAY IS NOT INSTALLED, no cluster is tested')
    os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
    ray.init(
        address='local',
        num_cpus=2,
        num_gpus=0,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        # The workers import what this process imports, dying_worker too.
        runtime_env={'env_vars': {'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}},
    )
    yield ray
    ray.shutdown()


def open_cluster(**options):
    return lambda: RayWorkers('auto', **options)


# Without Ray


def test_without_ray_it_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ValueError, match=r"package ray: pip install 'vis_ros\[cluster\]'"):
        RayWorkers('auto')


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match='jobs: expected 1 or more, got 0'):
        RayWorkers('auto', at_once=0)


def test_a_machine_that_sees_the_same_runs_the_task(tasks):
    task = portable(tasks[0])
    there = run_there(run_task, task, comparable(task), code_identity())
    assert isinstance(there, VideoRuns)
    assert without_times([there]) == without_times(run_bags(tasks[:1]))


def test_a_machine_with_other_software_refuses(tasks):
    task = portable(tasks[0])
    other = {**code_identity(), 'torch': '1.0'}
    found = run_there(run_task, task, comparable(task), other)
    assert 'another software: torch is ' in found
    assert "the machine that asks has '1.0'" in found
    assert 'vis_ros is' not in found


def test_a_machine_with_another_bag_or_none_refuses(tasks, tmp_path):
    task, other = (portable(task) for task in tasks)
    found = run_there(run_task, task, comparable(other), code_identity())
    assert 'another task: bag is ' in found
    absent = dataclasses.replace(task, path=tmp_path / 'none')
    found = run_there(run_task, absent, comparable(task), code_identity())
    assert str(tmp_path / 'none') in found
    assert 'No such file' in found


def test_a_fault_names_the_machine(bags, tmp_path):
    write_world(tmp_path / 'bare', 2, with_truth=False)
    (task,) = tasks_of(tmp_path / 'bare', method='iou', agnostic=True)
    found = run_there(run_task, task, comparable(task), code_identity())
    assert 'has no ground truth' in found
    assert found.endswith(')')
    unbuilt = dataclasses.replace(task, method=MethodChoice('rgnnvis'))
    assert 'weights' in run_there(run_task, unbuilt, comparable(unbuilt), code_identity())


def test_copies_of_a_bag_are_the_same_bag(tasks):
    task = tasks[0]
    before = comparable(task)
    os.utime(task.path / 'metadata.yaml', ns=(1, 2**62))
    assert comparable(task) == before
    assert comparable(tasks[1]) != before
    assert difference('task', before, before) == ''


def test_a_task_is_the_same_from_every_folder(tasks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'w.pt').touch()
    (tmp_path / 'gt.json').touch()
    (tmp_path / 'bag').mkdir()
    given = dataclasses.replace(
        tasks[0],
        path=(tmp_path / 'bag').relative_to(tmp_path),
        method=MethodChoice('iou', 'w.pt', 'cuda:3'),
        truth=TruthChoice(file=(tmp_path / 'gt.json').relative_to(tmp_path)),
    )
    found = portable(given)
    assert found.path == tmp_path / 'bag'
    assert found.truth.file == tmp_path / 'gt.json'
    assert found.method.weights == str(tmp_path / 'w.pt')
    assert found.method.device == 'cuda'  # the only one that Ray lets the task see
    by_name = dataclasses.replace(given, method=MethodChoice('iou', 'no_file'))
    assert portable(by_name).method.weights == 'no_file'


# With Ray


@needs_ray
def test_two_workers_give_what_this_process_gives(cluster, tasks, tmp_path):
    store = RunStore(tmp_path / 'out')
    there = run_bags(tasks, store=store, open_cluster=open_cluster())
    assert without_times(there) == without_times(run_bags(tasks))
    assert cluster.is_initialized()  # the connection was there before and stays
    assert [store.load(task) is not None for task in tasks] == [True, True]
    lines = []
    run_bags(tasks, store=store, note=lines.append, open_cluster=open_cluster())
    assert lines == ['a: was run before', 'b: was run before']


@needs_ray
def test_a_worker_that_dies_and_a_bag_that_fails(cluster, bags, tmp_path):
    for name in ('a', 'b'):
        write_world(tmp_path / 'bags' / name, 3, with_truth=name == 'a')
    tasks = tasks_of(tmp_path / 'bags', method='iou', agnostic=True)
    lines = []
    with pytest.raises(ValueError, match='1 of 2 bags failed:\n.*no ground truth'):
        run_bags(
            tasks,
            note=lines.append,
            open_cluster=open_cluster(run=dying_worker.die_once, at_once=2),
        )
    assert sum('is tried again, its worker died' in line for line in lines) == 2
    assert any(line.startswith('a: 3 of 3 images') for line in lines)


@needs_ray
def test_what_a_machine_cannot_import_is_told_in_one_line(cluster, tasks, tmp_path, monkeypatch):
    (tmp_path / 'only_here.py').write_text('def run(task):\n    return task\n')
    monkeypatch.syspath_prepend(tmp_path)
    run = importlib.import_module('only_here').run
    with pytest.raises(ValueError, match="^cluster auto: .*No module named 'only_here'$"):
        run_bags(tasks[:1], open_cluster=open_cluster(run=run))


@needs_ray
def test_a_cluster_without_a_gpu_says_so(cluster, tasks):
    task = dataclasses.replace(tasks[0], method=MethodChoice('iou', device='cuda'))
    with pytest.raises(ValueError, match='cluster auto: device cuda: no machine has a GPU'):
        run_bags([task], open_cluster=open_cluster())
