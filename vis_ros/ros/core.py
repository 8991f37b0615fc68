# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker node, whatever carries it: life cycle, parameters, memory.

The executor's thread only stores images and answers services; the worker's thread decodes, tracks
and publishes (`FrameWork`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vis_ros.methods import Method
from vis_ros.pipeline.build import build_method, find_method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.ros.diagnostics import Diagnostics
from vis_ros.ros.error_log import ErrorLog
from vis_ros.ros.frame_work import FrameWork
from vis_ros.ros.host import Closeable, Host
from vis_ros.ros.image_input import ImageInput
from vis_ros.ros.outputs import Outputs
from vis_ros.ros.parameter_checks import check_memory_file, check_mutable, class_ids
from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters
from vis_ros.ros.services import Services
from vis_ros.ros.statistics import Statistics
from vis_ros.ros.worker import Worker
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config, options_of, replace_config

_STOP_S = 10.0  # longest wait for the frame at work when the node is deactivated
_JOB_S = 5.0  # longest wait for it before the memory is saved or loaded


class TrackerCore:
    """Subscribes to images, tracks, publishes; see `docs/architecture.md`.

    States as in ROS 2: unconfigured, inactive (method built and warm), active (images flow).

    Args:
        host: The node.

    Attributes:
        parameters: The values in force.
        statistics: Counts and times since the start.
        session: The method at work; None while unconfigured.
        worker: Thread and mailbox; None unless active.
        is_enabled: Whether images are processed, or ignored.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.statistics = Statistics()
        self.parameters = build_config(NodeParameters, host.declare(options_of(NodeParameters)))
        self.session: TrackingSession | None = None
        self.worker: Worker | None = None
        self.is_enabled = True
        self._errors = ErrorLog(host, self.statistics)
        self._frames: FrameWork | None = None
        self._stuck: Worker | None = None  # its frame did not end in time
        self._configured: list[Closeable] = []
        self._active: list[Closeable] = []
        host.on_parameters = self._on_parameters

    # Life cycle

    def configure(self) -> None:
        """Build the method, warm it up, restore the memory, offer topics and services.

        Raises:
            ValueError: A parameter or the weights are not right.
            OSError: A file cannot be read.
        """
        start = time.monotonic()
        p = self.parameters
        method_options = options_of(find_method(p.method).Config)
        check_memory_file(p.memory_file)
        try:
            config = self.host.declare(method_options, METHOD_PREFIX)
            method = build_method(p.method, weights=p.weights, device=p.device, **config)
            shown_classes = class_ids(p.class_filter, method.classes)
            self._warm_up(method)
            self.session = TrackingSession(method, session_id=_first_session_id())
            self._restore(self.session)
            outputs = Outputs(
                self.host,
                method=p.method,
                class_names=method.classes,
                statistics=self.statistics,
            )
            self._configured.append(outputs)
            self._frames = FrameWork(
                self.session,
                outputs,
                self.statistics,
                self._errors,
                parameters=p,
                shown_classes=shown_classes,
            )
            self._configured.append(Services(self))
            self._configured.append(Diagnostics(self))
        except BaseException:
            self.cleanup()
            raise
        self.host.log(
            'info',
            f'{p.method} is ready on {p.device}, {len(method.classes)} classes, '
            f'configured in {time.monotonic() - start:.1f} s',
        )

    def activate(self) -> None:
        """Start the worker and subscribe to the images.

        Raises:
            ValueError: The node is not configured, a frame never ended, or the topic's name is not
                right.
        """
        p, frames = self.parameters, self._frames
        self._check_not_stuck()
        if frames is None:
            raise ValueError('the node is not configured')
        if p.memory_file:
            self._save_quietly(is_final=False)  # ids that are given now must not be given again
        self.worker = Worker(frames.process, depth=1 if p.queue == 'latest' else p.queue_depth)
        self.worker.start()
        try:
            images = ImageInput(self.host, p, self._receive, self._complain)
            self._active.append(images)
            if p.memory_file and p.memory_period_s > 0:
                timer = self.host.create_timer(p.memory_period_s, self._save_quietly)
                self._active.append(timer)
        except BaseException:
            self.deactivate()
            raise
        self.host.log('info', f'active: images from {images.topic}')

    def deactivate(self) -> None:
        """Stop the images, finish the frame at work, write the memory file."""
        while self._active:
            self._active.pop().close()
        worker, self.worker = self.worker, None
        if worker is None:
            return
        has_ended = worker.stop(_STOP_S)
        self.statistics.count('dropped', worker.dropped)
        if not has_ended:
            self._stuck = worker
            self.host.log('error', f'the frame at work did not end within {_STOP_S:g} s')
        elif self._frames is not None:
            self._frames.reset_if_wanted()
            if self.parameters.memory_file:
                self._save_quietly(is_final=True)

    def cleanup(self) -> None:
        """Free the method and everything else that `configure` made."""
        self.deactivate()
        if self._frames is not None:
            self._frames.is_ended = True
            self._frames = None
        while self._configured:
            self._configured.pop().close()
        self.session = None
        self._stuck = None  # a worker of a method that nobody uses any more
        self.host.undeclare(METHOD_PREFIX)

    def shutdown(self) -> None:
        """End from any state."""
        self.cleanup()

    def _warm_up(self, method: Method) -> None:
        width, height = self.parameters.warm_up_width, self.parameters.warm_up_height
        if not width or not height:
            return
        state = method.init_state()
        for stamp_ns in range(2):
            state, _ = method.step(state, Frame(np.zeros((height, width, 3), np.uint8), stamp_ns))

    # Images, on the executor's thread

    def _receive(self, message: Any) -> None:
        self.statistics.count('received')
        worker = self.worker
        if worker is not None and self.is_enabled:
            worker.offer(message)
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
            self.host.log('warn', f'starting with an empty track memory: {text}')
        else:
            self.host.log('info', f'track memory restored from {path}')

    def _save_quietly(self, *, is_final: bool = False) -> None:
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
        if self._frames is None:
            raise ValueError('the node is not configured')
        self._frames.request_reset()

    def _checked_session(self) -> TrackingSession:
        if self.session is None:
            raise ValueError('the node is not configured')
        return self.session

    def _between_frames(self, job: Callable[[], None]) -> None:
        self._check_not_stuck()
        if self.worker is None:
            job()
        else:
            self.worker.call(job, _JOB_S)

    def _check_not_stuck(self) -> None:
        if self._stuck is not None and self._stuck.is_alive:
            raise ValueError('the last frame is still at work; run cleanup and configure to go on')
        self._stuck = None

    # Parameters

    def _on_parameters(self, changes: Mapping[str, Any]) -> str:
        """Take changes at run time; return why they are refused, or an empty text."""
        own = {n: v for n, v in changes.items() if not n.startswith(METHOD_PREFIX)}
        of_method = {n.removeprefix(METHOD_PREFIX): v for n, v in changes.items() if n not in own}
        frames, session = self._frames, self.session
        try:
            parameters = replace_config(self.parameters, own)
            if session is not None and frames is not None:
                method = session.method
                check_mutable(changes, method.Config)
                shown_classes = class_ids(parameters.class_filter, method.classes)
                method.config = replace_config(method.config, of_method)
                frames.parameters, frames.shown_classes = parameters, shown_classes
        except ValueError as error:
            return str(error)
        self.parameters = parameters
        return ''

    def set_class_filter(self, names: tuple[str, ...]) -> str:
        """Publish only the named classes; return why not, or an empty text."""
        return self._on_parameters({'class_filter': names})


def _first_session_id() -> int:
    """Return an id that is higher than that of every earlier run of the node."""
    return max(1, time.time_ns() // 1_000_000)
