# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker node, whatever carries it: life cycle, frames in, tracks out.

The executor's thread only stores images and answers services; the worker's thread decodes, tracks
and publishes.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vis_ros.pipeline.build import build_method, find_method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.ros.diagnostics import Diagnostics
from vis_ros.ros.host import Closeable, Host
from vis_ros.ros.image_input import ImageInput
from vis_ros.ros.outputs import Outputs
from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters
from vis_ros.ros.services import Services
from vis_ros.ros.statistics import Statistics
from vis_ros.ros.worker import Worker
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config, options_of, replace_config
from vis_ros.wire.encodings import frame_of

_STOP_S = 30.0  # longest wait for the frame at work when the node is deactivated
_ERROR_PERIOD_S = 5.0  # one log line for errors in this time


class TrackerCore:
    """Subscribes to images, tracks, publishes; see `docs/architecture.md`.

    States as in ROS 2: unconfigured, inactive (method built and warm), active (images flow).

    Args:
        host: The node.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.statistics = Statistics()
        self.parameters = build_config(NodeParameters, host.declare(options_of(NodeParameters)))
        host.on_parameters = self._on_parameters
        self.session: TrackingSession | None = None
        self.worker: Worker | None = None
        self.is_enabled = True
        self._input: ImageInput | None = None
        self._outputs: Outputs | None = None
        self._parts: list[Closeable] = []
        self._shown_classes: frozenset[int] | None = None
        self._logged_errors: dict[str, float] = {}
        self._last_stamp_ns = -1
        self._wants_reset = False

    # Life cycle

    def configure(self) -> None:
        """Build the method, warm it up, restore the memory, offer topics and services.

        Raises:
            ValueError: A parameter or the weights are not right.
            OSError: A file cannot be read.
        """
        p = self.parameters
        method_options = options_of(find_method(p.method).Config)
        config = self.host.declare(method_options, METHOD_PREFIX)
        try:
            start = time.monotonic()
            method = build_method(p.method, weights=p.weights, device=p.device, **config)
            self._shown_classes = self._class_ids(p.class_filter, method.classes)
            self.session = TrackingSession(method, session_id=_first_session_id())
            self._warm_up()
            self._restore()
            self._outputs = Outputs(
                self.host,
                method=p.method,
                class_names=method.classes,
                statistics=self.statistics,
            )
            self._parts = [Services(self), Diagnostics(self)]
        except BaseException:
            self.cleanup()
            raise
        self.host.log(
            'info',
            f'{p.method} is ready on {p.device}, {len(method.classes)} classes, '
            f'configured in {time.monotonic() - start:.1f} s',
        )

    def activate(self) -> None:
        """Start the worker and subscribe to the images."""
        p = self.parameters
        depth = 1 if p.queue == 'latest' else p.queue_depth
        self.worker = Worker(self._process, depth=depth)
        self.worker.start()
        self._input = ImageInput(self.host, p, self._receive, self._complain)
        if p.memory_file and p.memory_period_s > 0:
            self._parts.append(self.host.create_timer(p.memory_period_s, self._save_quietly))
        self.host.log('info', f'active: images from {self._input.topic}')

    def deactivate(self) -> None:
        """Stop the images, finish the frame at work, write the memory file."""
        if self._input is not None:
            self._input.close()
            self._input = None
        if self.worker is not None:
            if not self.worker.stop(_STOP_S):
                self.host.log('error', f'the frame at work did not end within {_STOP_S} s')
            self.statistics.count('dropped', self.worker.dropped)
            self.worker = None
            if self.parameters.memory_file:
                self._save_quietly()

    def cleanup(self) -> None:
        """Free the method and everything else that `configure` made."""
        self.deactivate()
        for part in self._parts:
            part.close()
        self._parts = []
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None
        self.session = None
        self.host.undeclare(METHOD_PREFIX)

    def shutdown(self) -> None:
        """End from any state."""
        self.cleanup()

    def _warm_up(self) -> None:
        p, session = self.parameters, self.session
        if session is None or not p.warm_up_width or not p.warm_up_height:
            return
        image = np.zeros((p.warm_up_height, p.warm_up_width, 3), np.uint8)
        state = session.method.init_state()
        for stamp_ns in range(2):
            state, _ = session.method.step(state, Frame(image, stamp_ns))

    def _restore(self) -> None:
        path = self.parameters.memory_file
        if path and Path(path).exists() and self.session is not None:
            try:
                self.session.load(Path(path))
                self.host.log('info', f'track memory restored from {path}')
            except (OSError, ValueError) as error:
                self.host.log('warn', f'starting with an empty track memory: {error}')

    def _save_quietly(self) -> None:
        try:
            self.save_memory(Path(self.parameters.memory_file))
        except (OSError, TimeoutError, ValueError) as error:
            self._report('memory', f'the track memory was not written: {error}')

    def save_memory(self, path: Path) -> None:
        """Write the track memory, between two frames."""
        session = self._configured()
        self._between_frames(lambda: session.save(path))

    def load_memory(self, path: Path) -> None:
        """Read a track memory, between two frames."""
        session = self._configured()
        self._between_frames(lambda: session.load(path))

    def request_reset(self) -> None:
        """Start a new session before the next frame; returns at once."""
        self._configured()
        self._wants_reset = True

    def _configured(self) -> TrackingSession:
        if self.session is None:
            raise ValueError('the node is not configured')
        return self.session

    def _between_frames(self, job: Any) -> None:
        if self.worker is None:
            job()
        else:
            self.worker.call(job, _STOP_S)

    # Frames, on the worker's thread

    def _receive(self, message: Any) -> None:
        self.statistics.count('received')
        worker = self.worker
        if worker is not None and self.is_enabled:
            worker.offer(message)
        else:
            self.statistics.count('ignored')

    def _process(self, message: Any) -> None:
        try:
            start = time.perf_counter()
            frame = frame_of(message)
            decode_ms = (time.perf_counter() - start) * 1e3
            if not self._is_late(frame):
                self.statistics.times({'decode': decode_ms})
                self._track(frame)
        except ValueError as error:
            self._report('image', f'frame dropped: {error}')
        except Exception as error:  # whatever a method raises: the node must live
            text = ''.join(traceback.format_exception(error)[-3:])
            self._report('method', f'frame dropped, new session: {error!r}\n{text}')

    def _is_late(self, frame: Frame) -> bool:
        behind_ns = self._last_stamp_ns - frame.stamp_ns
        if 0 < behind_ns <= self.parameters.max_reorder_s * 1e9:
            self.statistics.count('out_of_order')
            return True
        self._last_stamp_ns = frame.stamp_ns
        return False

    def _track(self, frame: Frame) -> None:
        session, outputs = self.session, self._outputs
        if session is None or outputs is None:
            return
        if self._wants_reset:
            self._wants_reset = False
            session.reset()
        known = session.session_id
        done = session.process(frame)
        self.statistics.count('processed')
        if session.session_id != known:
            self.host.log('warn', f'stamps ran backwards: new session {session.session_id}')
        for item in done:
            outputs.publish(
                item, shown_classes=self._shown_classes, alpha=self.parameters.overlay_alpha
            )

    def _complain(self, text: str) -> None:
        self._report('subscription', text)

    def _report(self, kind: str, text: str) -> None:
        """Count an error and log it, at most once in a while for each kind."""
        count = self.statistics.error(text)
        now = time.monotonic()
        if now - self._logged_errors.get(kind, -_ERROR_PERIOD_S) >= _ERROR_PERIOD_S:
            self._logged_errors[kind] = now
            self.host.log('error', f'{text} ({count} errors so far)')

    # Parameters

    def _on_parameters(self, changes: Mapping[str, Any]) -> str:
        """Take changes at run time; return why they are refused, or an empty text."""
        own = {n: v for n, v in changes.items() if not n.startswith(METHOD_PREFIX)}
        of_method = {n.removeprefix(METHOD_PREFIX): v for n, v in changes.items() if n not in own}
        try:
            self._check_mutable(changes)
            parameters = replace_config(self.parameters, own)
            if self.session is not None:
                method = self.session.method
                shown = self._class_ids(parameters.class_filter, method.classes)
                method.config = replace_config(method.config, of_method)
                self._shown_classes = shown
        except ValueError as error:
            return str(error)
        self.parameters = parameters
        return ''

    def _check_mutable(self, changes: Mapping[str, Any]) -> None:
        if self.session is None:
            return
        options = {o.name: o for o in options_of(NodeParameters)}
        for o in options_of(self.session.method.Config):
            options[METHOD_PREFIX + o.name] = o
        for name in changes:
            if name in options and not options[name].mutable:
                raise ValueError(
                    f'{name}: cannot change while the node is configured; run the transitions '
                    'deactivate and cleanup first'
                )

    def set_class_filter(self, names: tuple[str, ...]) -> str:
        """Publish only the named classes; return why not, or an empty text."""
        return self._on_parameters({'class_filter': names})

    @staticmethod
    def _class_ids(names: tuple[str, ...], classes: tuple[str, ...]) -> frozenset[int] | None:
        if unknown := sorted(set(names) - set(classes)):
            shown = ', '.join(classes[:20]) + (', ...' if len(classes) > 20 else '')
            raise ValueError(f'class_filter: unknown classes {unknown}; known: {shown}')
        return frozenset(classes.index(name) for name in names) if names else None


def _first_session_id() -> int:
    """Return an id that is higher than that of every earlier run of the node."""
    return max(1, time.time_ns() // 1_000_000)
