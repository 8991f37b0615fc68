# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Many bags: kept, taken up again, in several processes."""

import json

import pytest
from bag_tasks import tasks_of, without_times
from replay_world import Perfect, write_world

from vis_ros.evaluation.many_bags import run_bags
from vis_ros.evaluation.results import read_results
from vis_ros.evaluation.run_store import RunStore
from vis_ros.evaluation.ytvis import read_annotations
from vis_ros.methods import METHODS


@pytest.fixture
def steps(monkeypatch):
    """Make the perfect method selectable; return the stamps of the images it takes."""
    taken = []

    class Watched(Perfect):
        def step(self, state, frame):
            taken.append(frame.stamp_ns)
            return super().step(state, frame)

    monkeypatch.setitem(METHODS, 'perfect', Watched)
    return taken


@pytest.fixture
def bags(tmp_path):
    for name, count in (('a', 4), ('deep/b', 6)):
        write_world(tmp_path / 'bags' / name, count)
    return tmp_path / 'bags'


def test_nothing_to_run(tmp_path):
    assert run_bags([]) == []
    assert run_bags([], store=RunStore(tmp_path / 'out'), jobs=2) == []
    with pytest.raises(ValueError, match='jobs: expected 1 or more, got 0'):
        run_bags([], jobs=0)


def test_a_second_run_takes_what_is_kept(steps, bags, tmp_path):
    store, lines = RunStore(tmp_path / 'out'), []
    first = run_bags(tasks_of(bags), store=store, note=lines.append)
    assert len(steps) == 2 * (4 + 6)
    assert lines[1] == 'deep/b: 6 of 6 images (frames), 6 of 6 images (realtime)'
    again = run_bags(tasks_of(bags), store=store, note=lines.append)
    assert len(steps) == 2 * (4 + 6)
    assert again == first
    assert lines[2:] == ['a: was run before', 'deep/b: was run before']


def test_what_is_kept_can_be_evaluated_by_itself(steps, bags, tmp_path):
    (first, _) = run_bags(tasks_of(bags), store=RunStore(tmp_path / 'out'))
    folder = tmp_path / 'out' / 'a'
    assert {path.name for path in folder.iterdir()} == {
        'truth.json',
        'frames.json',
        'realtime.json',
        'run.json',
    }
    annotations = read_annotations(folder / 'truth.json')
    assert annotations == first.annotations
    results = read_results(folder / 'frames.json', annotations)
    assert results == first.modes['frames'].results


def test_only_what_changed_is_run_again(steps, bags, tmp_path):
    store = RunStore(tmp_path / 'out')
    run_bags(tasks_of(bags), store=store)
    steps.clear()
    for path in sorted((bags / 'a').iterdir()):
        path.unlink()
    write_world(bags / 'other', 5).rename(bags / 'a2')
    (bags / 'a').rmdir()
    (bags / 'a2').rename(bags / 'a')
    run_bags(tasks_of(bags), store=store)
    assert len(steps) == 2 * 5
    run_bags(tasks_of(bags, agnostic=True), store=store)
    assert len(steps) == 2 * (5 + 5 + 6)


@pytest.mark.parametrize('damage', ['truncate', 'delete', 'other', 'format', 'key'])
def test_what_is_damaged_is_run_again(steps, bags, tmp_path, damage):
    store = RunStore(tmp_path / 'out')
    (task, _) = tasks_of(bags)
    first = run_bags([task], store=store)
    steps.clear()
    place = tmp_path / 'out' / 'a'
    if damage == 'truncate':
        file = place / 'realtime.json'
        file.write_text(file.read_text()[:-9])
    elif damage == 'delete':
        (place / 'truth.json').unlink()
    elif damage == 'other':
        (place / 'run.json').write_text('[]')
    else:
        document = json.loads((place / 'run.json').read_text())
        document[damage] = None
        (place / 'run.json').write_text(json.dumps(document))
    assert store.load(task) is None
    assert without_times(run_bags([task], store=store)) == without_times(first)
    assert len(steps) == 2 * 4


def test_a_bag_that_fails_keeps_no_other_from_being_run(steps, bags, tmp_path):
    write_world(bags / 'b', 3, with_truth=False)
    store, lines = RunStore(tmp_path / 'out'), []
    with pytest.raises(ValueError, match=r'1 of 3 bags failed:\n.*no ground truth'):
        run_bags(tasks_of(bags), store=store, note=lines.append)
    assert lines[1] == 'b: failed'
    steps.clear()
    kept = [store.load(task) is not None for task in tasks_of(bags)]
    assert kept == [True, False, True]


def test_several_processes_give_the_same(bags, tmp_path):
    tasks = tasks_of(bags, method='iou', agnostic=True)
    alone = run_bags(tasks)
    write_world(bags / 'x', 2, with_truth=False)
    store, lines = RunStore(tmp_path / 'out'), []
    more = tasks_of(bags, method='iou', agnostic=True)
    with pytest.raises(ValueError, match=r'1 of 3 bags failed:\n.*no ground truth'):
        run_bags(more, store=store, jobs=2, note=lines.append)
    assert 'x: failed' in lines
    assert len(lines) == 3
    together = run_bags(tasks, store=store, jobs=2)  # all are kept: no process is started
    assert without_times(together) == without_times(alone)
