# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sections of docs/results.md about methods that are trained from end to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charts import line_chart
from runs import Row, amount, percent, percent_change, spread

_SHARES = ('IDF1', 'MOTA', 'IDP', 'IDR')
_TIME = 'cpu_ms_per_frame'
_NONE = '-'


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f'| {" | ".join(head)} |'
    yield '|' + '---|' * len(head)
    for cells in body:
        yield f'| {" | ".join(cells)} |'


def method_section(
    method: Mapping[str, Any], found: Mapping[str, Row], benchmarks: Sequence[str]
) -> Iterator[str]:
    """Yield what is known of a method: AP, tracking, time, and its curves.

    Args:
        method: Its file.
        found: All rows, by name.
        benchmarks: Their names.
    """
    rows = [found[name] for name in method['rows']]
    first = rows[0]
    yield f'Recipe: `{method["recipe"]}`.{_start(method)} Column "paper": {method["paper"]}.'
    yield ''
    head = ('', 'seeds', *(f'AP {b}' for b in benchmarks), 'mean', 'difference', 'time', 'paper')
    yield from table(head, [_ap_cells(row, first, benchmarks) for row in rows])
    yield ''
    head = ('', *_SHARES, 'switches', 'threshold')
    yield from table(head, [_tracking_cells(row) for row in rows])
    if remarks := method.get('remarks'):
        yield ''
        yield remarks.strip()
    for name, curve in method.get('curves', {}).items():
        yield ''
        if _points(curve, found, benchmarks):
            yield f'![{curve["title"]}](images/{picture_name(name)})'
        else:
            yield f'{curve["title"]}: not run yet.'


def _start(method: Mapping[str, Any]) -> str:
    if 'start' in method:
        return f' All rows start from the weights `{method["start"]}` that ship.'
    if 'base' in method:
        base = method['base']
        text = f' All rows start from one run of `{base["recipe"]}`'
        while 'base' in base:
            base = base['base']
            text += f', that from one of `{base["recipe"]}`'
        return f'{text}, and that from `{base["start"]}`.' if 'start' in base else f'{text}.'
    return ''


def _name(row: Row) -> str:
    return row.title if row.options is None else f'*{row.title}*'


def _ap_cells(row: Row, first: Row, benchmarks: Sequence[str]) -> list[str]:
    mine, base = row.means(_TIME), first.means(_TIME)
    is_known = bool(mine and base) and spread(base)[0] > 0
    return [
        _name(row),
        row.seeds_text(),
        *(row.cell(name, 'AP', percent) for name in benchmarks),
        row.text_of(row.means('AP'), percent),
        percent_change(row, first, 'AP'),
        f'{spread(mine)[0] / spread(base)[0]:.2f}' if is_known else _NONE,
        row.paper or _NONE,
    ]


def _tracking_cells(row: Row) -> list[str]:
    switches = [sum(run[name]['switches'] for name in row.benchmarks) for run in row.done()]
    return [
        _name(row),
        *(row.text_of(row.means(name), percent) for name in _SHARES),
        row.text_of(switches, amount),
        ', '.join(f'{run["threshold"]:g}' for run in row.done()) or _NONE,
    ]


def picture_name(curve: str) -> str:
    """Return the name of the file of a curve."""
    return f'results_{curve}.svg'


def pictures(
    methods: Mapping[str, Mapping[str, Any]], found: Mapping[str, Row], benchmarks: Sequence[str]
) -> dict[str, str]:
    """Return the curves for which a row was run, SVG by the name of the file."""
    drawn = {}
    for method in methods.values():
        for name, curve in method.get('curves', {}).items():
            if lines := _points(curve, found, benchmarks):
                title = f'{method["title"]}: {curve["title"]}'
                drawn[picture_name(name)] = line_chart(title, curve['x'], 'AP [%]', lines)
    return drawn


def _points(
    curve: Mapping[str, Any], found: Mapping[str, Row], benchmarks: Sequence[str]
) -> dict[str, list[tuple[float, float]]]:
    """Return AP in percent over x: of each benchmark, and their mean; nothing without a run."""
    rows = [(float(x), found[name]) for x, name in curve['rows'].items() if found[name].done()]
    if not rows:
        return {}
    lines = {'mean': [(x, 100 * spread(row.means('AP'))[0]) for x, row in rows]}
    for name in benchmarks:
        lines[name] = [(x, 100 * spread(row.values_of(name, 'AP'))[0]) for x, row in rows]
    return lines
