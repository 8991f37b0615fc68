# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trains and scores the learned rows of docs/results.md; a row that is stored is not run again.

    python benchmarks/results/train_rows.py --work WORK [--only ROW ...] [--shard 0/2]

WORK holds data/{easy,crowded,long} (`vis_ros synth`), and gets runs/ and cache/. A run that was
killed goes on from its checkpoint. Two processes with --shard 0/2 and 1/2 use two cores. --only
takes names of rows, and those of methods for all of their rows.
"""

from __future__ import annotations

import argparse
import csv
import functools
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import end_to_end
import torch
from common import (
    ROOT,
    STORED,
    TUNED,
    HeldOut,
    best_threshold,
    figures,
    kept_out,
    read_rows,
    store,
    stored,
)
from filelock import FileLock
from runs import SEEDS

from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.weights import manifest, sha256_of
from vis_ros.structures.settings import parse_settings
from vis_ros.training.loop import MODEL


@dataclass(frozen=True)
class Job:
    """A row with a seed.

    Args:
        name: Name of the row.
        seed: The seed.
        recipe: Recipe of its training, from the root of the repository.
        stage: What `vis_ros train` trains.
        trained: Name of the row whose weights it runs: its own, or that of another one.
        values: What the training changes of the recipe.
        options: Options of the method that differ from those of the weights.
        base: Training whose weights it starts from; None for those of the detector.
        start: Name of the shipped weights that it starts from instead, or nothing.
        weights: Name of the shipped weights that it runs, without any training; or nothing.
        one_look: Whether rows that share weights make the same of a frame by itself.
    """

    name: str
    seed: int
    recipe: str
    stage: str
    trained: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    base: Job | None = None
    start: str = ''
    weights: str = ''
    one_look: bool = False

    @property
    def key(self) -> str:
        """Name of its log."""
        return f'{self.name}-{self.seed}'

    @property
    def run(self) -> str:
        """Name of the folder of its training."""
        return f'{self.trained}-{self.seed}'

    @property
    def knows_no_detector(self) -> bool:
        """Whether it goes back to other weights that ship than those of the detector."""
        base = self.base
        return bool(self.start or self.weights or (base is not None and base.knows_no_detector))

    def document(self) -> dict[str, Any]:
        """Return what its log begins with."""
        found = {'row': self.name, 'seed': self.seed, 'set': dict(self.values)}
        if self.trained != self.name:
            found |= {'of': self.trained, 'options': dict(self.options)}
        return found


def jobs_of(rows: Mapping[str, Any]) -> list[list[Job]]:
    """Return all rows with all seeds, one seed of every row before the next; those that share
    weights lie together.
    """
    found: dict[tuple[int, str], list[Job]] = {}
    for part in ('main', 'ablation', 'extension'):
        for name, row in rows[part].items():
            for seed in range(row.get('seeds', SEEDS)):
                job = Job(name, seed, rows['recipe'], 'tracker', name, row['set'], {})
                found[seed, name] = [job]
    for method in rows.get('methods', {}).values():
        base, start = base_of(method), method.get('start', '')
        for name, row in method['rows'].items():
            trained, weights = row.get('of', name), row.get('weights', '')
            values, options = method['rows'][trained].get('set', {}), row.get('options', {})
            for seed in range(row.get('seeds', method.get('seeds', SEEDS))):
                recipe, stage = method['recipe'], method['stage']
                one_look = row.get('one_look', method.get('one_look', False))
                given = (values, options, base, start, weights, one_look)
                job = Job(name, seed, recipe, stage, trained, *given)
                found.setdefault((seed, trained), []).append(job)
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def base_of(method: Mapping[str, Any]) -> Job | None:
    """Return the training that all rows of a method start from, None without one."""
    if 'base' not in method:
        return None
    base = method['base']
    names = (base['name'], 0, base['recipe'], base['stage'], base['name'])
    return Job(*names, base['set'], {}, base_of(base), base.get('start', ''))


def main(given: Sequence[str] | None = None) -> int:
    """Run the rows that are missing."""
    args = arguments(given)
    rows = read_rows()
    groups = [[job for job in jobs if is_wanted(job, args.only)] for jobs in jobs_of(rows)]
    shard, shards = map(int, args.shard.split('/'))
    torch.set_num_threads(1)
    for jobs in [jobs for jobs in groups if jobs][shard::shards]:
        left = [job for job in jobs if stored(job.key, args.into) is None]
        together = [job for job in left if job.one_look]
        alone = [[job] for job in left if not job.one_look]
        for part in ([together] if together else []) + alone:
            print('==', *(job.key for job in part), flush=True)
            run(args, rows, part)
    return 0


def is_wanted(job: Job, only: Sequence[str]) -> bool:
    """Return whether --only names a job, or names nothing."""
    return not only or job.name in only or job.stage in only


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--work', type=Path, required=True)
    parser.add_argument('--detector', type=Path, help='weights (models/synth_small.safetensors)')
    parser.add_argument('--only', nargs='*', default=[], metavar='ROW')
    parser.add_argument('--shard', default='0/1', metavar='I/N')
    parser.add_argument('--into', type=Path, default=STORED, help='folder of the logs')
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='for a try: changes of the recipe of every row; needs another --into '
        'than docs/results',
    )
    args = parser.parse_args(given)
    if args.set and args.into.resolve() == STORED:
        parser.error('--set is for a try: name a folder with --into')
    args.detector = (args.detector or ROOT / 'models' / 'synth_small.safetensors').resolve()
    return args


def run(args: argparse.Namespace, rows: Mapping[str, Any], jobs: Sequence[Job]) -> None:
    """Train and score one row with one seed, or several that look at images together."""
    ready = [trained(args, job) for job in jobs]
    learned = [(job, *pair) for job, pair in zip(jobs, ready, strict=True) if pair[1]]
    methods = [
        build_method(job.values.get('method', 'rgnnvis'), weights=weights)
        if job.stage == 'tracker'
        else build_method(job.stage, weights=weights, **job.options)
        for job, _, weights in learned
    ]
    found: list[dict[str, Any]] = []
    if methods and jobs[0].stage == 'tracker':
        found = [remembered_scores(args, rows['benchmarks'], method) for method in methods]
    elif methods:
        found = end_to_end.scores(methods, args.work / 'data', rows['benchmarks'])
    for (job, document, _), figures_of_it in zip(learned, found, strict=True):
        document |= figures_of_it
        for name in rows['benchmarks']:
            print(job.key, name, document[name], flush=True)
    for job, (document, _) in zip(jobs, ready, strict=True):
        store(job.key, document, args.into)


def trained(args: argparse.Namespace, job: Job) -> tuple[dict[str, Any], str]:
    """Train what a job runs, if it is not there; return what is known of it, and its weights,
    which are nothing if the training diverged.
    """
    document = job.document()
    if not job.knows_no_detector:
        document['detector_sha256'] = sha256_of(args.detector)
    document['set'] |= parse_settings(args.set, '--set')  # so that no try passes for the row
    if job.weights:
        return document | {'weights_sha256': sha256_of(shipped(job.weights))}, job.weights
    out = args.work.resolve() / 'runs' / job.run
    start = start_of(args, job)
    if job.base is not None or job.start:
        document['base_sha256'] = sha256_of(start)
    if failure := train(args, job, start, out):
        return document | {'diverged': failure}, ''
    if job.trained == job.name:
        document['training'] = training_log(out)
    return document, str(out / MODEL)


def start_of(args: argparse.Namespace, job: Job) -> Path:
    """Return the weights that a job starts from; a base is trained if it is not there yet.

    Raises:
        SystemExit: The base diverged.
    """
    if job.start:
        return shipped(job.start)
    if job.base is None:
        return Path(args.detector)
    out = args.work.resolve() / 'runs' / job.base.run
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / 'lock'):  # of several processes one trains it
        if not (out / MODEL).exists():
            print(f'== {job.base.key}', flush=True)
            plain = argparse.Namespace(**{**vars(args), 'set': []})  # other rows start from it too
            if failure := train(plain, job.base, start_of(args, job.base), out):
                raise SystemExit(f'{job.base.key}: {failure}')
    return out / MODEL


def shipped(name: str) -> Path:
    """Return the file of weights that ship."""
    return Path(ROOT / 'models' / manifest()[name]['file'])


def train(args: argparse.Namespace, job: Job, weights: Path, out: Path) -> str:
    """Train a job from some weights, or go on with it; return why it diverged, or nothing."""
    if job.trained != job.name and (out / MODEL).exists():
        return ''
    start = 'detector' if job.stage == 'tracker' else 'start'
    values = {**job.values, 'schedule.seed': job.seed, start: str(weights)}
    command = [sys.executable, '-m', 'vis_ros.cli', 'train', job.stage, '--device', 'cpu']
    command += ['--config', str(ROOT / job.recipe), '--out', str(out)]
    command += [
        f'--set={name}={str(v).lower() if isinstance(v, bool) else v}'
        for name, v in values.items()
    ]
    command += [f'--set={text}' for text in args.set]
    done = subprocess.run(command, cwd=args.work, stderr=subprocess.PIPE, text=True)
    if done.returncode and 'the loss is no number' in done.stderr:
        return done.stderr.strip().splitlines()[-1]
    if done.returncode:
        raise SystemExit(done.stderr)
    return ''


def remembered_scores(
    args: argparse.Namespace, benchmarks: Sequence[str], method: Any
) -> dict[str, Any]:
    """Return threshold and figures of a tracker behind the detector, whose features are kept."""

    def parts(name: str) -> list[HeldOut]:
        """Return that part of each benchmark; of training parts the validation videos."""
        folders = [args.work / 'data' / benchmark / name for benchmark in benchmarks]
        return [part_of(x, args.detector, args.work / 'cache') for x in folders]

    threshold = best_threshold([(p.annotations, p.run(method)) for p in parts('train')])
    found: dict[str, Any] = {'threshold': threshold}
    for name, part in zip(benchmarks, parts('heldout'), strict=True):
        found[name] = figures(part.annotations, part.run(method), threshold)
    return found


@functools.cache
def part_of(folder: Path, detector: Path, cache: Path) -> HeldOut:
    """Return a part of a benchmark; what was read once is not read again for the next row."""
    videos = kept_out(folder).videos[:TUNED] if folder.name == 'train' else None
    found = HeldOut(folder, detector, cache, videos)
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
