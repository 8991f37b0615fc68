# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each of our own Triton kernels beside what it stands for, on an NVIDIA GPU.

    python benchmarks/kernels.py [--repetitions 50] [--json FILE]

Each repetition runs all ways of every case in turn, so that a drift of the machine hits all alike.
A time is from the end of the way before to the end of this one in the GPU's stream: where the host
needs longer to queue the work, or waits in between as `torchvision.ops.nms` does, it counts. The
ratio is the median over repetitions. Bars: all ways say the same. Without a GPU it exits with 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from bars import check_least, conclude
from stages import machine
from stopwatch import Stopwatch
from torch import Tensor

from vis_ros.nn.rgnn.masks import labels_at_once
from vis_ros.ops import kernels
from vis_ros.ops.nms import float32_below, greedy_nms, nms_in_steps

KERNEL = 'kernel'
PICTURES = ((480, 864), (720, 1280), (1080, 1920))
BOXES = (300, 1000, 5000)
MAX_OVERLAP, LIMIT, BACKGROUND = 0.5, 100, 10.0
MAX_DIFFERENT = 1e-3  # of the pixels; scores are random, some are equal but for rounding


class Case(NamedTuple):
    """Ways to compute one thing.

    Args:
        title: What is computed.
        ways: By name, the kernel first; each gives tensors.
    """

    title: str
    ways: Mapping[str, Callable[[], tuple[Tensor, ...]]]


def label_case(size: tuple[int, int], tracks: int, device: torch.device) -> Case:
    """Return the label image of a picture; scores come from maps of an eighth of its size."""
    from vis_ros.ops.kernels.label_image import label_image

    generator = torch.Generator(device).manual_seed(0)
    cells = (size[0] // 8, size[1] // 8)
    scores = torch.randn(tracks, *cells, generator=generator, device=device) * 10
    ways = {
        KERNEL: lambda: (label_image(scores, size, BACKGROUND),),
        'torch': lambda: (labels_at_once(scores, size, BACKGROUND),),
    }
    return Case(f'label image {size[0]}x{size[1]}, {tracks} tracks', ways)


def nms_case(count: int, device: torch.device) -> Case:
    """Return the NMS of random boxes, all of them candidates."""
    generator = torch.Generator(device).manual_seed(0)
    corners = torch.rand(count, 2, generator=generator, device=device) * 800
    sides = torch.rand(count, 2, generator=generator, device=device) * 200
    boxes = torch.cat((corners, corners + sides), dim=1)
    scores = torch.rand(count, generator=generator, device=device)
    given = (boxes, scores, torch.ones_like(scores, dtype=torch.bool))
    ways = {
        KERNEL: lambda: greedy_nms(*given, MAX_OVERLAP, LIMIT),
        'torchvision': lambda: _torchvision(*given),
        'torch in steps': lambda: nms_in_steps(*given, float32_below(MAX_OVERLAP), LIMIT),
    }
    return Case(f'NMS of {count} boxes, {LIMIT} kept', ways)


def _torchvision(boxes: Tensor, scores: Tensor, is_candidate: Tensor) -> tuple[Tensor, Tensor]:
    from torchvision.ops import nms

    pick = torch.nonzero(is_candidate)[:, 0]
    best = pick[nms(boxes[pick], scores[pick], MAX_OVERLAP)[:LIMIT]]
    index = torch.zeros(LIMIT, dtype=torch.int64, device=boxes.device)
    index[: len(best)] = best
    return index, torch.arange(LIMIT, device=boxes.device) < len(best)


def spans_of(case: Case, device: torch.device) -> dict[str, float]:
    """Return how long each way takes, once [ms]."""
    watch = Stopwatch(device)
    watch.note('')
    for name, work in case.ways.items():
        work()
        watch.note(name)
    return watch.spans_ms()


def peak_mb(work: Callable[[], Any], device: torch.device) -> float:
    """Return how much memory of the GPU a way needs at most [MB], with its result."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    return (torch.cuda.max_memory_allocated(device) - before) / 1e6


def different(case: Case) -> float:
    """Return the largest share of numbers in which a way differs from the kernel."""
    ways = iter(case.ways.values())
    own = next(ways)()
    shares = [
        (mine != other).double().mean().item()
        for work in ways
        for mine, other in zip(own, work(), strict=True)
    ]
    return max(shares)


def measure(
    cases: Sequence[Case], device: torch.device, repetitions: int, warm_up: int
) -> list[dict[str, Any]]:
    """Return the figures of each case."""
    spans: list[list[dict[str, float]]] = [[] for _ in cases]
    for repetition in range(warm_up + repetitions):
        for index, case in enumerate(cases):
            found = spans_of(case, device)
            if repetition >= warm_up:
                spans[index].append(found)
    return [figures(case, own) for case, own in zip(cases, spans, strict=True)]


def figures(case: Case, spans: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return medians over repetitions."""
    ratios = {
        name: round(float(np.median([one[name] / max(one[KERNEL], 1e-6) for one in spans])), 2)
        for name in case.ways
        if name != KERNEL
    }
    times = {name: round(float(np.median([one[name] for one in spans])), 4) for name in case.ways}
    return {'case': case.title, 'ms': times, 'times_the_kernel': ratios}


def verdicts(cases: Sequence[Case]) -> list[tuple[str, bool]]:
    """Return for each case whether all ways say the same."""
    shares = [(case.title, different(case)) for case in cases]
    return [
        (f'{title}: {share:.4%} differ, at most {MAX_DIFFERENT:.1%}', share <= MAX_DIFFERENT)
        for title, share in shares
    ]


def show(found: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each way of each case."""
    for one in found:
        print(one['case'])
        for name, time_ms in one['ms'].items():
            ratio = one['times_the_kernel'].get(name)
            memory = one.get('peak_mb', {}).get(name)
            print(
                f'  {name:16}{time_ms:10.4f} ms'
                + (f'{memory:10.1f} MB' if memory is not None else '')
                + (f'{ratio:8.2f} times the kernel' if ratio is not None else '')
            )


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--tracks', type=int, default=24)
    parser.add_argument('--repetitions', type=int, default=50)
    parser.add_argument('--warm-up', type=int, default=5)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(given)
    check_least(parser, args, {'tracks': 1, 'repetitions': 1, 'warm_up': 1})
    return args


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when all ways say the same, 2 where the kernels cannot run."""
    args = arguments(given)
    if not torch.cuda.is_available():
        print('the kernels need a CUDA device, and there is none', file=sys.stderr)
        return 2
    device = torch.device('cuda', torch.cuda.current_device())
    if not kernels.can_run(device):
        print(f'the kernels cannot run on {torch.cuda.get_device_name()}', file=sys.stderr)
        return 2
    cases = [label_case(size, args.tracks, device) for size in PICTURES]
    cases += [nms_case(count, device) for count in BOXES]
    with torch.inference_mode():
        found = measure(cases, device, args.repetitions, args.warm_up)
        for case, one in zip(cases, found, strict=True):
            one['peak_mb'] = {n: round(peak_mb(w, device), 1) for n, w in case.ways.items()}
        bars = verdicts(cases)
    about = machine()
    print(', '.join(f'{name} {value}' for name, value in about.items()))
    show(found)
    return conclude(bars, {'machine': about, 'cases': found}, args.json)


if __name__ == '__main__':
    sys.exit(main())
