# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stored logs, sorted into the rows that they belong to."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vis_ros.evaluation.video_ap import UNDEFINED
from vis_ros.pipeline.weights import manifest

SEEDS = 2  # of a row for which neither itself nor its method says it
TRAINING_FREE = {'deepsort': '`deepsort`', 'iou': '`iou`'}
_NOT_YET = 'not run yet'


@dataclass(frozen=True)
class Row:
    """A row of the tables.

    Args:
        title: As the tables name it.
        part: `main`, `training-free`, `ablation` or `extension`; of methods that are trained from
            end to end `method`, its first row, `retrained` or `reused`.
        benchmarks: Their names.
        intended: Number of seeds it shall have.
        values: What it changes of the recipe; None where that was tuned.
        paper: What the paper found, or nothing.
        runs: The stored logs, by seed.
        family: Title of the method that is trained from end to end, or nothing.
        options: With which options it runs the weights of another row.
        weights: Name of the shipped weights that it runs, without any training; or nothing.
    """

    title: str
    part: str
    benchmarks: tuple[str, ...]
    intended: int
    values: Mapping[str, Any] | None
    paper: str
    runs: tuple[Mapping[str, Any], ...]
    family: str = ''
    options: Mapping[str, Any] | None = None
    weights: str = ''

    def done(self) -> list[Mapping[str, Any]]:
        """Return the runs that came to an end."""
        return [run for run in self.runs if 'diverged' not in run]

    def seeds_text(self) -> str:
        """Return how many seeds there are, and that some are missing or diverged."""
        if not self.runs:
            return _NOT_YET
        count = f'{len(self.runs)}'
        if len(self.runs) < self.intended:
            count += f' of {self.intended} seeds'
        diverged = len(self.runs) - len(self.done())
        return f'{count}, {diverged} diverged' if diverged else count

    def values_of(self, benchmark: str, figure: str) -> list[float]:
        """Return a figure of each run that came to an end."""
        return [run[benchmark][figure] for run in self.done()]

    def means(self, figure: str) -> list[float]:
        """Return the mean over the benchmarks, of each run that came to an end; it is undefined
        where one of them is.
        """
        found = []
        for run in self.done():
            values = [run[name][figure] for name in self.benchmarks]
            is_defined = UNDEFINED not in values
            found.append(sum(values) / len(values) if is_defined else UNDEFINED)
        return found

    def cell(self, benchmark: str, figure: str, form: Callable[[float], str]) -> str:
        """Return a figure as a cell of a table."""
        return self.text_of(self.values_of(benchmark, figure), form)

    def text_of(self, values: Sequence[float], form: Callable[[float], str]) -> str:
        """Return mean and deviation of values of this row's runs, or why there are none."""
        if not values:
            return 'diverged' if self.runs else '-'
        defined = [value for value in values if value != UNDEFINED]
        if not defined:
            return 'undefined'
        mean, deviation = spread(defined)
        text = form(mean) if deviation is None else f'{form(mean)} ± {form(deviation)}'
        lost = len(values) - len(defined)
        return f'{text} ({lost} undefined)' if lost else text


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean, and the standard deviation (n - 1), None of a single value."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1))


def percent_change(row: Row, other: Row, figure: str) -> str:
    """Return by how much the mean of a figure over the benchmarks is above another row's."""
    mine, base = row.means(figure), other.means(figure)
    if row is other or not mine or not base:
        return '-'
    return f'{100 * (spread(mine)[0] - spread(base)[0]):+.1f}'


def mean_of(row: Row, benchmark: str, figure: str) -> float:
    """Return the mean of a figure over the runs that came to an end, NaN without one."""
    values = row.values_of(benchmark, figure)
    return spread(values)[0] if values else math.nan


def percent(value: float) -> str:
    """Return a share in percent."""
    return f'{100 * value:.1f}'


def amount(value: float) -> str:
    """Return a number of things, or the mean of some."""
    return f'{value:.0f}' if value >= 10 or value == int(value) else f'{value:.1f}'


