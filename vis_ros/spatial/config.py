# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of measuring and smoothing positions."""

from dataclasses import dataclass

from vis_ros.structures.options import option


@dataclass(frozen=True)
class SpatialConfig:
    """How depths become positions."""

    min_m: float = option(
        0.1, 'Depths below are dropped.', unit='m', minimum=0.001, maximum=1000.0, mutable=True
    )
    max_m: float = option(
        20.0, 'Depths above are dropped.', unit='m', minimum=0.01, maximum=10000.0, mutable=True
    )
    border_px: int = option(
        2,
        "Width of the mask's border, in pixels of the image, whose depths are not trusted; less "
        'on objects that would vanish.',
        unit='px',
        minimum=0,
        maximum=50,
        mutable=True,
    )
    smooth: bool = option(
        True, 'Smooth positions over time, and predict them through short gaps.', mutable=True
    )
    noise: float = option(
        0.01,
        'Standard deviation of a measured position as a share of its range; three times as much '
        'for quality LOW.',
        minimum=0.0001,
        maximum=1.0,
        mutable=True,
    )
    acceleration_m_s2: float = option(
        2.0,
        'How much an object accelerates: its velocity wanders by this much in a second (one '
        'standard deviation).',
        unit='m/s^2',
        minimum=0.001,
        maximum=1000.0,
        mutable=True,
    )
    hold_s: float = option(
        0.5,
        'How long a position is predicted after its latest measurement; 0 for not at all.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        mutable=True,
    )
