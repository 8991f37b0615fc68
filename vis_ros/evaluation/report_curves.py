# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Precision-recall curves as SVG."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vis_ros.evaluation.video_ap import IOU_THRESHOLDS, RECALL_POINTS, VideoAp

_COLOURS = ('#1f6fb4', '#d9760f', '#555555')
_EDGE = 34  # pixels left and below of a plot


def curves_of(ap: VideoAp, category: int | None = None) -> dict[str, np.ndarray]:
    """Return precision at the recall points at IoU 0.5, at 0.75, and as mean over all thresholds.

    Args:
        ap: All figures.
        category: Position of a category; the mean over all that are defined without one.

    Returns:
        float64 arrays (101,) by name; empty where no category is defined.
    """
    precision = ap.precision[..., 0, -1]  # (T, R, K)
    if category is not None:
        precision = precision[..., category : category + 1]
    precision = precision[..., precision[0, 0] >= 0]
    if precision.shape[-1] == 0:
        return {}
    mean = precision.mean(axis=-1)  # (T, R)
    index = int(np.argmin(np.abs(IOU_THRESHOLDS - 0.75)))
    return {'IoU 0.5': mean[0], 'IoU 0.75': mean[index], 'mean of 0.5 to 0.95': mean.mean(axis=0)}


def curve_svg(curves: Mapping[str, np.ndarray], *, width: int = 420, height: int = 300) -> str:
    """Return a plot of precision over recall.

    Args:
        curves: Precision at the 101 recall points, by name.
        width: Of the plot [px].
        height: Of the plot [px].
    """
    right, bottom = width - 8, height - _EDGE
    span, rise = right - _EDGE, bottom - 8
    parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">']
    for tick in (0.0, 0.5, 1.0):
        x, y = _EDGE + tick * span, bottom - tick * rise
        parts.append(
            f'<path class="grid" d="M{x:.1f} 8V{bottom}M{_EDGE} {y:.1f}H{right}"/>'
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>'
            f'<text x="{_EDGE - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    middle = _EDGE + span / 2
    parts.append(f'<text x="{middle}" y="{height - 4}" text-anchor="middle">recall</text>')
    for (name, values), colour in zip(curves.items(), _COLOURS, strict=False):
        points = ' '.join(
            f'{_EDGE + recall * span:.1f},{bottom - value * rise:.1f}'
            for recall, value in zip(RECALL_POINTS, values, strict=True)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2">'
            f'<title>{name}</title></polyline>'
        )
    return ''.join([*parts, '</svg>'])


def legend(curves: Mapping[str, np.ndarray]) -> str:
    """Return the names of the curves in their colours, as HTML."""
    pairs = zip(curves, _COLOURS, strict=False)
    return ' &nbsp; '.join(f'<b style="color:{colour}">{name}</b>' for name, colour in pairs)
