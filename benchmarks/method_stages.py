# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI or VisSTG: the stages of a step, and a stream that goes on for long.

    python benchmarks/method_stages.py visstg [--network small] [--frames 10000] [--json FILE]

The parameters are random, all thresholds are open, and frames are noise. For the stages of VisSTG
who is who is put in its place after it was computed, so that each step continues 10 tracks; the
long stream is left alone, with small pictures: its tracks begin and end all the time. On a CPU
with one thread times are those of the thread, so that other programs count little. Bars: graph and
warp of VisSTG take at most 20 % of a step, the last tenth of the long stream at most 1.3 times as
long as the first, and its state does not grow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import steps
import torch
from bars import conclude
from stages import machine

from vis_ros.methods import iai, visstg
from vis_ros.nn.condinst.config import NETWORKS
from vis_ros.nn.visstg import instances

TRACKS = 10
MAX_SHARE = 0.2
SMALL_PICTURE = (64, 96)


@dataclass(frozen=True)
class Plan:
    """What is measured of a method.

    Args:
        options: Of the method.
        stages: Names in their order.
        places: Where they end, but for the last one, see `stopwatch.noted`.
        steadied: Holds what a step finds at `TRACKS` tracks while it is entered.
        barred: Stages that share a bar, at most `MAX_SHARE` of the step.
    """

    options: Mapping[str, Any]
    stages: tuple[str, ...]
    places: Callable[[Any], Sequence[tuple[Any, str, str]]]
    steadied: Callable[[Any], AbstractContextManager[Any]]
    barred: tuple[str, ...] = ()


def _iai_places(method: Any) -> Sequence[tuple[Any, str, str]]:
    model = method._model
    return (
        (iai, 'prepare', 'input'),
        (model.image, 'look', 'backbone'),
        (model, 'associate', 'association'),
        (model.image, 'interpret', 'pyramid, head'),
        (model, 'understand', 'ID head'),
        (iai, 'detect', 'selection, masks'),
        (method, '_assign', 'assignment'),
        (method, '_remember', 'memory of the network'),
        (iai, 'pixel_owners', 'masks in the image'),
    )


def _visstg_places(method: Any) -> Sequence[tuple[Any, str, str]]:
    model = method._model
    return (
        (visstg, 'prepare', 'input'),
        (model, 'look', 'backbone, pyramid'),
        (model, 'relate', 'graph'),
        (visstg, 'view_of', 'branches, selection'),
        (method, '_match', 'association'),
        (method, '_claim', 'slots'),
        (instances, 'masks_of', 'masks'),
        (model, 'propagate', 'warp'),
        (visstg, 'pixel_owners', 'masks in the image'),
    )


def _all_go_on(method: Any) -> AbstractContextManager[Any]:
    """Let each detection continue the track of its row, after the method has said which."""
    match = method._match

    def matched(view: Any, known: Any, memory: Any) -> np.ndarray:
        match(view, known, memory)
        count = int(known.is_real.sum())
        if count not in (0, TRACKS):
            raise RuntimeError(f'expected {TRACKS} tracks, got {count}')
        return np.arange(count)

    return patch.object(method, '_match', matched)


PLANS: Mapping[str, Plan] = {
    'iai': Plan(
        {**steps.OPEN['iai'], 'detections.limit': TRACKS},
        (
            'input',
            'backbone',
            'association',
            'pyramid, head',
            'ID head',
            'selection, masks',
            'assignment',
            'memory of the network',
            'masks in the image',
            'memory, packing',
        ),
        _iai_places,
        nullcontext,
    ),
    'visstg': Plan(
        {**steps.OPEN['visstg'], 'detections.limit': TRACKS, 'memory.capacity': TRACKS},
        (
            'input',
            'backbone, pyramid',
            'graph',
            'branches, selection',
            'association',
            'slots',
            'masks',
            'warp',
            'masks in the image',
            'memory, packing',
        ),
        _visstg_places,
        _all_go_on,
        ('graph', 'warp'),
    ),
}


def build(name: str, network: str, device: str, picture: tuple[int, int] | None = None) -> Any:
    """Return a method with random parameters.

    Args:
        name: Of the method.
        network: Its option of that name.
        device: That of torch.
        picture: Rows and columns of its input; by default those of the network.
    """
    method = steps.random_method(name, network, device, PLANS[name].options)
    if picture is not None:
        _owner_of_sizes(method).config = replace(
            _owner_of_sizes(method).config, short_side=picture[0], long_side=picture[1]
        )
    return method


def _owner_of_sizes(method: Any) -> Any:
    return getattr(method._model, 'image', method._model)


def frames(method: Any, count: int) -> Iterator[Any]:
    """Yield frames of noise, as large as the network wants them."""
    config = _owner_of_sizes(method).config
    width = min(config.long_side, config.short_side * 16 // 9)
    return steps.frames(config.short_side, width, count)


def stages_of(name: str, method: Any, repetitions: int, warm_up: int) -> dict[str, float]:
    """Return the median time of each stage of a step [ms]; the first step, without a past, is
    never counted.
    """
    plan, count = PLANS[name], max(1, warm_up)
    with plan.steadied(method):
        given = frames(method, count + repetitions)
        return steps.stages_of(method, plan.stages, plan.places(method), given, count)


def verdicts(name: str, found: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return each bar in words, and whether it is kept."""
    bars, plan = steps.growth_bars(found['long_stream']), PLANS[name]
    if plan.barred:
        spans = found['stages_ms']
        share = sum(spans[stage] for stage in plan.barred) / sum(spans.values())
        words = f'{" and ".join(plan.barred)} {share:.1%} of a step, at most {MAX_SHARE:.0%}'
        bars.append((words, share <= MAX_SHARE))
    return bars


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = steps.command_line(__doc__, NETWORKS)
    parser.add_argument('method', choices=PLANS)
    parser.add_argument('--warm-up', type=int, default=3)
    return steps.parsed(parser, given)


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args = arguments(given)
    torch.set_num_threads(args.threads)
    method = build(args.method, args.network, args.device)
    small = build(args.method, args.network, args.device, SMALL_PICTURE)
    found = {
        'machine': machine(),
        'method': args.method,
        'network': args.network,
        'device': args.device,
        'stages_ms': stages_of(args.method, method, args.repetitions, args.warm_up),
        'long_stream': steps.long_stream(small, frames(small, args.frames)),
    }
    print(', '.join(f'{name} {value}' for name, value in found['machine'].items()))
    steps.show_stages(found['stages_ms'])
    print(f'\n{found["long_stream"]}')
    return conclude(verdicts(args.method, found), found, args.json)


if __name__ == '__main__':
    sys.exit(main())
