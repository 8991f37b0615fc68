# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tables that `vis_ros evaluate` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from vis_ros.evaluation.evaluation import Evaluation

_ROWS = (
    ('video AP', ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl')),
    ('by occlusion', ('APso', 'APmo', 'APho')),
    ('video AR', ('AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl')),
    ('identity', ('IDF1', 'IDP', 'IDR', 'switches', 'fragmentations')),
    ('boxes', ('MOTA', 'misses', 'false_positives', 'mostly_tracked', 'mostly_lost')),
    ('HOTA', ('HOTA', 'DetA', 'AssA', 'LocA')),
)
_MODE_ROWS = (
    ('AP', 'AP50', 'AP75', 'AR1', 'AR10'),
    ('IDF1', 'MOTA', 'switches', 'fragmentations', 'misses', 'false_positives'),
    ('HOTA', 'DetA', 'AssA'),
    ('images', 'scored', 'processed', 'dropped'),
    ('step_ms_mean', 'step_ms_p95', 'latency_ms_mean', 'latency_ms_p95'),
)
_WIDTH = 200  # for a file or a pipe, a width that needs no folding


def show_figures(evaluation: Evaluation) -> None:
    """Show the figures of one evaluation, a row for each family."""
    figures = evaluation.figures()
    table = Table(title=f'{len(evaluation.annotations.videos)} videos', show_header=False)
    for title, names in _ROWS:
        cells = [f'{name} [bold]{_text(figures[name])}[/]' for name in names if name in figures]
        if cells:
            table.add_row(title, *cells)
    console = _console()
    console.print(table)
    if dropped := evaluation.dropped():
        console.print(f'{dropped} results are of categories that the ground truth does not list')


def show_modes(title: str, columns: Mapping[str, Mapping[str, float]]) -> None:
    """Show figures and counts side by side.

    Args:
        title: Heading.
        columns: Figures by the heading of their column.
    """
    table = Table('', *columns, title=title)
    for names in _MODE_ROWS:
        there = [name for name in names if any(name in figures for figures in columns.values())]
        for name in there:
            cells = (
                _text(figures[name], digits=2 if '_ms' in name else 4)
                for figures in columns.values()
            )
            table.add_row(name, *cells, end_section=name == there[-1])
    _console().print(table)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def _text(value: float, *, digits: int = 4) -> str:
    return str(value) if isinstance(value, int) else '-1' if value == -1 else f'{value:.{digits}f}'
