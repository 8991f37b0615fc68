# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR: the stages of a step, streaming against clips, and a stream that goes on for long.

    python benchmarks/ifr_stages.py [--network small] [--frames 1000] [--json FILE]

The parameters are random and all thresholds are open, so that every query is a track in every
frame. On a CPU with one thread times are those of the thread, so that other programs count little.
What counts are ratios: of each stage to the step, of clips to the stream (the same frames, time
for each), and of the last tenth of a long stream to its first (bar: at most 1.3, and no tensor of
its state grows).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import steps
import torch
from bars import conclude
from stages import machine
from stopwatch import Stopwatch

from vis_ros.methods import ifr
from vis_ros.methods.ifr import IfrMethod
from vis_ros.nn.ifr.config import NETWORKS
from vis_ros.structures import Frame

STAGES = (
    'input',
    'backbone',
    'pixel decoder',
    'recurrent decoder',
    'mask logits, selection',
    'masks in the image',
    'memory, packing',
)
MODES: Mapping[str, Mapping[str, Any]] = {
    'stream': {},
    'stream without recurrence': {'model.recurrence': 'none'},
    'clips, T = 2': {'mode': 'clip', 'clip.length': 2, 'clip.stride': 1},
    'clips, T = 5': {'mode': 'clip', 'clip.length': 5, 'clip.stride': 3},
    'clips, T = 5, each frame': {'mode': 'clip', 'clip.length': 5, 'clip.stride': 1},
    'whole video': {'mode': 'clip', 'clip.length': 10_000},
}


def build(network: str, device: str, **options: Any) -> IfrMethod:
    """Return a method in which every query is a track."""
    return steps.random_method('ifr', network, device, {**steps.OPEN['ifr'], **options})


def frames(method: IfrMethod, count: int) -> Iterator[Frame]:
    """Yield frames of noise, as large as the network wants them."""
    sizes = method._model.sizes
    width = min(sizes.long_side, sizes.short_side * 16 // 9)
    return steps.frames(sizes.short_side, width, count)


def places_of(method: IfrMethod) -> Sequence[tuple[Any, str, str]]:
    """Return where the stages of the method's steps end, but for the last one; see `noted`."""
    model = method._model
    return (
        (ifr, 'prepare', 'input'),
        (model.backbone, 'forward', 'backbone'),
        (model, 'see', 'pixel decoder'),
        (model, 'decode', 'recurrent decoder'),
        (ifr, 'shown', 'mask logits, selection'),
        (ifr, 'masks_at_source', 'masks in the image'),
    )


def stages_of(method: IfrMethod, repetitions: int, warm_up: int) -> dict[str, float]:
    """Return the median time of each stage of a step of a stream [ms]; see `steps.stages_of`."""
    given = frames(method, warm_up + repetitions)
    return steps.stages_of(method, STAGES, places_of(method), given, warm_up)


def video_ms(method: IfrMethod, count: int) -> float:
    """Return the time of a video for each of its frames [ms]."""
    state, watch = method.init_state(), Stopwatch(method.device)
    watch.note('')
    for frame in frames(method, count):
        state, _ = method.step(state, frame)
    method.flush(state)
    watch.note('all')
    return sum(watch.spans_ms().values()) / count


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    methods = {
        name: build(args.network, args.device, **options) for name, options in MODES.items()
    }
    rounds = [
        {name: video_ms(method, args.video) for name, method in methods.items()}
        for _ in range(args.rounds)
    ]
    times = {name: float(np.median([one[name] for one in rounds])) for name in MODES}
    return {
        'machine': machine(),
        'network': args.network,
        'device': args.device,
        'stages_ms': stages_of(methods['stream'], args.repetitions, args.warm_up),
        'frame_ms': {name: round(value, 3) for name, value in times.items()},
        'against_stream': {n: round(v / times['stream'], 3) for n, v in times.items()},
        'long_stream': steps.long_stream(
            methods['stream'], frames(methods['stream'], args.frames)
        ),
    }


def show(found: Mapping[str, Any]) -> None:
    """Print the figures."""
    steps.show_stages(found['stages_ms'])
    print(f'\n{"mode":28}{"ms/frame":>10}{"/ stream":>10}')
    for name, value in found['frame_ms'].items():
        print(f'{name:28}{value:10.3f}{found["against_stream"][name]:10.2f}')
    print(f'\n{found["long_stream"]}')


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = steps.command_line(__doc__, NETWORKS)
    parser.add_argument('--warm-up', type=int, default=3)
    parser.add_argument('--video', type=int, default=12, help='frames of the modes (%(default)s)')
    parser.add_argument('--rounds', type=int, default=3, help='of the modes (%(default)s)')
    return steps.parsed(parser, given, video=1, rounds=1)


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args = arguments(given)
    torch.set_num_threads(args.threads)
    found = measure(args)
    print(', '.join(f'{name} {value}' for name, value in found['machine'].items()))
    show(found)
    return conclude(steps.growth_bars(found['long_stream']), found, args.json)


if __name__ == '__main__':
    sys.exit(main())
