# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All that belongs to one camera: images, session and memory, outputs, counters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vis_ros.methods import Method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.ros.depth_input import DepthInput
from vis_ros.ros.error_log import ErrorLog
from vis_ros.ros.frame_work import Arrival, FrameWork
from vis_ros.ros.host import Closeable, Host
from vis_ros.ros.image_input import ImageInput
from vis_ros.ros.mailbox import Mailbox
from vis_ros.ros.outputs import Outputs
from vis_ros.ros.parameter_checks import class_ids
from vis_ros.ros.parameters import NodeParameters
from vis_ros.ros.spatial_work import SpatialWork
from vis_ros.ros.statistics import Statistics
from vis_ros.ros.transform_input import TransformInput
from vis_ros.structures.options import replace_config


class CameraStream:
    """One camera of the node; cameras share the method, and nothing else.

    Its states are those of the node: unconfigured, inactive (session and publishers are there),
    active (images flow). Counters live as long as the stream.

    Args:
        host: The node.
        name: Name of the camera; empty for the only camera of a node.
        between_frames: Runs a job while no frame is at work; raises what the job raises, and
            TimeoutError or ValueError where a frame does not end.

    Attributes:
        parameters: Those of the node, with the topic and the memory file of this camera.
        statistics: Counts and times since the start.
        session: The method at work on this camera; None while unconfigured.
        spatial: Gives the tracks their places in space.
        frames: What is done with an image; None while unconfigured.
        is_enabled: Whether images are processed, or ignored.
    """

    def __init__(
        self, host: Host, name: str, between_frames: Callable[[Callable[[], None]], None]
    ) -> None:
        self.name = name
        self.parameters = NodeParameters()
        self.statistics = Statistics()
        self.session: TrackingSession | None = None
        self.frames: FrameWork | None = None
        self.is_enabled = True
        self._host = host
        self._between_frames = between_frames
        self._errors = ErrorLog(host, self.statistics, label=self.label)
        self.spatial = SpatialWork(self.statistics, self._errors)
        self._box: Mailbox | None = None
        self._configured: list[Closeable] = []
        self._active: list[Closeable] = []

    @property
    def prefix(self) -> str:
        """What the names of its topics and services begin with."""
        return f'~/{self.name}/' if self.name else '~/'

    @property
    def label(self) -> str:
        """What its lines in the log begin with."""
        return f'{self.name}: ' if self.name else ''

    # Life cycle

    def configure(
        self, method: Method, parameters: NodeParameters, shown_classes: frozenset[int] | None
    ) -> None:
        """Begin a session, restore its memory and offer the topics.

        Args:
            method: Serves this camera, and others too.
            parameters: Of this camera.
            shown_classes: Class ids that are published, or None for all.
        """
        self.parameters = parameters
        self.session = TrackingSession(method, session_id=_first_session_id())
        self._restore(self.session)
        outputs = Outputs(
            self._host,
            prefix=self.prefix,
            method=method.name,
            class_names=method.classes,
            statistics=self.statistics,
        )
        self._configured.append(outputs)
        self.frames = FrameWork(
            self.session,
            outputs,
            self.statistics,
            self._errors,
            parameters=parameters,
            shown_classes=shown_classes,
            spatial=self.spatial,
        )

    def activate(self, box: Mailbox) -> str:
        """Subscribe to the images.

        Args:
            box: Gets each image message, on the executor's thread.

        Returns:
            The topic of the images.

        Raises:
            ValueError: The topic's name is not right.
        """
        p = self.parameters
        self._box = box
        if p.depth_topic:
            self._open_depth(self.checked_frames().session.method.lag)
        images = ImageInput(self._host, p, self._receive, self._complain)
        self._active.append(images)
        if p.memory_file and p.memory_period_s > 0:
            self._active.append(self._host.create_timer(p.memory_period_s, self.save_quietly))
        return images.topic

    def _open_depth(self, lag: int) -> None:
        p = self.parameters
        self.spatial.depth = DepthInput(self._host, p, self._complain, lag=lag)
        self._active.append(self.spatial.depth)
        if p.output_frame:
            self.spatial.transforms = TransformInput(self._host, self._complain)
            self._active.append(self.spatial.transforms)

    def deactivate(self) -> None:
        """Stop the images."""
        while self._active:
            self._active.pop().close()
        self.spatial.depth = self.spatial.transforms = None

    def count_dropped(self) -> None:
        """Take the drops of the mailbox into the statistics, once its worker was stopped."""
        box, self._box = self._box, None
        if box is not None:
            self.statistics.count('dropped', box.dropped)

    @property
    def dropped(self) -> int:
        """Images that were dropped since the start."""
        box = self._box
        return self.statistics.counts['dropped'] + (0 if box is None else box.dropped)

    def finish(self) -> None:
        """Write the memory file after the last frame, once nothing is at work any more."""
        if self.frames is not None:
            self.frames.reset_if_wanted()
            self.save_quietly(is_final=True)

    def cleanup(self) -> None:
        """Give back everything that `configure` took."""
        if self.frames is not None:
            self.frames.is_ended = True
            self.frames = None
        while self._configured:
            self._configured.pop().close()
        self.session = None

    # Images, on the executor's thread

    def _receive(self, message: Any) -> None:
        arrival = Arrival(message, time.perf_counter())
        self.statistics.count('received')
        box = self._box
        if box is not None and self.is_enabled:
            depth = self.spatial.depth
            if depth is not None:
                depth.expect(message)
            dropped = box.offer(arrival)
            if depth is not None and dropped is not None:
                depth.forget(dropped.message)
        else:
            self.statistics.count('ignored')

    def _complain(self, text: str) -> None:
        self._errors.error('subscription', text)

    # Memory

    def _restore(self, session: TrackingSession) -> None:
        path = self.parameters.memory_file
        if not path or not Path(path).exists():
            return
        try:
            session.load(Path(path))
        except Exception as error:  # whatever a damaged file provokes: the robot must start
            os.replace(path, f'{path}.refused')
            text = f'{error}; the file is now {path}.refused'
            self._host.log('warn', f'{self.label}starting with an empty track memory: {text}')
        else:
            self._host.log('info', f'{self.label}track memory restored from {path}')

    def save_quietly(self, *, is_final: bool = False) -> None:
        """Write the memory file, if there is to be one; a failure is counted and logged."""
        if not self.parameters.memory_file:
            return
        try:
            self.save_memory(Path(self.parameters.memory_file), is_final=is_final)
        except Exception as error:  # a full disk, a method at fault: tracking goes on
            self._errors.error('memory', f'the track memory was not written: {error}')

    def save_memory(self, path: Path, *, is_final: bool = False) -> None:
        """Write the track memory, between two frames.

        Raises:
            ValueError: The node is not configured.
            TimeoutError: The frame at work takes too long.
            OSError: The file cannot be written.
        """
        session = self._checked_session()
        self._between_frames(lambda: session.save(path, is_final=is_final))

    def load_memory(self, path: Path) -> None:
        """Read a track memory, between two frames.

        Raises:
            ValueError: The node is not configured, or the file does not fit.
            TimeoutError: The frame at work takes too long.
            OSError: The file cannot be read.
        """
        session = self._checked_session()
        self._between_frames(lambda: session.load(path))

    def request_reset(self) -> None:
        """Start a new session before the next frame; returns at once."""
        self.checked_frames().request_reset()

    def set_parameters(self, changes: Mapping[str, Any]) -> None:
        """Take changes of the node's parameters at run time; all or none.

        Raises:
            ValueError: A value is not allowed, or the node is not configured.
        """
        frames = self.checked_frames()
        parameters = replace_config(self.parameters, changes)
        shown_classes = class_ids(parameters.class_filter, frames.session.method.classes)
        self.parameters = frames.parameters = parameters
        frames.shown_classes = shown_classes

    def checked_frames(self) -> FrameWork:
        """Return `frames`.

        Raises:
            ValueError: The node is not configured.
        """
        if self.frames is None:
            raise ValueError('the node is not configured')
        return self.frames

    def _checked_session(self) -> TrackingSession:
        if self.session is None:
            raise ValueError('the node is not configured')
        return self.session


def _first_session_id() -> int:
    """Return an id that is higher than that of every earlier run of the node."""
    return max(1, time.time_ns() // 1_000_000)
