# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs bags: this process, or several on this machine; a cluster has a module of its own."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache

import torch

from vis_ros.evaluation.bag_runs import BagTask, MethodChoice, run_bag
from vis_ros.evaluation.video_runs import VideoRuns
from vis_ros.methods.base import Method

Outcome = VideoRuns | str
"""What a bag gave, or why it failed: text, since not every exception survives a pickle."""

_TRACE_PARTS = 3  # last lines of a traceback that tell where a method failed


class WorkerLostError(Exception):
    """The process that ran a bag died: killed, out of memory, its machine switched off."""


class Workers(ABC):
    """Some places where bags are run.

    Attributes:
        size: Tasks that may be given at once.
    """

    size: int

    @abstractmethod
    def submit(self, task: BagTask) -> Future[Outcome]:
        """Begin with a task."""

    @abstractmethod
    def result(self, future: Future[Outcome]) -> Outcome:
        """Return what a future gave that `submit` returned and that is done.

        Raises:
            WorkerLostError: The worker died; another one may do better.
            ValueError: The method cannot be built, so that no bag can be run.
            OSError: In the same way.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the workers back; tasks that have not begun never will."""


class Here(Workers):
    """This process: `submit` returns when the bag was run."""

    size = 1

    def submit(self, task: BagTask) -> Future[Outcome]:
        """See `Workers.submit`."""
        future: Future[Outcome] = Future()
        future.set_result(run_task(task))
        return future

    def result(self, future: Future[Outcome]) -> Outcome:
        """See `Workers.result`."""
        return future.result()

    def close(self) -> None:
        """Free the method."""
        _built.cache_clear()


class Processes(Workers):
    """Processes of this machine, each in a pool of its own: one that dies takes no other along.

    Args:
        size: How many, 1 or more.
        run: What runs a task in them.
    """

    def __init__(self, size: int, run: Callable[[BagTask], Outcome] | None = None) -> None:
        self.size = size
        self._run = run or run_task
        self._threads = max(1, (os.cpu_count() or 1) // size)
        self._free = [self._pool() for _ in range(size)]
        self._busy: dict[Future[Outcome], ProcessPoolExecutor] = {}

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context('spawn'),  # CUDA does not survive a fork
            initializer=torch.set_num_threads,
            initargs=(self._threads,),
        )

    def submit(self, task: BagTask) -> Future[Outcome]:
        """See `Workers.submit`."""
        pool = self._free.pop()
        future = pool.submit(self._run, task)
        self._busy[future] = pool
        return future

    def result(self, future: Future[Outcome]) -> Outcome:
        """See `Workers.result`."""
        pool = self._busy.pop(future)
        try:
            outcome = future.result()
        except BrokenProcessPool as error:
            pool.shutdown()
            pool = self._pool()
            raise WorkerLostError(str(error)) from error
        finally:
            self._free.append(pool)
        return outcome

    def close(self) -> None:
        """See `Workers.close`; waits for the bags at work."""
        for pool in (*self._free, *self._busy.values()):
            pool.shutdown(cancel_futures=True)


def run_task(task: BagTask) -> Outcome:
    """Run a task in this process.

    Raises:
        ValueError: The method cannot be built.
        OSError: In the same way.
    """
    return attempt(task, _built(task.method))


def attempt(task: BagTask, method: Method) -> Outcome:
    """Run a task; whatever fails becomes a text."""
    try:
        return run_bag(task, method)
    except (ValueError, OSError) as error:
        return str(error)
    except Exception as error:  # whatever a method raises: other bags may go through
        trace = ''.join(traceback.format_exception(error)[-_TRACE_PARTS:]).rstrip()
        return f'{task.path}: {error!r}\n{trace}'


@lru_cache(maxsize=1)
def _built(choice: MethodChoice) -> Method:
    """Return the method of this process: weights are loaded once and not for each bag."""
    return choice.build()
