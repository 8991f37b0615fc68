# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a track was, or will be, at a time: between its observations, and a little after them.

Between two observations edges and positions move evenly. After the newest one they go on at the
speed of the straight line that fits the history best (least squares), so noise is averaged; both
are exact for motion along a line at constant speed.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vis_ros.client.record import NS_PER_S, Sample, TrackRecord
from vis_ros.structures.placement import Vector3
from vis_ros.structures.track import Box


@dataclass(frozen=True, slots=True)
class Estimate:
    """A track at a time.

    Args:
        stamp_ns: That time.
        box: Box [px]; it may reach out of the image.
        position_m: Position [m], or None where the observations around that time had none, or
            where its speed is needed and not known yet.
        extrapolated_s: How long after the newest observation that is [s]; 0 between observations.
    """

    stamp_ns: int
    box: Box
    position_m: Vector3 | None
    extrapolated_s: float


def estimate_at(
    record: TrackRecord, at_ns: int, *, max_extrapolation_s: float = 0.5, max_gap_s: float = 1.0
) -> Estimate | None:
    """Return a track at a time, or None where its history does not say.

    Args:
        record: The track.
        at_ns: Time, on the clock of the image stamps [ns].
        max_extrapolation_s: How long after the newest observation an estimate is still given [s].
        max_gap_s: Longest time between two observations to interpolate over [s].

    Returns:
        None before the oldest observation that is kept, too long after the newest one, or in too
        long a gap. Only observations count: while a track is LOST, time runs from the last one.

    Raises:
        ValueError: A limit is negative or NaN.
    """
    for name, limit in (('max_extrapolation_s', max_extrapolation_s), ('max_gap_s', max_gap_s)):
        if not limit >= 0:
            raise ValueError(f'{name}: expected 0 or more, got {limit}')
    history = record.history
    index = bisect.bisect_left(history, at_ns, key=lambda sample: sample.stamp_ns)
    if index == len(history):
        return _after(record, at_ns, max_extrapolation_s) if history else None
    if history[index].stamp_ns == at_ns:
        return Estimate(at_ns, history[index].box, history[index].position_m, 0.0)
    if index == 0:
        return None
    before, after = history[index - 1], history[index]
    if (after.stamp_ns - before.stamp_ns) / NS_PER_S > max_gap_s:
        return None
    return _between(before, after, at_ns)


def _between(before: Sample, after: Sample, at_ns: int) -> Estimate:
    share = (at_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
    position = None
    if before.position_m is not None and after.position_m is not None:
        position = _vector(_mix(before.position_m, after.position_m, share))
    return Estimate(at_ns, _box(_mix(before.box, after.box, share)), position, 0.0)


def _mix(a: Sequence[float], b: Sequence[float], share: float) -> np.ndarray:
    first = np.asarray(a, np.float64)
    return first + share * (np.asarray(b, np.float64) - first)


def _after(record: TrackRecord, at_ns: int, max_extrapolation_s: float) -> Estimate | None:
    newest = record.history[-1]
    ahead_s = (at_ns - newest.stamp_ns) / NS_PER_S
    if ahead_s > max_extrapolation_s:
        return None
    times_s, boxes = series(record.history, lambda sample: sample.box)
    if len(times_s) < 2:  # known for one frame here; the tracker may have followed it for longer
        speed = np.array(record.velocity_px_s * 2)
    else:
        _, speed = fit_line(times_s, boxes)
    edges = np.asarray(newest.box, np.float64) + ahead_s * speed
    return Estimate(at_ns, _box(edges), _position_after(record, at_ns), ahead_s)


def _position_after(record: TrackRecord, at_ns: int) -> Vector3 | None:
    position, base_ns = record.history[-1].position_m, record.history[-1].stamp_ns
    if record.placement is not None:  # also of a LOST track whose way the tracker predicts
        position, base_ns = record.placement.position_m, record.stamp_ns
    velocity = velocity_of(record)
    if position is None or velocity is None:
        return None
    return _vector(np.asarray(position) + (at_ns - base_ns) / NS_PER_S * velocity)


def velocity_of(record: TrackRecord) -> np.ndarray | None:
    """Return the velocity in space (3,) [m/s]: the tracker's, or that of the history.

    Returns:
        None where neither is known.
    """
    if record.velocity_m_s is not None:
        return np.asarray(record.velocity_m_s, np.float64)
    times_s, positions = series(record.history, lambda sample: sample.position_m)
    return fit_line(times_s, positions)[1] if len(times_s) >= 2 else None


def series(
    history: Sequence[Sample], value_of: Callable[[Sample], Sequence[float] | None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a history tells of one value.

    Args:
        history: Observations, oldest first, at least one.
        value_of: Value of an observation, or None where it has none.

    Returns:
        Times relative to the newest observation (N,) [s], 0 or less, and values float64 (N, K).
    """
    origin_ns = history[-1].stamp_ns
    told = [(sample.stamp_ns, value_of(sample)) for sample in history]
    pairs = [((ns - origin_ns) / NS_PER_S, value) for ns, value in told if value is not None]
    times_s = np.array([time_s for time_s, _ in pairs], np.float64)
    return times_s, np.array([value for _, value in pairs], np.float64)


def fit_line(times_s: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the line that fits values over time best, in the least squares sense.

    Args:
        times_s: Times (N,), of which at least two differ [s].
        values: float64 array (N, K).

    Returns:
        Values at time 0 (K,), and their rate of change (K,) per second.
    """
    mean_s = times_s.mean()
    centred = times_s - mean_s
    slope = centred @ values / (centred @ centred)
    return values.mean(axis=0) - mean_s * slope, slope


def _box(edges: np.ndarray) -> Box:
    """Return the box of four edges; what shrank to nothing is a point in its middle."""
    x_min, y_min, x_max, y_max = map(float, edges)
    if x_max < x_min:
        x_min = x_max = (x_min + x_max) / 2
    if y_max < y_min:
        y_min = y_max = (y_min + y_max) / 2
    return x_min, y_min, x_max, y_max


def _vector(values: np.ndarray) -> Vector3:
    x, y, z = map(float, values)
    return x, y, z
