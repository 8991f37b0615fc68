# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The section of docs/results.md about objects that were hidden, and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charts import line_chart
from sections import table

PICTURE = 'results_hidden.svg'
_TEXT = """\
An object goes behind a screen beside a twin of the same class and colours that stays in view, and
comes out on the same side or the other after exactly so many frames (10 a second). Does its track
have the id it had before? Shares of the events are in percent, and events are few: a difference
below 30 says little. Not counted is an object that had no track before. Every method remembers
tracks for 10 s here; all other options are those of its weights, the ones that ship where some do.
`iou`, `deepsort` and RGNNVIS see one detector. Overlap alone can only know an object again that
comes out where it went in, which about half of them do."""


def hidden_section(logs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the share of kept ids of each method, and what became of the others.

    Args:
        logs: Those of occlusion.py.
    """
    yield from _TEXT.splitlines()
    yield ''
    if not logs:
        yield 'Not run yet.'
        return
    lengths = _lengths(logs)
    body = [
        [log['title'], *(_cell(log['events'].get(str(hidden))) for hidden in lengths)]
        for log in logs
    ]
    head = [f'{hidden} frames' for hidden in lengths]
    yield from table(('id kept', *head), body)
    yield ''
    yield f'![Share of kept ids](images/{PICTURE})'
    yield ''
    yield 'All lengths together:'
    yield ''
    names = ('kept', 'twin', 'new', 'lost', 'unseen')
    head = ['kept', 'id of the twin', 'another id', 'no track after', 'no track before']
    totals = [[str(sum(e[n] for e in log['events'].values())) for n in names] for log in logs]
    yield from table(
        ('events', *head),
        [[log['title'], *cells] for log, cells in zip(logs, totals, strict=True)],
    )


def hidden_picture(logs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the curves as SVG by the name of the file; nothing without a log."""
    lines = {
        log['title'].strip('`'): [
            (float(hidden), 100 * share)
            for hidden in _lengths(logs)
            if (share := _share(log['events'].get(str(hidden)))) is not None
        ]
        for log in logs
    }
    lines = {title: points for title, points in lines.items() if points}
    if not lines:
        return {}
    title = 'Ids kept by objects that were hidden'
    return {PICTURE: line_chart(title, 'frames without the object', 'ids kept [%]', lines)}


def _lengths(logs: Sequence[Mapping[str, Any]]) -> list[int]:
    return sorted({int(hidden) for log in logs for hidden in log['events']})


def _share(counts: Mapping[str, int] | None) -> float | None:
    """Return the share of kept ids, None without an event."""
    if counts is None:
        return None
    total = sum(counts.values()) - counts['unseen']
    return counts['kept'] / total if total else None


def _cell(counts: Mapping[str, int] | None) -> str:
    share = _share(counts)
    if counts is None or share is None:
        return '-' if counts is None else 'undefined'
    return f'{100 * share:.0f} ({counts["kept"]} of {sum(counts.values()) - counts["unseen"]})'
