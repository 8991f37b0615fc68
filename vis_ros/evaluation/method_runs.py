# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method over the images of one video, in two modes: every image, or as on a robot.

On a robot a method that takes longer than the time between two images must leave images out, and
what a planner knows is old. Source of the idea to score what is known at a moment: Li et al.,
"Towards Streaming Perception", ECCV 2020.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vis_ros.evaluation.run_results import VideoResults
from vis_ros.media.source import DEFAULT_FPS
from vis_ros.pipeline.session import Processed, TrackingSession
from vis_ros.structures import Frame, FrameResult

MODES = ('frames', 'realtime')
MOMENTS = ('next', 'stamp')


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes when a method runs as on a robot.

    Args:
        rate: Speed at which images arrive; 2 is twice as fast as recorded.
        step_ms: Time that each step takes [ms]; None for the time that it really took.
        known_at: Moment at which a frame is scored: `next`, when the next image arrives, or
            `stamp`, when the frame itself arrives.

    Raises:
        ValueError: A value is out of its range.
    """

    rate: float = 1.0
    step_ms: float | None = None
    known_at: str = 'next'

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f'rate: expected a positive number, got {self.rate}')
        if self.step_ms is not None and not (math.isfinite(self.step_ms) and self.step_ms >= 0):
            raise ValueError(f'step_ms: expected 0 or more, got {self.step_ms}')
        if self.known_at not in MOMENTS:
            raise ValueError(f'known_at: expected {" or ".join(MOMENTS)}, got {self.known_at!r}')


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run did.

    Args:
        images: Images of the recording.
        processed: Images that the method took.
        step_ms: Duration of each step [ms].
        latency_ms: From the arrival of an image until its result was there [ms], one for each
            result. Without `realtime` no image waits: it is the duration of the step.
    """

    images: int
    processed: int
    step_ms: tuple[float, ...]
    latency_ms: tuple[float, ...]

    @property
    def dropped(self) -> int:
        """Images that the method never saw."""
        return self.images - self.processed

    @staticmethod
    def total(parts: Iterable[RunCounts]) -> RunCounts:
        """Return the counts of several runs together."""
        parts = list(parts)
        return RunCounts(
            sum(part.images for part in parts),
            sum(part.processed for part in parts),
            tuple(itertools.chain.from_iterable(part.step_ms for part in parts)),
            tuple(itertools.chain.from_iterable(part.latency_ms for part in parts)),
        )

    def summary(self) -> dict[str, float]:
        """Return counts, means and 95th percentiles; -1 where there is nothing to average."""
        figures: dict[str, float] = {
            'images': self.images,
            'processed': self.processed,
            'dropped': self.dropped,
        }
        for name, values in (('step', self.step_ms), ('latency', self.latency_ms)):
            figures[f'{name}_ms_mean'] = float(np.mean(values)) if values else -1.0
            figures[f'{name}_ms_p95'] = float(np.percentile(values, 95)) if values else -1.0
        return figures


def run_every_frame(
    session: TrackingSession,
    frames: Iterable[Frame],
    results: VideoResults,
    *,
    positions: Mapping[int, int],
) -> RunCounts:
    """Run a method over every image in order; nothing is dropped, however long it takes.

    Args:
        session: A new one.
        frames: All images.
        results: Takes the results.
        positions: Position in the video of the images that are scored, by their stamp [ns].

    Raises:
        ValueError: A result is not valid.
        Exception: Whatever the method raises.
    """
    step_ms: list[float] = []
    for frame in frames:
        start = time.perf_counter()
        ready = session.process(frame)
        step_ms.append((time.perf_counter() - start) * 1e3)
        _add(results, ready, positions)
    _add(results, session.flush(), positions)
    return RunCounts(len(step_ms), len(step_ms), tuple(step_ms), tuple(step_ms))


def _add(results: VideoResults, ready: Iterable[Processed], positions: Mapping[int, int]) -> None:
    for item in ready:
        if (position := positions.get(item.result.stamp_ns)) is not None:
            results.add(position, item.result)


def run_at_rate(
    session: TrackingSession,
    frames: Iterable[Frame],
    results: VideoResults,
    *,
    stamps_ns: Sequence[int],
    positions: Mapping[int, int],
    pace: Pace,
) -> RunCounts:
    """Run a method as on a robot: images arrive at their stamps, a busy method misses some.

    Whenever the method is free it takes the newest image that has arrived; older ones are dropped.
    Time is simulated: each step moves the clock on by its duration, so nothing ever waits. Each
    frame is scored with the newest result that is out at its moment (see `Pace`), of this image or
    of any before: its masks are held. Before the first result there are no tracks. Results that a
    method with a lag still owes at the end never come out.

    Args:
        session: A new one.
        frames: All images.
        results: Takes the results.
        stamps_ns: Stamps of all images in nanoseconds, rising.
        positions: Position in the video of the images that are scored, by their stamp [ns].
        pace: How time passes.

    Raises:
        ValueError: A result is not valid.
        Exception: Whatever the method raises.
    """
    arrivals_ns = [round((stamp_ns - stamps_ns[0]) / pace.rate) for stamp_ns in stamps_ns]
    published, step_ms = _simulate(session, frames, arrivals_ns, pace)
    moments_ns = _moments(arrivals_ns, pace)
    for index, stamp_ns in enumerate(stamps_ns):
        count = min(
            bisect_right(published, moments_ns[index], key=lambda entry: entry[0]),
            bisect_right(published, stamp_ns, key=lambda entry: entry[1].stamp_ns),
        )
        if count and (position := positions.get(stamp_ns)) is not None:
            results.add(position, published[count - 1][1])
    arrival_of = dict(zip(stamps_ns, arrivals_ns, strict=True))
    latency_ms = tuple(
        (out_ns - arrival_of[result.stamp_ns]) / 1e6 for out_ns, result in published
    )
    return RunCounts(len(stamps_ns), len(step_ms), tuple(step_ms), latency_ms)


def _simulate(
    session: TrackingSession, frames: Iterable[Frame], arrivals_ns: Sequence[int], pace: Pace
) -> tuple[list[tuple[int, FrameResult]], list[float]]:
    """Return all results with the time at which they came out [ns], and the step times [ms]."""
    published: list[tuple[int, FrameResult]] = []
    step_ms: list[float] = []
    clock_ns, next_index = 0, 0
    images = enumerate(frames)
    while next_index < len(arrivals_ns):
        clock_ns = max(clock_ns, arrivals_ns[next_index])
        newest = bisect_right(arrivals_ns, clock_ns) - 1
        frame = next(image for index, image in images if index == newest)
        start = time.perf_counter()
        ready = session.process(frame)
        measured_ms = (time.perf_counter() - start) * 1e3
        step_ms.append(measured_ms if pace.step_ms is None else pace.step_ms)
        clock_ns += round(step_ms[-1] * 1e6)
        published += [(clock_ns, item.result) for item in ready]
        next_index = newest + 1
    return published, step_ms


def _moments(arrivals_ns: Sequence[int], pace: Pace) -> list[int]:
    """Return the moment at which each frame is scored; the last has a step of middle length."""
    if pace.known_at == 'stamp':
        return list(arrivals_ns)
    steps_ns = [after - before for before, after in itertools.pairwise(arrivals_ns)]
    step_ns = statistics.median_low(steps_ns) if steps_ns else round(1e9 / DEFAULT_FPS / pace.rate)
    return [*arrivals_ns[1:], *(arrivals_ns[-1:] and [arrivals_ns[-1] + step_ns])]
