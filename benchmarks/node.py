# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From camera bytes to published tracks in the real node: times, counts, and drops, over DDS.

The tracker is `vis_ros node` without ROS, a process of its own with a real method; this process is
the cameras, which show synthetic pictures, and the planner.

    python benchmarks/node.py [--device cuda] [--cameras 8] [--hz 30] [--json FILE]
    python benchmarks/node.py --hz 0 --compare ../older_checkout [--rounds 3]

`callback_to_publish` is from the callback that gets the image message to the published tracks, by
the node's own clock, and `stamp_to_arrival` from the image's stamp to its tracks in this process.
Stage times are of the latest 1000 frames of each camera: with fewer frames those of the warm-up
are among them, and the report says how many. With `--hz 0` each camera shows its next picture when
all have their last result, which only methods without a lag can do.

`--compare` takes the node of another checkout of this repository in turn with this one's. Ratios
above 1 mean that this one is faster; frames a second tell that with `--hz 0` alone. Each takes the
weights that it ships unless `--weights FILE` names some that both can read.

The bars, on a GPU only: with rgnnvis_pp and one camera half of the images are below 5 ms from
callback to publication; with `--cameras 8 --hz 30` no image is dropped. Everywhere each image
ends in one counter, none fails, and the node ends with code 0.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bars import check_least, conclude
from node_turn import Case, pictures, run_turn
from over_dds import ENDS
from stages import machine

from vis_ros.methods import METHODS
from vis_ros.nn.acceleration import ACCELERATORS
from vis_ros.nn.precision import PRECISIONS

ROOT = Path(__file__).resolve().parents[1]
MAX_MS = 5.0  # from callback to publication, half of the images
Turn = Mapping[str, Any]


def verdicts(turn: Turn, case: Case) -> list[tuple[str, bool]]:
    """Return each bar of a turn in words, and whether it is kept."""
    counts = turn['counts']
    parts = ' + '.join(f'{counts[name]} {name}' for name in ENDS)
    return [
        (f'{counts["received"]} received = {parts}', counts['open'] == 0),
        (
            f'{counts["heard"]} results came of {counts["published"]} published',
            counts['heard'] == counts['published'] > 0,
        ),
        (f'{counts["failed"]} images failed', counts['failed'] == 0),
        (f'the node ended with {turn["exit_code"]}', turn['exit_code'] == 0),
        *(gpu_verdicts(turn, case) if case.parameters['device'] == 'cuda' else ()),
    ]


def gpu_verdicts(turn: Turn, case: Case) -> list[tuple[str, bool]]:
    """Return the bars that a GPU has to keep."""
    bars, counts = [], turn['counts']
    if case.cameras == 1 and case.parameters['method'] == 'rgnnvis_pp':
        times = turn['stages_ms'].get('callback_to_publish', {})
        p50 = times.get('p50', float('nan'))
        bars.append((f'callback to publication {p50:.2f} ms, below {MAX_MS:g} ms', p50 < MAX_MS))
    if case.cameras == 8 and case.hz == 30:
        missed = counts['dropped'] + counts['lost_on_the_way']
        wanted = case.cameras * case.hz
        text = f'{missed} of {counts["sent"]} images dropped or lost, none allowed, with '
        text += f'{turn["images_a_second"]:.1f} images a second of {wanted:g}'
        bars.append((text, missed == 0 and turn['images_a_second'] > 0.98 * wanted))
    return bars


def ratios(own: Sequence[Turn], other: Sequence[Turn], hz: float) -> dict[str, list[float]]:
    """Return how many times as fast this checkout is, in each round, by what both measure.

    Args:
        own: Turns of this checkout.
        other: Those of the other one.
        hz: Images a second of each camera; 0 for as many as go.
    """
    rounds = list(zip(own, other, strict=True))
    found = {'stamp_to_arrival': [_ratio(b, a, 'stamp_to_arrival_ms', 'p50') for a, b in rounds]}
    stage = 'callback_to_publish'
    if all(stage in turn['stages_ms'] for pair in rounds for turn in pair):
        found[stage] = [_ratio(b, a, 'stages_ms', stage, 'p50') for a, b in rounds]
    if hz == 0:
        found['frames_a_second'] = [_ratio(a, b, 'frames_a_second') for a, b in rounds]
    return found


def _ratio(above: Any, below: Any, *keys: str) -> float:
    for key in keys:
        above, below = above[key], below[key]
    return round(above / below, 3)


def measure(args: argparse.Namespace, case: Case) -> dict[str, list[dict[str, Any]]]:
    """Run the turns; return the figures of this checkout's, `own`, and of the other one's."""
    images = pictures(*case.picture)
    checkouts = {'own': ROOT, **({'other': args.compare} if args.compare else {})}
    turns: dict[str, list[dict[str, Any]]] = {whose: [] for whose in checkouts}
    for _ in range(args.rounds or (3 if args.compare else 1)):
        for whose, checkout in checkouts.items():
            about = {'checkout': str(checkout), 'commit': commit_of(checkout)}
            turns[whose].append({**about, **run_turn(checkout, case, images)})
            print_turn(turns[whose][-1])
    return turns


