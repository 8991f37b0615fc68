# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A time line of the true tracks and the result tracks of one video, as SVG.

Each row is a track, each column a frame. A true track has the colour of the result that it is
matched with, so an identity switch is a change of colour; it is marked with a triangle too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

from vis_ros.evaluation.box_tracks import VideoBoxes
from vis_ros.evaluation.tracking import Event
from vis_ros.media.palette import track_colour

MISSED = '#e3e3e3'
FALSE = '#d40000'
_LABEL_PX = 190
_ROW_PX = 15
_WIDTH_PX = 900

Cell = tuple[str, str]
"""Colour, and what it means."""


def colour_of(result: int) -> str:
    """Return the colour of a result by its position in `VideoBoxes.result_indices`."""
    return '#{:02x}{:02x}{:02x}'.format(*track_colour(result + 1))


def timeline_svg(
    video: VideoBoxes,
    events: Sequence[Event],
    truth_labels: Sequence[str],
    result_labels: Sequence[str],
) -> str:
    """Return the time line of a video.

    Args:
        video: Its boxes.
        events: What motmetrics says of them.
        truth_labels: A name for each true track.
        result_labels: A name for each result track.
    """
    truths: list[dict[int, Cell]] = [{} for _ in truth_labels]
    results: list[dict[int, Cell]] = [{} for _ in result_labels]
    switches: list[tuple[int, int]] = []
    for event in events:
        if event.truth is not None and event.result is None:
            truths[event.truth][event.frame] = (MISSED, 'missed')
        elif event.result is not None and event.truth is None:
            results[event.result][event.frame] = (FALSE, 'false positive')
        elif event.truth is not None and event.result is not None:
            colour = colour_of(event.result)
            truths[event.truth][event.frame] = (colour, result_labels[event.result])
            results[event.result][event.frame] = (colour, truth_labels[event.truth])
            if event.kind == 'switch':
                switches.append((event.truth, event.frame))
    step = min(24.0, max(1.0, (_WIDTH_PX - _LABEL_PX) / max(1, len(video.frames))))
    rows = [
        *_rows('ground truth', truth_labels, truths, 0, step),
        *_rows('results', result_labels, results, len(truths) + 1, step),
        *(_marker(row + 1, frame, step) for row, frame in switches),
    ]
    width = round(_LABEL_PX + step * len(video.frames) + 4)
    height = _ROW_PX * (len(truths) + len(results) + 2) + 4
    head = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return ''.join([head, *rows, '</svg>'])


def _rows(
    title: str,
    labels: Sequence[str],
    tracks: Sequence[Mapping[int, Cell]],
    first: int,
    step: float,
) -> Iterable[str]:
    yield f'<text x="0" y="{first * _ROW_PX + 11}" font-weight="bold">{title}</text>'
    for row, (label, cells) in enumerate(zip(labels, tracks, strict=True), start=first + 1):
        y = row * _ROW_PX
        yield f'<text x="8" y="{y + 11}">{escape(label)}</text>'
        for (colour, meaning), start, end in _runs(cells):
            last = f' to {end - 1}' if end - 1 > start else ''
            yield (
                f'<rect x="{_LABEL_PX + start * step:.1f}" y="{y + 2}" '
                f'width="{(end - start) * step:.1f}" height="{_ROW_PX - 4}" fill="{colour}">'
                f'<title>frame {start}{last}: {escape(meaning)}</title></rect>'
            )


def _runs(cells: Mapping[int, Cell]) -> Iterable[tuple[Cell, int, int]]:
    """Yield equal neighbouring cells: what they hold, first frame, frame after the last."""
    frames = sorted(cells)
    keyed = [(frame - index, cells[frame]) for index, frame in enumerate(frames)]
    position = 0
    for (_, cell), group in groupby(keyed):
        count = len(list(group))
        yield cell, frames[position], frames[position] + count
        position += count


def _marker(row: int, frame: int, step: float) -> str:
    x, y = _LABEL_PX + frame * step, row * _ROW_PX
    return (
        f'<path class="switch" d="M{x - 4:.1f} {y - 2}h8l-4 6zM{x:.1f} {y}v{_ROW_PX}">'
        f'<title>identity switch in frame {frame}</title></path>'
    )
