# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs over many bags: kept in files, in several processes, taken up where they ended."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from vis_ros.evaluation.bag_runs import BagTask, MethodChoice, run_bag
from vis_ros.evaluation.data_sets import annotations_json
from vis_ros.evaluation.json_input import Item, load_json
from vis_ros.evaluation.method_runs import RunCounts
from vis_ros.evaluation.results import read_results, write_results
from vis_ros.evaluation.video_runs import ModeRun, VideoRuns
from vis_ros.evaluation.ytvis import read_annotations
from vis_ros.methods.base import Method

_FORMAT = 1  # of run.json


class RunStore:
    """A folder with one folder for each bag that was run.

    That of a bag holds truth.json (YouTube-VIS form), MODE.json (results in server form) and
    run.json (counts, and all that the results depend on), which is written last: without it, or
    with another content of its `key`, the bag counts as not run.

    Args:
        folder: The folder; it is made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, task: BagTask) -> VideoRuns | None:
        """Return what is kept of a task; None if nothing is, or of another method or bag.

        Raises:
            ValueError: The task's method is not right.
            OSError: The bag or the file of the weights cannot be read.
        """
        key = task.key()
        place = self._folder / task.name
        try:
            run = load_json(place / 'run.json')
            if run.get('format').value != _FORMAT or run.get('key').value != key:
                return None
            annotations = read_annotations(place / 'truth.json')
            modes = {
                mode: ModeRun(
                    read_results(place / f'{mode}.json', annotations),
                    _read_counts(run.get('modes').get(mode)),
                )
                for mode in task.options.modes
            }
            missing, problems = (
                tuple(item.text() for item in run.get(name).items())
                for name in ('missing_classes', 'problems')
            )
        except (OSError, ValueError):  # half of it, or damaged: the bag is run again
            return None
        return VideoRuns(annotations, modes, missing, problems)

    def save(self, task: BagTask, runs: VideoRuns) -> None:
        """Keep what a task gave.

        Raises:
            OSError: A file cannot be written.
        """
        place = self._folder / task.name
        place.mkdir(parents=True, exist_ok=True)
        (place / 'run.json').unlink(missing_ok=True)
        (place / 'truth.json').write_text(json.dumps(annotations_json(runs.annotations)) + '\n')
        for mode, run in runs.modes.items():
            write_results(place / f'{mode}.json', run.results)
        document = {
            'format': _FORMAT,
            'key': task.key(),
            'missing_classes': list(runs.missing_classes),
            'problems': list(runs.problems),
            'modes': {mode: _counts_json(run.counts) for mode, run in runs.modes.items()},
        }
        part = place / 'run.json.part'
        part.write_text(json.dumps(document) + '\n')
        os.replace(part, place / 'run.json')


def _counts_json(counts: RunCounts) -> dict[str, Any]:
    return {
        'images': counts.images,
        'processed': counts.processed,
        'step_ms': list(counts.step_ms),
        'latency_ms': list(counts.latency_ms),
    }


def _read_counts(item: Item) -> RunCounts:
    return RunCounts(
        item.get('images').integer(),
        item.get('processed').integer(),
        tuple(value.number() for value in item.get('step_ms').items()),
        tuple(value.number() for value in item.get('latency_ms').items()),
    )


def run_bags(
    tasks: Sequence[BagTask],
    *,
    store: RunStore | None = None,
    jobs: int = 1,
    note: Callable[[str], None] = lambda line: None,
) -> list[VideoRuns]:
    """Run all bags that the store does not hold.

    A bag that fails does not keep the others from being run and stored.

    Args:
        tasks: All of the same method.
        store: Where runs are kept; None for nowhere.
        jobs: Processes, 1 or more. Times that are measured with several are those of a busy
            machine.
        note: Takes a line for each bag.

    Returns:
        One for each task, in their order.

    Raises:
        ValueError: A bag failed; the text says why each did. Or `jobs` is below 1.
        Exception: Whatever the method raises.
    """
    if jobs < 1:
        raise ValueError(f'jobs: expected 1 or more, got {jobs}')
    done: dict[str, VideoRuns] = {}
    for task in tasks:
        if store is not None and (kept := store.load(task)) is not None:
            done[task.name] = kept
            note(f'{task.name}: was run before')
    todo = [task for task in tasks if task.name not in done]
    run = _in_processes if jobs > 1 and len(todo) > 1 else _one_by_one
    faults: list[str] = []
    for task, outcome in run(todo, store, jobs):
        if isinstance(outcome, VideoRuns):
            done[task.name] = outcome
            note(f'{task.name}: {_line(outcome)}')
        else:
            faults.append(str(outcome))
            if len(tasks) > 1:
                note(f'{task.name}: failed')
    if faults:
        many = f'{len(faults)} of {len(tasks)} bags failed:\n' if len(tasks) > 1 else ''
        raise ValueError(many + '\n'.join(faults))
    return [done[task.name] for task in tasks]


def _line(runs: VideoRuns) -> str:
    parts = (
        f'{run.counts.processed} of {run.counts.images} images ({mode})'
        for mode, run in runs.modes.items()
    )
    return ', '.join(parts)


_Outcome = VideoRuns | ValueError | OSError


def _one_by_one(
    tasks: Sequence[BagTask], store: RunStore | None, jobs: int
) -> Iterator[tuple[BagTask, _Outcome]]:
    method = tasks[0].method.build() if tasks else None
    for task in tasks:
        if method is not None:
            yield task, _run_one(task, store, method)


def _run_one(task: BagTask, store: RunStore | None, method: Method) -> _Outcome:
    try:
        runs = run_bag(task, method)
    except (ValueError, OSError) as error:
        return error
    if store is not None:
        store.save(task, runs)
    return runs


def _in_processes(
    tasks: Sequence[BagTask], store: RunStore | None, jobs: int
) -> Iterator[tuple[BagTask, _Outcome]]:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks)),
        mp_context=multiprocessing.get_context('spawn'),  # CUDA does not survive a fork
        initializer=torch.set_num_threads,
        initargs=(threads,),
    )
    try:
        futures: dict[Future[_Outcome], BagTask] = {
            pool.submit(_run_in_process, task, store): task for task in tasks
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _run_in_process(task: BagTask, store: RunStore | None) -> _Outcome:
    return _run_one(task, store, _built(task.method))


@lru_cache(maxsize=1)
def _built(choice: MethodChoice) -> Method:
    """Return the method of this process: weights are loaded once and not for each bag."""
    return choice.build()
