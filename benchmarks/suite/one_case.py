# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One case of the suite, in a process of its own, so that its memory can be told.

    python benchmarks/suite/one_case.py '{"method": "iai", ...}'

Prints a JSON object. A step begins with an array on the host and ends with results on the host.
On a CPU with one thread its time is that of the thread, so that other programs count little.
"""

from __future__ import annotations

import itertools
import json
import math
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from speed_cases import FREE, OTHERS, Case

sys.path.insert(0, str(Path(__file__).parents[1]))

import steps
from full_tracker import FullTracker
from roofline import roofline
from stopwatch import clock_of
from torch import nn

from vis_ros.nn.acceleration import AccelerationWarning
from vis_ros.pipeline.build import build_method
from vis_ros.structures import Frame, FrameResult

WARM_UP = 5  # steps that do not count
_LEARNING = 200  # those of `motion`, until it knows the background
_PERIOD_NS = 33_333_333


class Runner(NamedTuple):
    """What takes a step.

    Args:
        step: Takes the next frame of every camera; returns how many objects the last one shows.
        parameters: Bytes of the parameters.
    """

    step: Callable[[], int]
    parameters: int


def measure(case: Case) -> dict[str, Any]:
    """Return the figures of a case; `fallback` says why it ran without its accelerator."""
    torch.set_num_threads(case.threads)
    with warnings.catch_warnings(record=True) as caught, torch.inference_mode():
        warnings.simplefilter('always', AccelerationWarning)
        step, parameters = runner(case)
        start = time.perf_counter()
        for _ in range(_LEARNING if case.method in FREE else min(WARM_UP, case.frames)):
            step()
        ready_s = time.perf_counter() - start
        times, found = [], []
        clock = clock_of(torch.device(case.device))
        for _ in range(case.frames):
            before = clock()
            found.append(step())
            times.append((clock() - before) * 1e3)
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        limit = roofline(step, case, parameters + case.cameras * 3 * math.prod(case.picture))
    fallen = [str(w.message) for w in caught if issubclass(w.category, AccelerationWarning)]
    return {
        **figures(times, case.cameras),
        'warm_up_s': round(ready_s, 2),
        'objects': int(np.median(found)),
        'rss_mib': round(memory_mib, 1),
        **_gpu_memory(case),
        **limit,
        'fallback': fallen[0] if fallen else '',
    }


def figures(times_ms: list[float], cameras: int) -> dict[str, Any]:
    """Return what the times of steps say."""
    quantiles = {f'p{q}_ms': round(float(np.percentile(times_ms, q)), 3) for q in (50, 95, 99)}
    return {
        **quantiles,
        'fps': round(cameras * 1e3 / float(np.mean(times_ms)), 2),
    }


def runner(case: Case) -> Runner:
    """Return what takes the frames of a case."""
    if case.method in OTHERS:
        from other_networks import other

        return Runner(*other(case))
    if case.method.startswith('rgnnvis'):
        return _full_tracker(case)
    method = _method(case)
    streams = [method.init_state() for _ in range(case.cameras)]
    frames = _endless(case)

    def alone() -> int:
        streams[0], results = method.step(streams[0], next(frames))
        return _seen(results)

    def together() -> int:
        done = method.step_many(streams, [next(frames)] * case.cameras)
        for index, each in enumerate(done):
            if isinstance(each, Exception):
                raise each
            streams[index] = each[0]
        return _seen(each[1])

    step = alone if case.cameras == 1 else together
    return Runner(step, _parameters(getattr(method, '_model', None)))


def _seen(results: Sequence[FrameResult]) -> int:
    return sum(track.is_observed for track in results[-1].tracks) if results else 0


def _full_tracker(case: Case) -> Runner:
    tracker = FullTracker(
        case.method,
        case.network,
        case.device,
        case.precision,
        tracks=case.objects,
        detections=case.objects,
        picture=case.picture,
        accelerate=case.accelerate,
        cameras=case.cameras,
    )
    return Runner(lambda: _seen([tracker.step()]), _parameters(tracker.model))


def _parameters(model: nn.Module | None) -> int:
    return 0 if model is None else sum(each.nbytes for each in model.parameters())


def _method(case: Case) -> Any:
    if case.method in FREE:
        return build_method(case.method, device=case.device)
    options = {'precision': case.precision, 'accelerate': case.accelerate, **_busy(case)}
    return steps.random_method(case.method, case.network, case.device, options)


def _busy(case: Case) -> dict[str, Any]:
    """Return the options that let a method find `objects` in each frame, without a lag."""
    n, found = case.objects, dict(steps.OPEN.get(case.method, {}))
    if case.method in ('iai', 'visstg', 'maskprop'):
        found['detections.limit'] = n
    if case.method == 'visstg':
        found['memory.capacity'] = n
    if case.method == 'maskprop':
        found['lookahead'] = 0
    return found


def _endless(case: Case) -> Iterator[Frame]:
    """Yield frames of squares that move to and fro before noise, for those who look at them."""
    rng = np.random.default_rng(0)
    rows, columns = case.picture
    ground = rng.integers(0, 256, (rows, columns, 3), np.uint8)
    side = math.ceil(math.sqrt(case.objects))
    width = columns // (2 * side)
    images = []
    for shift in (0, width // 4, width // 2, width // 4):
        image = ground.copy()
        for index in range(case.objects):
            y = rows * (index // side) // side
            x = columns * (index % side) // side + shift
            image[y : y + rows // (2 * side), x : x + width] = (index * 37 % 256, 255, 0)
        images.append(image)
    for index in itertools.count():
        yield Frame(images[index % len(images)], index * _PERIOD_NS)


def _gpu_memory(case: Case) -> dict[str, Any]:
    if case.device == 'cpu':
        return {}
    return {'gpu_mib': round(torch.cuda.max_memory_allocated() / 2**20, 1)}


if __name__ == '__main__':
    print(json.dumps(measure(Case.of(sys.argv[1]))))
