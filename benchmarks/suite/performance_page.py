# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/performance.md and its pictures, only from what measure.py stored."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from speed_cases import PICTURES, Case, bar_of, sections

sys.path.insert(0, str(Path(__file__).parents[1] / 'results'))

from charts import line_chart
from sections import table

NONE = '-'
INTRODUCTION = """# Performance

Written by `python benchmarks/suite/measure.py` from `docs/performance/*.json`; do not edit.

A frame is an array on the host at the beginning of a step, and results are on the host at its end.
Parameters are random and thresholds open, so that each frame shows so many objects as the row says
(IFR: all its queries; IAI can only give 19 identities; iou and deepsort: what `motion` finds).
Each row is a process of its own. On a CPU times are those of one thread by its own clock. Absolute
times are of the machine that is named; ratios are what counts elsewhere. On a virtual machine that
shares its processor with others the same case was seen to take 1.5 times as long an hour later, so
rows that lie closer together than that say little.

*floor*: operations of the convolutions and matrix products of a step over the rate of large
matrix products on that machine, or bytes of parameters and pictures over the rate of large
copies, whichever is longer. No step can be faster.
"""
Figures = Mapping[str, Any]
Found = Sequence[tuple[Case, Figures]]


def write_page(stored: Path, page: Path) -> None:
    """Write the page and its pictures.

    Args:
        stored: Folder of the results.
        page: File of the page; pictures go to `images` beside it.
    """
    parts = [INTRODUCTION]
    others = {stored / f'{name}.json': write for name, write in _OTHER_FILES.items()}
    for path in sorted(set(stored.glob('*.json')) - set(others)):
        document = json.loads(path.read_text())
        text, pictures = device_part(document)
        parts.append(text)
        for name, picture in pictures.items():
            target = page.parent / 'images' / f'performance_{path.stem}_{name}.svg'
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(picture)
            parts.append(f'![{name}](images/{target.name})\n')
    for path, write in others.items():
        if path.exists():
            parts.append(write(json.loads(path.read_text())))
    if len(parts) == 1:
        parts.append('**Nothing is stored yet: nothing was measured.**\n')
    page.write_text('\n'.join(parts))


