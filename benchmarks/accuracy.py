# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Do other precisions and compilers cost accuracy? Shipped weights on held-out synthetic videos.

    python benchmarks/accuracy.py [--device cuda] [--method rgnnvis_pp] [--videos N] [--json FILE]

Each way to run a method follows the same videos; AP and IDF1 of its tracks stand beside those of
float32 without an accelerator. Bar: no AP differs by more than 0.2 points. A single track can move
the AP of a few videos by more than that, so each difference comes with its standard error: where
it is not far below the bar, more videos are needed to tell a loss from chance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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
from vis_ros.evaluation.ytvis import Annotations, Video
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
_GROUPS = 20
_PERIOD_NS = 100_000_000
Pictures = Sequence[np.ndarray]
Tracks = Sequence[Sequence[ResultTrack]]  # of each video
Figures = dict[str, Any]


def videos_of(benchmark: str, count: int) -> tuple[list[Pictures], Annotations]:
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


def evaluated(tracks: Tracks, truth: Annotations, without: Collection[int] = ()) -> Figures:
    """Return AP and IDF1 of the tracks of each video; leave out the videos `without`, from 1."""
    if without:  # for the standard error, which AP alone has
        left = {number: video for number, video in truth.videos.items() if number not in without}
        kept = tuple(track for track in truth.tracks if track.video_id in left)
        truth = replace(truth, videos=left, tracks=kept)
    found = [track for n, own in enumerate(tracks, start=1) if n not in without for track in own]
    values = evaluate(truth, found, with_tracking=not without).figures()
    return {key: float(values[key]) for key in ('AP', 'IDF1') if key in values}


def standard_error(own: Tracks, plain: Tracks, truth: Annotations) -> float | None:
    """Return that of the difference of two ways' AP on the same videos; None with one video.

    The jackknife, leaving out one group of videos after the other.
    """
    groups = min(len(own), _GROUPS)
    if groups < 2:
        return None
    changes = []
    for first in range(1, groups + 1):
        without = range(first, len(own) + 1, groups)
        changes.append(
            evaluated(own, truth, without)['AP'] - evaluated(plain, truth, without)['AP']
        )
    return float(np.std(changes)) * (groups - 1) ** 0.5


def verdicts(ways: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return the bar of each way and benchmark in words, and whether it is kept."""
    plain = ways['/'.join(PLAIN)]
    bars = []
    for way, found in ways.items():
        for name, own in found.items():
            if found is not plain:
                change = own['AP'] - plain[name]['AP']
                error = own['standard_error']
                doubt = '' if error is None else f' (standard error {100 * error:.2f})'
                words = f'AP {100 * own["AP"]:.2f}, float32 {100 * plain[name]["AP"]:.2f}'
                words = f'{way} on {name}: {words}: {100 * change:+.2f}{doubt}'
                bars.append((words, abs(change) <= MAX_CHANGE))
    return bars


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args = arguments(given)
    torch.set_num_threads(args.threads)
    counts = {name: args.videos or find_benchmark(name).heldout for name in args.benchmarks}
    videos = {name: videos_of(name, count) for name, count in counts.items()}
    pairs = [PLAIN, *(p for p in product(args.precisions, args.accelerate) if p != PLAIN)]
    ways: dict[str, dict[str, Any]] = {}
    plain: dict[str, Tracks] = {}
    for precision, accelerate in pairs:
        options = {'precision': precision, 'accelerate': accelerate}
        method: Any = build_method(args.method, device=args.device, **options)
        if method.accelerator != accelerate:  # there was a warning
            continue
        own = ways[f'{precision}/{accelerate}'] = {}
        for name, (pictures, truth) in videos.items():
            tracks = [follow(method, number, shown) for number, shown in enumerate(pictures, 1)]
            own[name] = evaluated(tracks, truth)
            if (precision, accelerate) == PLAIN:
                plain[name] = tracks
            else:
                own[name]['standard_error'] = standard_error(tracks, plain[name], truth)
        print(f'{precision}/{accelerate}: {own}', flush=True)
    document = {
        'machine': machine(),
        'method': args.method,
        'device': args.device,
        'videos': counts,
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
    parser.add_argument('--videos', type=int, help='of each (its whole held-out part)')
    parser.add_argument('--precisions', nargs='+', choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument('--accelerate', nargs='+', choices=ACCELERATORS, default=ACCELERATORS)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(given)
    check_least(parser, args, {'threads': 1} | ({} if args.videos is None else {'videos': 1}))
    return args


if __name__ == '__main__':
    sys.exit(main())
