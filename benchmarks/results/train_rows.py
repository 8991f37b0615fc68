# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trains and scores the learned rows of docs/results.md; a row that is stored is not run again.

    python benchmarks/results/train_rows.py --work WORK [--only ROW ...] [--shard 0/2]

WORK holds data/{easy,crowded,long} (`vis_ros synth`), and gets runs/ and cache/. A run that was
killed goes on from its checkpoint. Two processes with --shard 0/2 and 1/2 use two cores.
"""

from __future__ import annotations

import argparse
import csv
import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from common import (
    ROOT,
    TUNED,
    HeldOut,
    best_threshold,
    figures,
    read_rows,
    store,
    stored,
)

from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.weights import sha256_of


def main() -> int:
    """Run the rows that are missing."""
    args = arguments()
    rows = read_rows()
    jobs = [
        (name, row, seed)
        for part in ('main', 'ablation', 'extension')
        for name, row in rows[part].items()
        for seed in range(row.get('seeds', 2))
        if not args.only or name in args.only
    ]
    jobs.sort(key=lambda job: job[2])  # one seed of every row before the next
    shard, shards = map(int, args.shard.split('/'))
    torch.set_num_threads(1)
    for name, row, seed in jobs[shard::shards]:
        key = f'{name}-{seed}'
        if stored(key) is None:
            print(f'== {key}', flush=True)
            run(args, rows, key, row, seed)
    return 0


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work', type=Path, required=True)
    parser.add_argument('--detector', type=Path, help='weights (models/synth_small.safetensors)')
    parser.add_argument('--only', nargs='*', default=[], metavar='ROW')
    parser.add_argument('--shard', default='0/1', metavar='I/N')
    args = parser.parse_args()
    args.detector = (args.detector or ROOT / 'models' / 'synth_small.safetensors').resolve()
    return args


def run(args: argparse.Namespace, rows: dict[str, Any], key: str, row: Any, seed: int) -> None:
    """Train and score one row with one seed."""
    out = args.work.resolve() / 'runs' / key
    values = {**row['set'], 'schedule.seed': seed, 'detector': str(args.detector)}
    command = [sys.executable, '-m', 'vis_ros.cli', 'train', 'tracker', '--device', 'cpu']
    command += ['--config', str(ROOT / rows['recipe']), '--out', str(out)]
    command += [
        f'--set={name}={str(v).lower() if isinstance(v, bool) else v}'
        for name, v in values.items()
    ]
    done = subprocess.run(command, cwd=args.work, stderr=subprocess.PIPE, text=True)
    document: dict[str, Any] = {
        'row': key.rpartition('-')[0],
        'seed': seed,
        'set': row['set'],
        'detector_sha256': sha256_of(args.detector),
    }
    if done.returncode and 'the loss is no number' in done.stderr:
        store(key, {**document, 'diverged': done.stderr.strip().splitlines()[-1]})
        return
    if done.returncode:
        raise SystemExit(done.stderr)

    def parts(part: str, last: int) -> list[HeldOut]:
        """Return that part of each benchmark; of training parts the last videos, kept out."""
        folders = [args.work / 'data' / name / part for name in rows['benchmarks']]
        return [part_of(x, args.detector, args.work / 'cache', last) for x in folders]

    weights = out / 'model.safetensors'
    method: Any = build_method(values.get('method', 'rgnnvis'), weights=str(weights))
    document['training'] = training_log(out)
    document['threshold'] = best_threshold(
        [(p.annotations, p.run(method)) for p in parts('train', TUNED)]
    )
    for name, part in zip(rows['benchmarks'], parts('heldout', 0), strict=True):
        document[name] = figures(part.annotations, part.run(method), document['threshold'])
        print(key, name, document[name], flush=True)
    store(key, document)


@functools.cache
def part_of(folder: Path, detector: Path, cache: Path, last: int) -> HeldOut:
    """Return a part of a benchmark; what was read once is not read again for the next row."""
    found = HeldOut(folder, detector, cache, last=last)
    found.fill(detector)
    return found


def training_log(out: Path) -> dict[str, Any]:
    """Return how the training went: validations, and the last row of the losses."""
    with (out / 'validation.csv').open(newline='') as file:
        validations = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    with (out / 'train.csv').open(newline='') as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    seconds = sum(row['seconds_per_step'] for row in rows) / len(rows)
    return {'validations': validations, 'last': rows[-1], 'seconds_per_step': round(seconds, 3)}


if __name__ == '__main__':
    sys.exit(main())
