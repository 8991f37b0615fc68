# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags on the machines of a Ray cluster; `ray` is an extra, imported only here.

The machines need the same vis_ros, and the bags, truth and weights under the same paths (a shared
folder). Each task compares both with this machine before it runs, so that its results are those
that this machine would have given. Results come back over the network; only this machine writes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import platform
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import vis_ros
from vis_ros.evaluation.bag_runs import BagTask
from vis_ros.evaluation.bag_workers import Outcome, WorkerLostError, Workers, run_task
from vis_ros.evaluation.video_runs import VideoRuns
from vis_ros.pipeline.weights import manifest

_LIBRARIES = ('torch', 'torchvision', 'numpy', 'scipy')  # what the numbers of a method depend on
_APART = ('cli', 'client', 'data', 'ros', 'synth', 'training')  # rooms that no bag passes through
_STATES = ('bag', 'truth_file')  # parts of a task's key that hold a size and a time of change


def check_ray() -> None:
    """Raise unless Ray is installed.

    Raises:
        ValueError: It is not.
    """
    if importlib.util.find_spec('ray') is None:
        raise ValueError("cluster: needs the Python package ray: pip install 'vis_ros[cluster]'")


class RayWorkers(Workers):
    """Runs each bag as a task of one CPU core, and one GPU where the device is CUDA.

    Where this process is connected to Ray already, that connection is used and left open.

    Args:
        address: `auto` for the cluster that this machine is part of, HOST:PORT, ray://HOST:PORT,
            or `local` for a cluster of this machine alone that ends with `close`.
        at_once: Most bags that are run at once; None for as many as the cluster has room for.
        run: What runs a task there.

    Raises:
        ValueError: Ray is not installed, the cluster cannot be reached, or `at_once` is below 1.
    """

    def __init__(self, address: str, *, at_once: int | None = None, run: Any = run_task) -> None:
        if at_once is not None and at_once < 1:
            raise ValueError(f'jobs: expected 1 or more, got {at_once}')
        check_ray()
        import ray

        self._ray = ray
        self._run = run
        self._address = address
        self._is_own = not ray.is_initialized()
        if self._is_own:
            self._connect(address)
        self.size = sys.maxsize if at_once is None else at_once
        self._identity = code_identity()
        self._remote: dict[bool, Any] = {}  # by whether it needs a GPU

    def _connect(self, address: str) -> None:
        os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # nothing is reported to anybody
        more = {'include_dashboard': False} if address == 'local' else {}
        try:
            self._ray.init(
                address=address, log_to_driver=False, logging_level=logging.ERROR, **more
            )
        except (OSError, RuntimeError, ValueError) as error:
            reason = ' '.join(str(error).split())
            raise ValueError(f'cluster {address}: cannot be reached: {reason}') from error

    def submit(self, task: BagTask) -> Future[Outcome]:
        """See `Workers.submit`.

        Raises:
            ValueError: The task needs a GPU, and the cluster has none.
        """
        absolute = portable(task)
        remote = self._function(needs_gpu=task.method.device != 'cpu')
        reference = remote.remote(self._run, absolute, comparable(absolute), self._identity)
        future: Future[Outcome] = reference.future()
        return future

    def _function(self, *, needs_gpu: bool) -> Any:
        if needs_gpu not in self._remote:
            if needs_gpu and not self._ray.cluster_resources().get('GPU'):
                raise ValueError(f'cluster {self._address}: device cuda: no machine has a GPU')
            # Without max_calls a process that used a GPU would end after each bag, and the next
            # one would load the weights again. Attempts are counted by whoever calls.
            settings = {'num_cpus': 1, 'max_retries': 0, 'max_calls': 0}
            decorate = self._ray.remote(num_gpus=1 if needs_gpu else 0, **settings)
            self._remote[needs_gpu] = decorate(run_there)
        return self._remote[needs_gpu]

    def result(self, future: Future[Outcome]) -> Outcome:
        """See `Workers.result`; a fault of one machine is one of the bag, and others go on."""
        faults = self._ray.exceptions
        lost = (
            faults.WorkerCrashedError,
            faults.NodeDiedError,
            faults.LocalRayletDiedError,
            faults.OutOfMemoryError,
            faults.ObjectLostError,
        )
        try:
            return future.result()
        except lost as error:
            raise WorkerLostError(str(error).partition('\n')[0]) from error
        except faults.RayError as error:  # vis_ros is missing there, or does not load
            reason = str(error).strip().splitlines()[-1]  # above it are tracebacks of Ray
            return f'cluster {self._address}: {reason}'

    def close(self) -> None:
        """Leave the cluster, which ends what still runs there for this process."""
        if self._is_own:
            self._ray.shutdown()


def run_there(
    run: Any, task: BagTask, expected: Mapping[str, Any], identity: Mapping[str, str]
) -> Outcome:
    """Run a task on a machine of the cluster if it sees there what the asking machine sees.

    Args:
        run: What runs it.
        task: With absolute paths.
        expected: Its `comparable`, over there.
        identity: The `code_identity` over there.
    """
    where = f'{task.path} on {platform.node()}'
    if fault := difference('software', identity, code_identity()):
        return f'{where}: {fault}'
    try:
        if fault := difference('task', expected, comparable(task)):
            return f'{where}: {fault}'
        outcome: Outcome = run(task)
    except (ValueError, OSError) as error:  # a path that is not there, weights that do not load
        return f'{where}: {error}'
    return outcome if isinstance(outcome, VideoRuns) else f'{outcome} (on {platform.node()})'


def code_identity() -> dict[str, str]:
    """Return what must be the same on two machines so that they give the same results."""
    root = Path(vis_ros.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob('*.py')):
        inner = path.relative_to(root)
        if inner.parts[0] not in _APART:
            digest.update(inner.as_posix().encode() + b'\0' + path.read_bytes())
    found = {'vis_ros': f'{vis_ros.__version__} ({digest.hexdigest()[:12]})'}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name).partition('+')[0]  # +cpu, +cu130
        except importlib.metadata.PackageNotFoundError:
            found[name] = 'missing'
    return found


def comparable(task: BagTask) -> dict[str, Any]:
    """Return the key of a task without the times of files, which copies need not keep.

    Raises:
        ValueError: The method or an option of it is not right.
        OSError: The bag or a file cannot be read.
    """
    key = task.key()
    return key | {name: key[name] and key[name][0] for name in _STATES}


def difference(what: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Return how two mappings with the same keys differ, or an empty text."""
    parts = [
        f'{name} is {here.get(name)!r}, the machine that asks has {value!r}'
        for name, value in there.items()
        if here.get(name) != value
    ]
    return f'another {what}: {"; ".join(parts)}' if parts else ''


def portable(task: BagTask) -> BagTask:
    """Return a task that means the same in whichever folder and on whichever machine it runs.

    Paths become absolute. The number of a GPU goes: Ray chooses it, and the task sees no other.
    """
    method = dataclasses.replace(task.method, device=task.method.device.partition(':')[0])
    weights = Path(method.weights).expanduser()
    if method.weights not in manifest() and weights.is_file():
        method = dataclasses.replace(method, weights=str(weights.resolve()))
    file = task.truth.file
    truth = dataclasses.replace(task.truth, file=file and file.resolve())
    return dataclasses.replace(task, path=task.path.resolve(), method=method, truth=truth)