def device_part(document: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return what the page says of a device, and its pictures by name."""
    cases = document['cases']
    wanted = sections(document['device'], document['frames'])
    found = {
        name: [(case, cases[case.key]) for case in each if case.key in cases]
        for name, each in wanted.items()
    }
    lines = [f'## {_machine(document)}', '']
    pictures = {}
    for name, (title, write) in _SECTIONS.items():
        if found.get(name):
            lines += [f'### {title}', '', *write(found[name]), '']
            lines += [*_failures(found[name])]
    for name, (title, x, value) in _CURVES.items():
        if curve := _curve(found[name], title, x, value):
            pictures[name] = curve
    return '\n'.join(lines), pictures


def association_part(document: Figures) -> str:
    """Return what the page says of association.json, which `association.py` writes."""
    figures = document['figures']
    names = list(dict.fromkeys(name for each in figures.values() for name in each))
    before, after = document['load']
    lines = [
        '## Association beside other trackers',
        '',
        f'{document["machine"]["cpu"]}, {document["cores"]} cores, load {before} to {after}, '
        f'{document["frames"]} frames, by `python benchmarks/association.py`.',
        'All get the same boxes; ours also store and encode a mask of each.',
        '',
        *(f'- `{name}`: version {each}' for name, each in document['packages'].items()),
        *(f'- `{name}`: not measured: {why}' for name, why in document['missing'].items()),
    ]
    for title, cell in _ASSOCIATION.items():
        rows = [(f'`{name}`', *(cell(each[name]) for each in figures.values())) for name in names]
        lines += ['', f'{title}:', '', *table(('objects', *figures), rows)]
    return '\n'.join([*lines, ''])


def endless_part(document: Figures) -> str:
    """Return what the page says of endless.json, which `endless.py` writes."""
    head = ('method', 'on', 'pictures', 'frames', 'p50 ms', 'late / early', 'bytes of the state')
    rows = []
    for name, f in document['methods'].items():
        early, late = f['early'], f['late']
        rows.append(
            (
                f'`{name}`',
                _machine(f),
                f'{f["picture"][1]}x{f["picture"][0]}',
                f'{f["after"][0]}, {f["after"][1]}',
                f'{early["ms"]:.2f}, {late["ms"]:.2f}',
                f'{f["ratio"]:.3f}',
                f'{early["state_bytes"]}, {late["state_bytes"]}',
            )
        )
    lines = [
        '## Streams without an end',
        '',
        'Two processes with the same pictures in turns, one of which had taken many more before: '
        '`python benchmarks/endless.py`.',
        '',
        *table(head, rows),
    ]
    return '\n'.join([*lines, ''])


def _machine(document: Mapping[str, Any]) -> str:
    machine = document['machine']
    name = machine['cpu'] if document['device'] == 'cpu' else machine['gpu']
    return f'{name}, torch {machine["torch"]}'


def _failures(found: Found) -> Iterator[str]:
    for case, figures in found:
        if 'error' in figures:
            yield f'- {_name(case)}: not measured: {figures["error"]}'
        elif figures['fallback']:
            yield f'- {_name(case)}: {figures["fallback"]}'
    yield ''


def _name(case: Case) -> str:
    return f'`{case.method}` {case.network} {case.precision} {case.accelerate}'


def _measured(found: Found) -> Found:
    return [(case, figures) for case, figures in found if 'error' not in figures]


def _whole(found: Found) -> Iterator[str]:
    head = ('method', 'network', 'frames/s', 'p50 ms', 'p95', 'p99', 'objects', 'MiB', 'GFLOP')
    rows = []
    for case, f in _measured(found):
        floor = f.get('floor_ms', 0.0)
        rows.append(
            (
                f'`{case.method}`',
                case.network,
                f'{f["fps"]:.1f}',
                *(f'{f[key]:.1f}' for key in ('p50_ms', 'p95_ms', 'p99_ms')),
                str(f['objects']),
                f'{f.get("gpu_mib", f["rss_mib"]):.0f}',
                f'{f["gflop"]:.2f}' if 'gflop' in f else NONE,
                f'{floor:.1f}' if floor else NONE,
                f'{f["p50_ms"] / floor:.1f}' if floor else NONE,
            )
        )
    yield from table((*head, 'floor ms', 'p50 / floor'), rows)


def _ways(found: Found) -> Iterator[str]:
    plain = {case.method: f['p50_ms'] for case, f in _measured(found) if _is_plain(case)}
    head = ('method', 'precision', 'accelerate', 'p50 ms', 'times as fast', 'warm-up s')
    rows = [
        (
            f'`{case.method}`',
            case.precision,
            case.accelerate,
            f'{f["p50_ms"]:.1f}',
            f'{plain[case.method] / f["p50_ms"]:.2f}' if case.method in plain else NONE,
            f'{f["warm_up_s"]:.1f}',
        )
        for case, f in _measured(found)
    ]
    yield from table(head, rows)


def _is_plain(case: Case) -> bool:
    return (case.precision, case.accelerate) == ('float32', 'none')


def _across(head: str, of: Callable[[Case], str], value: str) -> Callable[[Found], Iterator[str]]:
    """Return what writes a table with a column for each case of a method."""

    def write(found: Found) -> Iterator[str]:
        columns = list(dict.fromkeys(of(case) for case, _ in found))
        cells = {(case.method, of(case)): f[value] for case, f in _measured(found)}
        methods = list(dict.fromkeys(case.method for case, _ in found))
        rows = []
        for method in methods:
            own = [cells.get((method, column)) for column in columns]
            rows.append((f'`{method}`', *(NONE if v is None else f'{v:.1f}' for v in own)))
        yield from table((head, *columns), rows)

    return write


def _bars(found: Found) -> Iterator[str]:
    rows = []
    for case, f in _measured(found):
        least = bar_of(case) or 0.0
        size = f'{case.picture[1]}x{case.picture[0]}, {case.cameras} cameras'
        way = f'{case.precision} {case.accelerate}'
        verdict = 'kept' if f['fps'] >= least else 'missed'
        rows.append((f'`{case.method}`', way, size, f'{f["fps"]:.0f}', f'{least:.0f}', verdict))
    yield from table(('method', 'way', 'pictures', 'frames/s', 'at least', 'bar'), rows)


def _others(found: Found) -> Iterator[str]:
    measured = _measured(found)
    ours = {f['p50_ms'] for case, f in measured if case.method == 'rgnnvis_pp'}
    rows = []
    for case, f in measured:
        ratio = f'{f["p50_ms"] / min(ours):.2f}' if ours else NONE
        rows.append((f'`{case.method}`', f'{f["p50_ms"]:.1f}', ratio, f'{f["rss_mib"]:.0f}'))
    yield from table(('what', 'p50 ms', '/ rgnnvis_pp', 'MiB'), rows)


def _picture_name(case: Case) -> str:
    return next(name for name, size in PICTURES.items() if size == case.picture)


def _curve(found: Found, title: str, x: Callable[[Case], float], value: str) -> str | None:
    lines: dict[str, list[tuple[float, float]]] = {}
    for case, figures in _measured(found):
        lines.setdefault(case.method, []).append((x(case), figures[value]))
    if not lines:
        return None
    below, _, beside = title.partition('|')
    return line_chart(f'{beside} over {below}', below, beside, lines)


_ASSOCIATION: Mapping[str, Callable[[Figures], str]] = {
    'Time of the thread for a frame [ms, median], times that of `iou`': lambda f: (
        f'{f["ms"]:.2f} ({f["ratio"]:.2f})'
    ),
    'Switches of identity, MOTA': lambda f: f'{f["switches"]} ({f["mota"]:.4f})',
}
_SECTIONS: Mapping[str, tuple[str, Callable[[Found], Iterator[str]]]] = {
    'methods': ('All methods, 1280x720, 10 objects', _whole),
    'bars': ('Bars, of an H200, ResNet-50', _bars),
    'ways': ('Precision and compiler', _ways),
    'backbones': (
        'Backbones [ms, p50]',
        _across('method', lambda case: case.network, 'p50_ms'),
    ),
    'objects': (
        'Number of objects [ms, p50]',
        _across('method', lambda case: str(case.objects), 'p50_ms'),
    ),
    'pictures': ('Size of pictures [ms, p50]', _across('method', _picture_name, 'p50_ms')),
    'cameras': (
        'Cameras together [frames a second of all]',
        _across('method', lambda case: str(case.cameras), 'fps'),
    ),
    'others': (
        'Beside others: ResNet-50 at 480 rows, speed only',
        _others,
    ),
}
_CURVES: Mapping[str, tuple[str, Callable[[Case], float], str]] = {
    'objects': ('objects|p50 of a step [ms]', lambda case: case.objects, 'p50_ms'),
    'pictures': ('rows of the picture|p50 of a step [ms]', lambda case: case.picture[0], 'p50_ms'),
    'cameras': ('cameras|frames a second of all', lambda case: case.cameras, 'fps'),
}
_OTHER_FILES: Mapping[str, Callable[[Figures], str]] = {  # not of suite/measure.py
    'endless': endless_part,
    'association': association_part,
}
