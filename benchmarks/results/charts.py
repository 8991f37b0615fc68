# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small line charts as SVG, written as text, so that the same numbers give the same file."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 170, 34, 44  # margins; the legend is on the right
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000')
_TICKS = 5  # at most, about
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Points = Sequence[tuple[float, float]]


def line_chart(title: str, x: str, y: str, lines: Mapping[str, Points]) -> str:
    """Return a picture of lines with a mark at each point.

    Each place on the x axis stands where it is in the order of all, not where its number is: what
    is shown is tried at few places, often each about twice the one before.

    Args:
        title: Above it.
        x: Below the horizontal axis.
        y: Beside the vertical one, which begins at 0 or below.
        lines: Points (x, y) by the name of the line; at least one point.
    """
    places = sorted({point[0] for points in lines.values() for point in points})
    heights = [point[1] for points in lines.values() for point in points]
    ticks = _ticks(min(0.0, *heights), max(*heights, 1e-9))

    def at(point: tuple[float, float]) -> tuple[float, float]:
        across = (places.index(point[0]) + 0.5) / len(places)
        up = (point[1] - ticks[0]) / (ticks[-1] - ticks[0])
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    middle, low = (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(middle, 20, title, 'text-anchor="middle" font-size="14"'),
        _text(middle, _HEIGHT - 8, x, 'text-anchor="middle"'),
        _text(
            14, (_TOP + low) / 2, y, f'text-anchor="middle" transform="rotate(-90 14 {_up(low)})"'
        ),
    ]
    for tick in ticks:
        height = at((places[0], tick))[1]
        parts.append(
            f'<path d="M{_LEFT} {height:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd" fill="none"/>'
        )
        parts.append(_text(_LEFT - 6, height + 4, f'{tick:g}', 'text-anchor="end"'))
    for place in places:
        across = at((place, ticks[0]))[0]
        parts.append(_text(across, low + 16, f'{place:g}', 'text-anchor="middle"'))
    for number, (name, points) in enumerate(lines.items()):
        parts += _line(number, name, [at(point) for point in sorted(points)])
    return '\n'.join([*parts, '</svg>']) + '\n'


def _up(low: float) -> str:
    return f'{(_TOP + low) / 2:.1f}'


def _line(number: int, name: str, points: Points) -> Iterator[str]:
    """Yield a line, its marks, and its entry in the legend."""
    colour = _COLOURS[number % len(_COLOURS)]
    way = 'L'.join(f'{x:.1f} {y:.1f}' for x, y in points)
    if len(points) > 1:
        yield f'<path d="M{way}" stroke="{colour}" stroke-width="2" fill="none"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
    left, height = _WIDTH - _RIGHT + 16, _TOP + 10 + 20 * number
    yield f'<circle cx="{left}" cy="{height}" r="4" fill="{colour}"/>'
    yield _text(left + 10, height + 4, name, '')


def _text(x: float, y: float, text: str, more: str) -> str:
    space = ' ' if more else ''
    return f'<text x="{x:.1f}" y="{y:.1f}"{space}{more}>{html.escape(text)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from not above `low` to not below `high`."""
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in _STEPS if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * number, 12) for number in range(first, max(last, first + 1) + 1)]
