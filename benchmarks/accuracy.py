# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Do other precisions and compilers cost accuracy? Shipped weights on held-out synthetic videos.

    python benchmarks/accuracy.py [--device cuda] [--method rgnnvis_pp] [--videos 10] [--json FILE]

Each way to run a method follows the same videos; AP and IDF1 of its tracks stand beside those of
float32 without an accelerator. Bar: no AP differs by more than 0.2 points.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bars import check_least, conclude
from stages import machine

from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Video
from vis_ros.methods import Method
from vis_ros.nn.acceleration import ACCELERATORS
from vis_ros.nn.precision import PRECISIONS
from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.weights import manifest
from vis_ros.structures import Frame
from vis_ros.synth.config import CLASSES
from vis_ros.synth.video import SynthVideo, find_benchmark, video_seed

MAX_CHANGE = 0.002  # of AP
PLAIN = ('float32', 'none')
_PERIOD_NS = 100_000_000
Pictures = Sequence[np.ndarray]


def videos_of(benchmark: str, count: int) -> tuple[list[Pictures], Any]:
    """Return the pictures of the first held-out videos of a benchmark, and their ground truth."""
    config = find_benchmark(benchmark).config
    pictures, truth = [], []
    for number in range(1, count + 1):
        video = SynthVideo(config, video_seed(benchmark, 'heldout', 0, number))
        shown, labels = zip(*video.frames(), strict=True)
        pictures.append(shown)
        truth.append((np.stack(labels), np.asarray(video.class_ids, np.int64)))
    return pictures, annotations_of(truth, CLASSES)


def follow(method: Method, number: int, pictures: Pictures) -> tuple[ResultTrack, ...]:
    """Return the tracks of a method in a video."""
    height, width = pictures[0].shape[:2]
    video = Video(number, height, width, ('',) * len(pictures))
    gathered = VideoResults(video, range(1, len(CLASSES) + 1))
    state = method.init_state()
    for t, picture in enumerate(pictures):
        state, ready = method.step(state, Frame(picture, t * _PERIOD_NS))
        for result in ready:
            gathered.add(result.stamp_ns // _PERIOD_NS, result)
    _, ready = method.flush(state)
    for result in ready:
        gathered.add(result.stamp_ns // _PERIOD_NS, result)
    return gathered.finish()


def figures(method: Method, videos: Mapping[str, tuple[list[Pictures], Any]]) -> dict[str, Any]:
    """Return AP and IDF1 of a method on each benchmark."""
    found = {}
    for name, (pictures, truth) in videos.items():
        tracks = [
            track
            for number, shown in enumerate(pictures, start=1)
            for track in follow(method, number, shown)
        ]
        values = evaluate(truth, tracks).figures()
        found[name] = {key: round(float(values[key]), 5) for key in ('AP', 'IDF1')}
    return found


def verdicts(ways: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return the bar of each way and benchmark in words, and whether it is kept."""
    plain = ways['/'.join(PLAIN)]
    return [
        (
            f'{way} on {name}: AP {100 * own["AP"]:.2f}, float32 {100 * plain[name]["AP"]:.2f}',
            abs(own['AP'] - plain[name]['AP']) <= MAX_CHANGE,
        )
        for way, found in ways.items()
        for name, own in found.items()
        if found is not plain
    ]


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args = arguments(given)
    torch.set_num_threads(args.threads)
    videos = {name: videos_of(name, args.videos) for name in args.benchmarks}
    pairs = [PLAIN, *(p for p in product(args.precisions, args.accelerate) if p != PLAIN)]
    ways = {}
    for precision, accelerate in pairs:
        options = {'precision': precision, 'accelerate': accelerate}
        method: Any = build_method(args.method, device=args.device, **options)
        if method.accelerator == accelerate:  # else there was a warning
            ways[f'{precision}/{accelerate}'] = figures(method, videos)
            print(f'{precision}/{accelerate}: {ways[f"{precision}/{accelerate}"]}', flush=True)
    document = {
        'machine': machine(),
        'method': args.method,
        'device': args.device,
        'videos': args.videos,
        'ways': ways,
    }
    return conclude(verdicts(ways), document, args.json)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    shipped = sorted({each['method'] for each in manifest().values() if each.get('default')})
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--method', choices=shipped, default='rgnnvis_pp')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--benchmarks', nargs='+', default=['easy', 'crowded'])
    parser.add_argument('--videos', type=int, default=10, help='of each (%(default)s)')
    parser.add_argument('--precisions', nargs='+', choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument('--accelerate', nargs='+', choices=ACCELERATORS, default=ACCELERATORS)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(given)
    check_least(parser, args, {'videos': 1, 'threads': 1})
    return args


if __name__ == '__main__':
    sys.exit(main())
