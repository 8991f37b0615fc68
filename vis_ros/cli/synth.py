# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros synth`: synthetic videos with exact ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import shtab
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

_PARTS = {'train': ('train',), 'heldout': ('heldout',), 'both': ('train', 'heldout')}


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'synth',
        help='make synthetic videos with exact ground truth',
        description='Write a benchmark of synthetic videos as a data set in the form of '
        'YouTube-VIS: OUT/PART/instances.json and OUT/PART/JPEGImages. The same command always '
        'makes the same videos, and video i does not depend on how many there are.',
    )
    parser.add_argument('benchmark', metavar='BENCHMARK', help='easy, crowded or long')
    parser.add_argument(
        '--out', '-o', type=Path, required=True, help='folder'
    ).complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    parser.add_argument('--part', default='both', choices=tuple(_PARTS), help='(%(default)s)')
    parser.add_argument('--train', type=int, metavar='N', help='videos to train with')
    parser.add_argument('--heldout', type=int, metavar='N', help='videos to evaluate with')
    parser.add_argument('--seed', type=int, default=0, help='(%(default)s)')
    parser.add_argument(
        '--config',
        '-c',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='option of the videos, such as noise=0; may be repeated',
    )
    parser.add_argument('--jobs', '-j', type=int, default=1, help='processes (%(default)s)')
    parser.add_argument(
        '--bag',
        action='store_true',
        help='also write OUT/PART/bags/VIDEO: images, and the ground truth as tracks',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace what is in OUT')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from vis_ros.structures.options import replace_config
    from vis_ros.structures.settings import parse_settings
    from vis_ros.synth.data_set import DataSetFolder, Job, write_part
    from vis_ros.synth.video import find_benchmark

    benchmark = find_benchmark(args.benchmark)
    counts = {
        'train': benchmark.train if args.train is None else args.train,
        'heldout': benchmark.heldout if args.heldout is None else args.heldout,
    }
    parts = _PARTS[args.part]
    for name, value, least in (
        ('--seed', args.seed, 0),
        ('--jobs', args.jobs, 1),
        *((f'--{part}', counts[part], 1) for part in parts),
    ):
        if value < least:
            raise ValueError(f'{name}: expected {least} or more, got {value}')
    config = replace_config(benchmark.config, parse_settings(args.config, '--config'))
    console = Console(stderr=True)
    folder = DataSetFolder(args.out, parts, overwrite=args.overwrite)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with folder as work, Progress(*columns, console=console) as progress:
        for part in parts:
            job = Job(benchmark.name, config, part, counts[part], args.seed, with_bags=args.bag)
            bar = progress.add_task(part, total=counts[part])
            for _ in write_part(job, work / part, args.jobs):
                progress.advance(bar)
    written = ' and '.join(f'{counts[part]} videos in {args.out / part}' for part in parts)
    console.print(f'{benchmark.name}: {written}', soft_wrap=True)
    return 0