def commit_of(checkout: Path) -> str:
    """Return the commit of a checkout, with a + where files were changed; empty without git."""
    words = ['git', '-C', str(checkout), 'describe', '--always', '--exclude=*', '--dirty=+']
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def print_turn(turn: Turn) -> None:
    """Print the figures of a turn."""
    place = f'{turn["checkout"]} {turn["commit"]}'.rstrip()
    shown, done = turn['images_a_second'], turn['frames_a_second']
    print(f'{place}: {done:.2f} frames a second of {shown:.2f} images')
    print('  ' + ', '.join(f'{name} {value}' for name, value in turn['counts'].items()))
    times = {**turn['stages_ms'], 'stamp_to_arrival': turn['stamp_to_arrival_ms']}
    print(f'  {"[ms]":22}{"p50":>10}{"p95":>10}{"p99":>10}')
    for name, points in times.items():
        print(f'  {name:22}' + ''.join(f'{value:10.2f}' for value in points.values()))
    if among := turn['warm_up_frames_among_times']:
        print(f'  {among} frames of the warm-up are among the times of the stages')
    sys.stdout.flush()


def case_of(args: argparse.Namespace) -> Case:
    """Return what the command line asks for.

    Raises:
        ValueError: A setting is no NAME=VALUE.
    """
    weights = Path(args.weights).resolve() if Path(args.weights).is_file() else args.weights
    named = {
        'weights': str(weights),
        'config.precision': args.precision,
        'config.accelerate': args.accelerate,
    }
    values = {'method': args.method, 'device': args.device}
    values |= {name: value for name, value in named.items() if value}
    for setting in args.set:
        name, found, value = setting.partition('=')
        if not found or not name:
            raise ValueError(f'--set {setting!r}: expected NAME=VALUE')
        values[name] = value
    rows, columns = args.picture
    return Case((rows, columns), args.hz, args.cameras, args.seconds, args.warm_up, values)


def arguments(given: Sequence[str] | None) -> tuple[argparse.Namespace, Case]:
    """Return the command line, and the case that it asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--method', default='rgnnvis_pp', choices=sorted(METHODS), metavar='NAME')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'), help='(%(default)s)')
    parser.add_argument('--precision', choices=PRECISIONS, help="(the method's own)")
    parser.add_argument('--accelerate', choices=ACCELERATORS, help="(the method's own)")
    parser.add_argument('--weights', default='', help='name or file (those that ship)')
    parser.add_argument(
        '--set', action='append', default=[], metavar='NAME=VALUE', help='parameter of the node'
    )
    parser.add_argument(
        '--picture', type=int, nargs=2, default=[720, 1280], metavar=('ROWS', 'COLUMNS')
    )
    parser.add_argument('--hz', type=float, default=30.0, help='of each camera (%(default)s)')
    parser.add_argument('--cameras', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=40.0, help='of a turn (%(default)s)')
    parser.add_argument('--warm-up', type=float, default=3.0, metavar='S', help='(%(default)s)')
    parser.add_argument('--compare', type=Path, metavar='CHECKOUT', help='of this repository')
    parser.add_argument('--rounds', type=int, help='of turns (1; 3 with --compare)')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args(given)
    check_least(parser, args, {'hz': 0, 'cameras': 1, 'seconds': 1})
    if args.rounds is not None:
        check_least(parser, args, {'rounds': 1})
    if min(args.picture) < 32 or max(args.picture) > 4096:
        parser.error(f'--picture: expected sides of 32 to 4096, got {args.picture}')
    if args.warm_up <= 0:
        parser.error(f'--warm-up: expected more than 0, got {args.warm_up}')
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('--device: there is no GPU')
    if args.compare and not (args.compare / 'vis_ros' / '__init__.py').is_file():
        parser.error(f'--compare: {args.compare} has no package vis_ros')
    args.compare = args.compare and args.compare.resolve()
    try:
        return args, case_of(args)
    except ValueError as error:
        parser.error(str(error))


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bars are kept."""
    args, case = arguments(given)
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    turns = measure(args, case)
    about = machine()
    print(', '.join(f'{name} {value}' for name, value in about.items()))
    found = ratios(turns['own'], turns['other'], case.hz) if args.compare else {}
    for name, values in found.items():
        each = ', '.join(f'{value:.2f}' for value in values)
        print(f'{np.median(values):.2f} times as fast by {name} ({each})')
    document = {'machine': about, 'case': asdict(case), 'turns': turns, 'times_as_fast': found}
    bars = [bar for turn in turns['own'] for bar in verdicts(turn, case)]
    return conclude(bars, document, args.json)


if __name__ == '__main__':
    sys.exit(main())
