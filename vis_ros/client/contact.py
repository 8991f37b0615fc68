# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time to contact of a track, from its positions, or from how fast its image grows.

**From positions** (3D): object and observer are assumed to keep their velocities. With position p
and velocity v of the object relative to the observer, the time is the range over the closing
speed: (|p| - stand-off) / -(p . v / |p|). p and v are the tracker's own, which are smoothed; where
it gives no velocity, those of the straight line that fits the history.

**From the image** (no 3D): of an object that approaches the camera at constant speed without
turning, deforming or being hidden in part, the inverse of its size s in the image falls evenly.
The line that fits 1/s over time crosses zero at contact, which is tau = s / (ds/dt). It needs
neither the size of the object nor its range, but it is the time until contact with the *camera*:
no stand-off can be taken off. s is sqrt(width x height) of the box; where the border of the image
cuts the object, only the side that is whole. Source: D. N. Lee, A theory of visual control of
braking based on information about time-to-collision, Perception 5 (1976), the quantity tau.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vis_ros.client.motion import fit_line, series
from vis_ros.client.record import NS_PER_S, Sample, TrackRecord
from vis_ros.structures.placement import Vector3

_MIN_SAMPLES = 3
_MIN_SPAN_S = 0.1  # over less time than that, the noise of a box is larger than its growth

_NEVER_S = 1e6  # eleven days: what takes longer does not come nearer


@dataclass(frozen=True, slots=True)
class Observer:
    """Who will be touched, in the coordinate frame of the positions.

    In the frame of a camera on the robot this is the camera itself: the default. In a fixed frame
    such as `odom`, give the robot's position and velocity at the time of the question.

    Args:
        position_m: Position [m].
        velocity_m_s: Velocity [m/s].
        stand_off_m: Contact is when the object is so near to the position [m].
    """

    position_m: Vector3 = (0.0, 0.0, 0.0)
    velocity_m_s: Vector3 = (0.0, 0.0, 0.0)
    stand_off_m: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.position_m, *self.velocity_m_s))):
            raise ValueError(f'observer: expected finite numbers, got {self}')
        if not 0 <= self.stand_off_m < math.inf:
            raise ValueError(f'stand_off_m: expected 0 or more, got {self.stand_off_m}')


@dataclass(frozen=True, slots=True)
class Contact:
    """When a track will be touched if all goes on as it did.

    Args:
        time_s: Time to contact [s], 0 or more; infinite for what does not come nearer.
        source: Whether it comes from 'positions' or from the 'image'.
        range_m: Range at the time of the question [m]; None from the image.
        closing_m_s: Closing speed [m/s], negative when it goes away; None from the image.
        miss_m: Range at the closest approach from now on [m]; None from the image.
    """

    time_s: float
    source: Literal['positions', 'image']
    range_m: float | None = None
    closing_m_s: float | None = None
    miss_m: float | None = None


def time_to_contact(
    record: TrackRecord,
    at_ns: int | None = None,
    *,
    observer: Observer | None = None,
    max_extrapolation_s: float = 0.5,
) -> Contact | None:
    """Return when a track will be touched; see the module for what is assumed.

    Args:
        record: The track.
        at_ns: Time of the question, from which `time_s` counts [ns]; None for the time
            at which it was last known.
        observer: Who will be touched; None for the origin of the positions' frame, at rest.
        max_extrapolation_s: How long after the newest observation there is an answer [s].

    Returns:
        The contact from positions where the newest message has position and velocity, or where
        three observations over 0.1 s have positions; else from the image where as many have boxes
        whose size can be trusted. None where neither is so, or what is known is too old.
    """
    if not max_extrapolation_s >= 0:
        raise ValueError(f'max_extrapolation_s: expected 0 or more, got {max_extrapolation_s}')
    found = _from_positions(record, at_ns, observer or Observer(), max_extrapolation_s)
    if found is not None or not record.history:
        return found
    ahead_s = _ahead_s(record.history[-1].stamp_ns, at_ns)
    return _from_image(record.history, ahead_s) if ahead_s <= max_extrapolation_s else None


def _ahead_s(known_ns: int, at_ns: int | None) -> float:
    return 0.0 if at_ns is None else (at_ns - known_ns) / NS_PER_S


def _from_positions(
    record: TrackRecord, at_ns: int | None, observer: Observer, max_extrapolation_s: float
) -> Contact | None:
    if record.placement is not None and record.velocity_m_s is not None:
        known_ns = record.stamp_ns
        line = np.asarray(record.placement.position_m), np.asarray(record.velocity_m_s)
    else:
        fitted = _line(record.history, lambda sample: sample.position_m)
        if fitted is None:
            return None
        known_ns, line = record.history[-1].stamp_ns, fitted
    ahead_s = _ahead_s(known_ns, at_ns)
    if ahead_s > max_extrapolation_s:
        return None
    position = line[0] + ahead_s * line[1] - np.asarray(observer.position_m)
    return _on_a_line(position, line[1] - np.asarray(observer.velocity_m_s), observer.stand_off_m)


def _on_a_line(position: np.ndarray, velocity: np.ndarray, stand_off_m: float) -> Contact:
    range_m = float(np.linalg.norm(position))
    closing_m_s = float(-(position @ velocity) / range_m) if range_m else 0.0
    if closing_m_s * _NEVER_S <= range_m:  # also where there is nothing but rounding errors
        time_s, miss_m = math.inf, range_m
    else:
        nearest_s = range_m * closing_m_s / float(velocity @ velocity)
        miss_m = float(np.linalg.norm(position + nearest_s * velocity))
        time_s = (range_m - stand_off_m) / closing_m_s
    if range_m <= stand_off_m:
        time_s = 0.0
    return Contact(time_s, 'positions', range_m, closing_m_s, miss_m)


def _from_image(history: Sequence[Sample], ahead_s: float) -> Contact | None:
    for measure in (_of_both_sides, _of_height, _of_width):
        line = _line(history, measure)
        if line is None:
            continue
        inverse, rate = float(line[0][0]), float(line[1][0])
        if -rate * _NEVER_S <= inverse:
            return Contact(math.inf, 'image')
        return Contact(max(0.0, -inverse / rate - ahead_s), 'image')
    return None


def _line(
    history: Sequence[Sample], value_of: Callable[[Sample], Sequence[float] | None]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the fitted value at the newest observation and its rate, or None for too little."""
    if not history or value_of(history[-1]) is None:
        return None
    times_s, values = series(history, value_of)
    if len(times_s) < _MIN_SAMPLES or times_s[-1] - times_s[0] < _MIN_SPAN_S:
        return None
    return fit_line(times_s, values)


def _of_both_sides(sample: Sample) -> tuple[float] | None:
    width, height = _sides(sample)
    if any(sample.is_cut) or width <= 0 or height <= 0:
        return None
    return (1 / math.sqrt(width * height),)


def _of_height(sample: Sample) -> tuple[float] | None:
    height = _sides(sample)[1]
    return None if sample.is_cut[1] or height <= 0 else (1 / height,)


def _of_width(sample: Sample) -> tuple[float] | None:
    width = _sides(sample)[0]
    return None if sample.is_cut[0] or width <= 0 else (1 / width,)


def _sides(sample: Sample) -> tuple[float, float]:
    x_min, y_min, x_max, y_max = sample.box
    return x_max - x_min, y_max - y_min
