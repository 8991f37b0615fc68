# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/results.md and its pictures from the logs in docs/results, and from nothing else.

    python benchmarks/results/write.py [--check]

--check writes nothing and fails where page or pictures are others than the logs make.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import ROOT, STORED, read_rows
from hidden_objects import hidden_picture, hidden_section
from runs import (
    Row,
    amount,
    detectors_of,
    mean_of,
    percent,
    percent_change,
    read_runs,
    rows_of,
)
from sections import method_section, pictures, table
from texts import END_TO_END, FINDINGS, INTRODUCTION, REPRODUCE

PAGE = ROOT / 'docs' / 'results.md'
PICTURES = ROOT / 'docs' / 'images'
BARS = {'crowded_ap_ratio': 1.0, 'crowded_switches_ratio': 1.0, 'correlation': 0.78}
MAIN_PARTS = ('main', 'method', 'training-free')
FULL, PLUS = 'rgnnvis', 'rgnnvis_pp'
_FIGURES = ('AP', 'AP50', 'AP75', 'IDF1', 'HOTA')
_COUNTS = ('switches', 'misses', 'false_positives')
_LEVELS = {'APso': 'slight', 'APmo': 'moderate', 'APho': 'heavy'}
_NONE = '-'


def page(
    rows: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    hidden: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the whole page in Markdown.

    Args:
        rows: What rows.yaml holds.
        runs: The stored logs of rows, see `read_runs`.
        hidden: Those of occlusion.py.

    Raises:
        ValueError: A log is not of a row as rows.yaml has it now, or they are of several
            detectors.
    """
    found, benchmarks = rows_of(rows, runs), rows['benchmarks']
    parts = [INTRODUCTION]
    if not runs:
        parts.append('**No log is stored yet: nothing has been run, and there are no results.**')
    main = [row for part in MAIN_PARTS for row in found.values() if row.part == part]
    parts.append(_section('Bars', bars(found, {**BARS, **rows.get('bars', {})})))
    for benchmark in benchmarks:
        parts.append(_section(f'Benchmark `{benchmark}`', main_table(main, benchmark)))
    parts.append(_section('AP by occlusion', occlusion_table(main, benchmarks)))
    parts.append(_section('Objects that are hidden for a time', hidden_section(hidden)))
    parts.append(_section('Ablations', ablation_table(found, benchmarks)))
    ablations = [row for row in found.values() if row.part == 'ablation']
    if ablations and all(len(row.runs) >= row.intended for row in ablations):
        parts.append(FINDINGS)
    parts.append(_section('Extensions', extension_table(found, benchmarks)))
    if rows.get('methods'):
        parts.append(END_TO_END)
    for method in rows.get('methods', {}).values():
        parts.append(_section(method['title'], method_section(method, found, benchmarks)))
    parts.append(_section('How the training-free rows were tuned', tuning(found)))
    parts.append(_section('Cost of training', cost_table(found)))
    parts.append(_section('Not run yet', missing(found)))
    parts.append(_section('Versions', versions(runs)))
    return '\n\n'.join([*parts, REPRODUCE]) + '\n'


def _section(title: str, lines: Iterator[str]) -> str:
    return '\n'.join((f'## {title}', '', *lines))


def bars(found: Mapping[str, Row], wanted: Mapping[str, float]) -> Iterator[str]:
    """Yield what RGNNVIS++ has to reach, and whether it does."""
    plus = found[PLUS]
    free = [row for row in found.values() if row.part == 'training-free' and row.done()]
    if not plus.done():
        yield f'{plus.title}: {"diverged" if plus.runs else "not run yet"}.'
        return
    body: list[list[str]] = []
    if free:
        best = max(free, key=lambda row: mean_of(row, 'crowded', 'AP'))
        for figure, key, is_above in (
            ('AP', 'crowded_ap_ratio', True),
            ('switches', 'crowded_switches_ratio', False),
        ):
            mine, other = mean_of(plus, 'crowded', figure), mean_of(best, 'crowded', figure)
            text = f'{figure} on `crowded`, {plus.title} over {best.title}'
            body.append(_bar(text, mine / other if other > 0 else None, wanted[key], is_above))
    every = [mean_of(plus, name, 'correlation') for name in plus.benchmarks]
    text = f'correlation of confidence and truth, {plus.title}, mean of the benchmarks'
    body.append(_bar(text, sum(every) / len(every), wanted['correlation'], True))
    yield from table(('what', 'found', 'bar', ''), body)
    yield ''
    yield f'Seeds of {plus.title}: {plus.seeds_text()}. The best training-free row is the one with'
    yield 'the highest AP on `crowded`. The paper found a correlation of 0.78 on 220 videos of'
    yield 'YouTube-VIS.'
    if not free:
        yield 'The ratios to the best training-free row are missing: no such row was run yet.'


def _bar(text: str, value: float | None, wanted: float, is_above: bool) -> list[str]:
    sign = 'at least' if is_above else 'at most'
    if value is None:
        return [text, 'undefined: divided by 0', f'{sign} {wanted:g}', 'fail']
    is_kept = value >= wanted if is_above else value <= wanted
    return [text, f'{value:.3f}', f'{sign} {wanted:g}', 'pass' if is_kept else '**fail**']


def main_table(rows: Sequence[Row], benchmark: str) -> Iterator[str]:
    """Yield the main figures of a benchmark."""
    names = ('AP', 'AP50', 'AP75', 'IDF1', 'HOTA', 'switches', 'misses', 'false positives')
    body = [
        [
            row.title,
            row.seeds_text(),
            *(row.cell(benchmark, name, percent) for name in _FIGURES),
            *(row.cell(benchmark, name, amount) for name in _COUNTS),
            row.cell(benchmark, 'correlation', '{:.2f}'.format),
            ', '.join(f'{run["threshold"]:g}' for run in row.done()) or _NONE,
        ]
        for row in rows
    ]
    yield from table(('', 'seeds', *names, 'correlation', 'threshold'), body)


def occlusion_table(rows: Sequence[Row], benchmarks: Sequence[str]) -> Iterator[str]:
    """Yield the AP by level of occlusion."""
    head = [f'{name}, {level}' for name in benchmarks for level in _LEVELS.values()]
    body = [
        [row.title, *(row.cell(b, key, percent) for b in benchmarks for key in _LEVELS)]
        for row in rows
    ]
    yield from table(('', *head), body)


def ablation_table(found: Mapping[str, Row], benchmarks: Sequence[str]) -> Iterator[str]:
    """Yield what each part of the network brings (table 3 of the paper)."""
    title = found[FULL].title
    yield f'Each row is {title} with one change. The difference is that of the AP, mean of the'
    yield f'benchmarks, to {title}. **The column "paper" is of another data set** (YouTube-VIS'
    yield '2019, table 3, ResNet-50): only its order can be compared.'
    yield ''
    rows = [found[FULL], *(row for row in found.values() if row.part == 'ablation')]
    yield from _changes(rows, found[FULL], benchmarks)


def extension_table(found: Mapping[str, Row], benchmarks: Sequence[str]) -> Iterator[str]:
    """Yield what leads from RGNNVIS to RGNNVIS++ (table 5 of the paper)."""
    title = found[FULL].title
    yield f'From {title} to {found[PLUS].title}; the difference is to {title}. **The column'
    yield '"paper" is of another data set** (OVIS, table 5): only its order can be compared.'
    yield ''
    between = [row for row in found.values() if row.part == 'extension']
    yield from _changes([found[FULL], *between, found[PLUS]], found[FULL], benchmarks)


def _changes(rows: Sequence[Row], full: Row, benchmarks: Sequence[str]) -> Iterator[str]:
    body = []
    for row in rows:
        body.append(
            [
                row.title,
                row.seeds_text(),
                *(row.cell(name, 'AP', percent) for name in benchmarks),
                row.text_of(row.means('AP'), percent),
                percent_change(row, full, 'AP'),
                row.paper,
            ]
        )
    yield from table(
        ('', 'seeds', *(f'AP {b}' for b in benchmarks), 'mean', 'difference', 'paper'), body
    )


def tuning(found: Mapping[str, Row]) -> Iterator[str]:
    """Yield the options that were chosen."""
    yield 'Their options were chosen on videos that the training keeps out for validation, one'
    yield 'option after the other, twice around, by the mean AP of the benchmarks; `CHOICES` in'
    yield '`benchmarks/results/baselines.py` lists what was tried. The learned rows run with the'
    yield 'options they were trained with; their best step is chosen on videos kept out likewise.'
    yield ''
    for row in (row for row in found.values() if row.part == 'training-free'):
        if not row.runs:
            yield f'- {row.title}: not run yet.'
            continue
        chosen = ', '.join(f'`{name}={value}`' for name, value in row.runs[0]['set'].items())
        yield f'- {row.title}: {chosen or "the defaults"}.'


def cost_table(found: Mapping[str, Row]) -> Iterator[str]:
    """Yield how long the training of each row takes."""
    body = []
    for row in found.values():
        logs = [run['training'] for run in row.done() if 'training' in run]
        if logs:
            seconds = sum(log['seconds_per_step'] for log in logs) / len(logs)
            steps = logs[0]['last']['step']
            hours = seconds * steps / 3600
            body.append([full_title(row), f'{steps:.0f}', f'{seconds:.2f}', f'{hours:.2f}'])
    if not body:
        yield 'Not run yet.'
        return
    yield 'Of one seed, on a CPU; for trackers behind the detector with its features kept on disk.'
    yield 'The time of a step is the mean over the training, with whatever else ran on the'
    yield 'machine.'
    yield ''
    yield from table(('', 'steps', 'seconds a step', 'hours'), body)


def full_title(row: Row) -> str:
    """Return the title of a row, with that of its method where the table is of several."""
    return f'{row.family}: {row.title}' if row.part in ('retrained', 'reused') else row.title


def missing(found: Mapping[str, Row]) -> Iterator[str]:
    """Yield the rows without a log, and those with fewer seeds than intended."""
    lacking = [row for row in found.values() if len(row.runs) < row.intended]
    if not lacking:
        yield 'Nothing: all rows have all their seeds.'
    for row in lacking:
        left = f': {row.seeds_text()}' if row.runs else ''
        yield f'- {full_title(row)} ({row.part}){left}'


def versions(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what the runs were made with."""
    if not runs:
        yield 'Not run yet.'
        return
    for name in ('torch', 'python'):
        yield f'- {name} {", ".join(sorted({run["versions"][name] for run in runs}))}'
    for detector in detectors_of(runs):
        yield f'- detector, SHA-256 `{detector}`'


def main(given: Sequence[str] | None = None) -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--check', action='store_true', help='only compare')
    args = parser.parse_args(given)
    try:
        files = made(read_rows(), read_runs(STORED), read_runs(STORED, 'occlusion'))
    except ValueError as error:
        sys.stderr.write(f'{error}\n')
        return 2
    if not args.check:
        PICTURES.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text)
        return 0
    return max(_compare(path, text) for path, text in files.items())


def made(
    rows: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    hidden: Sequence[Mapping[str, Any]],
) -> dict[Path, str]:
    """Return the page and its pictures, by their files; for the arguments see `page`."""
    drawn = pictures(rows.get('methods', {}), rows_of(rows, runs), rows['benchmarks'])
    drawn |= hidden_picture(hidden)
    files = {PICTURES / name: text for name, text in drawn.items()}
    return {PAGE: page(rows, runs, hidden), **files}


def _compare(path: Path, text: str) -> int:
    """Return 0 where a file holds a text; else say what differs, and return 1."""
    old = path.read_text() if path.exists() else ''
    if old == text:
        return 0
    lines = difflib.unified_diff(old.splitlines(), text.splitlines(), 'page', 'logs', lineterm='')
    end = f'docs/{path.relative_to(PAGE.parent)} is not what the logs say: make results'
    sys.stderr.write('\n'.join([*lines, end]) + '\n')
    return 1


if __name__ == '__main__':
    sys.exit(main())