def read_runs(folder: Path, kind: str = 'row') -> list[dict[str, Any]]:
    """Return the logs of one kind that a folder holds; other files are something else.

    Args:
        folder: The folder.
        kind: `row`, or `occlusion` for the logs of occlusion.py.

    Raises:
        ValueError: A file is no JSON object.
    """
    runs = []
    for path in sorted(folder.glob('*.json')):
        try:
            document = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f'{path.name}: is no JSON: {error}') from error
        if not isinstance(document, dict):
            raise ValueError(f'{path.name}: expected an object, got {type(document).__name__}')
        if kind in document:
            runs.append(document)
    return runs


def detectors_of(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the SHA-256 of the detectors of runs, of those that have one."""
    return sorted({run['detector_sha256'] for run in runs if 'detector_sha256' in run})


def rows_of(rows: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """Return all rows by name, in the order of rows.yaml, the training-free ones after `main`.

    Raises:
        ValueError: A log is of no row, or of one that was something else then; logs are of
            several detectors, or those of a method started from several bases.
    """
    detectors = detectors_of(runs)
    if len(detectors) > 1:
        raise ValueError(f'logs of several detectors, which cannot be compared: {detectors}')
    found = {}
    for part in ('main', 'training-free', 'ablation', 'extension'):
        for name, row in _given(rows, part).items():
            own = sorted((run for run in runs if run['row'] == name), key=_seed)
            found[name] = Row(
                title=row['title'],
                part=part,
                benchmarks=tuple(rows['benchmarks']),
                intended=row.get('seeds', SEEDS),
                values=row['set'],
                paper=str(row.get('paper', '')),
                runs=tuple(own),
            )
    for method in rows.get('methods', {}).values():
        found |= _rows_of_method(method, tuple(rows['benchmarks']), runs)
    for run in runs:
        _check(run, found)
    for method in rows.get('methods', {}).values():
        logs = [run for name in method['rows'] for run in found[name].runs]
        trained = [run for run in logs if 'weights_sha256' not in run]
        bases = sorted({run.get('base_sha256', 'none') for run in trained})
        if len(bases) > 1:
            raise ValueError(f'{method["title"]}: logs that started from several bases: {bases}')
    return found


def _rows_of_method(
    method: Mapping[str, Any], benchmarks: tuple[str, ...], runs: Sequence[Mapping[str, Any]]
) -> dict[str, Row]:
    """Return the rows of a method that is trained from end to end."""
    found: dict[str, Row] = {}
    for name, row in method['rows'].items():
        is_reused, weights = 'of' in row, row.get('weights', '')
        is_main = not found or weights
        found[name] = Row(
            title=row['title'],
            part='method' if is_main else 'reused' if is_reused else 'retrained',
            benchmarks=benchmarks,
            intended=row.get('seeds', method.get('seeds', SEEDS)),
            values=method['rows'][row['of']]['set'] if is_reused else row.get('set', {}),
            paper=str(row.get('paper', '')),
            runs=tuple(sorted((run for run in runs if run['row'] == name), key=_seed)),
            family=method['title'],
            options=row['options'] if is_reused else None,
            weights=weights,
        )
    return found


def _given(rows: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    if part != 'training-free':
        return rows.get(part) or {}
    return {
        name: {'title': title, 'seeds': 1, 'set': None} for name, title in TRAINING_FREE.items()
    }


def _seed(run: Mapping[str, Any]) -> int:
    return int(run.get('seed', 0))


def _check(run: Mapping[str, Any], rows: Mapping[str, Row]) -> None:
    name = f'{run["row"]}, seed {run["seed"]}' if 'seed' in run else run['row']
    if run['row'] not in rows:
        raise ValueError(f'{name}: rows.yaml has no such row; remove the log')
    row = rows[run['row']]
    if row.values is not None and run['set'] != row.values:
        raise ValueError(
            f'{name}: was run with {run["set"]}, rows.yaml says {row.values}; run it again'
        )
    if run.get('options') != row.options:
        raise ValueError(
            f'{name}: ran with {run.get("options")}, its file says {row.options}; run it again'
        )
    if row.weights and run['weights_sha256'] != manifest()[row.weights]['sha256']:
        raise ValueError(f'{name}: ran other weights than {row.weights!r} is now; run it again')
    lacking = [b for b in row.benchmarks if b not in run]
    if lacking and 'diverged' not in run:
        raise ValueError(f'{name}: has no figures of {", ".join(lacking)}; run it again')
