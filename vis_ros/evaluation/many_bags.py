# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs over many bags, on some workers, taken up where they ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from vis_ros.evaluation.bag_runs import BagTask
from vis_ros.evaluation.bag_workers import Here, Outcome, Processes, WorkerLostError, Workers
from vis_ros.evaluation.run_store import RunStore
from vis_ros.evaluation.video_runs import VideoRuns

ATTEMPTS = 3  # of one bag whose worker dies; a bag that fails otherwise would fail again


def run_bags(
    tasks: Sequence[BagTask],
    *,
    store: RunStore | None = None,
    jobs: int = 1,
    note: Callable[[str], None] = lambda line: None,
    open_cluster: Callable[[], Workers] | None = None,
) -> list[VideoRuns]:
    """Run all bags that the store does not hold.

    A bag that fails does not keep the others from being run and stored. One whose worker dies is
    tried again.

    Args:
        tasks: All of the same method.
        store: Where runs are kept; None for nowhere. Only this process writes there.
        jobs: Processes of this machine, 1 or more. Times that are measured with several are those
            of a busy machine. Not looked at with a cluster.
        note: Takes a line for each bag.
        open_cluster: Gives workers elsewhere; called only when there is something to run.

    Returns:
        One for each task, in their order.

    Raises:
        ValueError: A bag failed; the text says why each did. Or the method cannot be built, or
            `jobs` is below 1.
        OSError: The store cannot be written.
    """
    if jobs < 1:
        raise ValueError(f'jobs: expected 1 or more, got {jobs}')
    done: dict[str, VideoRuns] = {}
    for task in tasks:
        if store is not None and (kept := store.load(task)) is not None:
            done[task.name] = kept
            note(f'{task.name}: was run before')
    todo = [task for task in tasks if task.name not in done]
    faults: list[str] = []
    for task, outcome in _outcomes(todo, _opener(open_cluster, min(jobs, len(todo))), note):
        if isinstance(outcome, VideoRuns):
            done[task.name] = outcome
            if store is not None:
                store.save(task, outcome)
            note(f'{task.name}: {_line(outcome)}')
        else:
            faults.append(outcome)
            if len(tasks) > 1:
                note(f'{task.name}: failed')
    if faults:
        many = f'{len(faults)} of {len(tasks)} bags failed:\n' if len(tasks) > 1 else ''
        raise ValueError(many + '\n'.join(faults))
    return [done[task.name] for task in tasks]


def _opener(open_cluster: Callable[[], Workers] | None, jobs: int) -> Callable[[], Workers]:
    if open_cluster is not None:
        return open_cluster
    return Here if jobs == 1 else lambda: Processes(jobs)


def _outcomes(
    tasks: Sequence[BagTask], open_workers: Callable[[], Workers], note: Callable[[str], None]
) -> Iterator[tuple[BagTask, Outcome]]:
    """Yield what becomes of each task, in the order in which they end."""
    if not tasks:
        return
    workers = open_workers()
    waiting = deque((task, 1) for task in tasks)
    running: dict[Future[Outcome], tuple[BagTask, int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers.size:
                task, attempt = waiting.popleft()
                running[workers.submit(task)] = (task, attempt)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task, attempt = running.pop(future)
                try:
                    outcome = workers.result(future)
                except WorkerLostError as error:
                    if attempt < ATTEMPTS:
                        note(f'{task.name}: is tried again, its worker died: {error}')
                        waiting.append((task, attempt + 1))
                        continue
                    outcome = f'{task.path}: its worker died {attempt} times: {error}'
                yield task, outcome
    finally:
        workers.close()


def _line(runs: VideoRuns) -> str:
    parts = (
        f'{run.counts.processed} of {run.counts.images} images ({mode})'
        for mode, run in runs.modes.items()
    )
    return ', '.join(parts)
