# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is done with an image message: decode it, track on one thread, publish on another."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

from vis_ros.pipeline.result_check import ResultError
from vis_ros.pipeline.session import Processed, TrackingSession, process_many
from vis_ros.ros.error_log import ErrorLog
from vis_ros.ros.outputs import Outputs
from vis_ros.ros.parameters import NodeParameters
from vis_ros.ros.spatial_work import SpatialWork
from vis_ros.ros.statistics import Statistics
from vis_ros.structures import Frame
from vis_ros.wire.encodings import frame_of

_TRACE_PARTS = 3  # last lines of a traceback that tell where a method failed


class Arrival(NamedTuple):
    """An image message.

    Args:
        message: As it came.
        at_s: When it came, by `time.perf_counter`.
        read: Its frame, or what was wrong with it; None as long as nobody has looked.
    """

    message: Any
    at_s: float
    read: Frame | Exception | None = None


class FrameWork:
    """Takes frames from one `configure` to the next `cleanup`.

    Each message ends in exactly one of the counters processed, out_of_order and failed. The
    session is used on the worker's thread alone, places and outputs on the publisher's alone; the
    input's thread only asks its method.

    Args:
        session: Runs the method.
        outputs: Gets the results.
        statistics: Takes counts and times.
        errors: Gets the faults.
        parameters: Those of the node.
        spatial: Gives the tracks their places in space.

    Attributes:
        session: Runs the method.
        parameters: May be replaced at any time.
        shown_classes: Class ids that are published, or None for all; may be replaced too.
        is_ended: Set to throw away the frames at work instead of publishing them.
    """

    def __init__(
        self,
        session: TrackingSession,
        outputs: Outputs,
        statistics: Statistics,
        errors: ErrorLog,
        *,
        parameters: NodeParameters,
        shown_classes: frozenset[int] | None,
        spatial: SpatialWork,
    ) -> None:
        self.session = session
        self._outputs = outputs
        self._statistics = statistics
        self._errors = errors
        self._spatial = spatial
        self.parameters = parameters
        self.shown_classes = shown_classes
        self.is_ended = False
        self._wants_reset = False

    def request_reset(self) -> None:
        """Start a new session before the next frame; returns at once."""
        self._wants_reset = True

    def reset_if_wanted(self) -> None:
        """Do what `request_reset` asked for; only between two frames."""
        if self._wants_reset:
            self._wants_reset = False
            self.session.reset()

    # On the input's thread

    def prepare(self, arrival: Arrival) -> Arrival:
        """Return an image message with its frame, prepared for the method; never raises."""
        read = self._read(arrival)
        if isinstance(read, Frame):
            with contextlib.suppress(Exception):  # `step` does it again, and says what is wrong
                read = dataclasses.replace(read, prepared=self.session.method.prepare(read))
        return arrival._replace(read=read)

    # On the worker's thread

    def enter(self, arrival: Arrival) -> Frame | None:
        """Return the frame of an image message; None if none is to be tracked. Never raises."""
        frame = self._read(arrival) if arrival.read is None else arrival.read
        if isinstance(frame, Exception):
            text = str(frame) if isinstance(frame, ValueError) else repr(frame)
            self._fail('image', f'frame dropped: {text}')
            return None
        if frame.stamp_ns == 0:
            self._statistics.count('unstamped')
        self.reset_if_wanted()
        if self._is_late(frame):
            self._statistics.count('out_of_order')
            return None
        return frame

    def _read(self, arrival: Arrival) -> Frame | Exception:
        start = time.perf_counter()
        try:
            frame = dataclasses.replace(frame_of(arrival.message), arrived_s=arrival.at_s)
        except Exception as error:  # whatever the bytes of a stranger provoke
            return error
        self._statistics.times({'decode': (time.perf_counter() - start) * 1e3})
        return frame

    def _is_late(self, frame: Frame) -> bool:
        last_ns = self.session.last_ns
        reorder_ns = self.parameters.max_reorder_s * 1e9
        return last_ns is not None and 0 < last_ns - frame.stamp_ns <= reorder_ns

    def leave(self, known: int, done: list[Processed] | Exception) -> list[Processed] | None:
        """Return the results that are to be published; None if the frame failed. Never raises.

        Args:
            known: Id of the session before the frame.
            done: Results that are ready, or what the method raised.
        """
        session_id = self.session.session_id
        if isinstance(done, Exception):
            self._fail('method', f'frame dropped, new session {session_id}: {_describe(done)}')
            return None
        if session_id != known:
            self._errors.warn('session', f'stamps ran backwards: new session {session_id}')
        return done

    # On the publisher's thread

    def publish(self, done: list[Processed]) -> None:
        """Publish what became of a frame; never raises."""
        if self.is_ended:
            return
        try:
            for frame, result in done:
                item = Processed(frame, self._spatial.locate(result, self.parameters))
                alpha = self.parameters.overlay_alpha
                self._outputs.publish(item, shown_classes=self.shown_classes, alpha=alpha)
        except Exception as error:  # the middleware, or a picture that cannot be drawn
            self._fail('publish', f'result not published: {_describe(error)}')
        else:
            self._statistics.count('processed')

    def _fail(self, kind: str, text: str) -> None:
        self._statistics.count('failed')
        self._errors.error(kind, text)


Tracked = list[tuple[FrameWork, list[Processed]]]


def process_batch(arrivals: Sequence[tuple[FrameWork, Arrival]]) -> Tracked:
    """Track image messages of different cameras together; never raises.

    Args:
        arrivals: At most one for each camera, with what takes the frames of that camera.

    Returns:
        What `publish_batch` is to publish: nothing of the session, which goes on with the next
        frame meanwhile.
    """
    entered = [(work, work.enter(arrival)) for work, arrival in arrivals]
    batch = [(work, frame) for work, frame in entered if frame is not None]
    known = [work.session.session_id for work, _ in batch]
    outcomes = process_many([(work.session, frame) for work, frame in batch])
    left = [
        (work, work.leave(session_id, outcome))
        for (work, _), session_id, outcome in zip(batch, known, outcomes, strict=True)
    ]
    return [(work, done) for work, done in left if done is not None]


def publish_batch(tracked: Tracked) -> None:
    """Publish what `process_batch` returned; never raises."""
    for work, done in tracked:
        work.publish(done)


def _describe(error: Exception) -> str:
    if isinstance(error, ResultError):
        return str(error)
    trace = ''.join(traceback.format_exception(error)[-_TRACE_PARTS:]).rstrip()
    return f'{error!r}\n{trace}'
