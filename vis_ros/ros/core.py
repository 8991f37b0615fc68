# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker node, whatever carries it: life cycle, method, worker, parameters.

The executor's thread only stores images and answers services; the worker's thread decodes, tracks
and publishes (`FrameWork`). All that belongs to one camera is in its `CameraStream`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vis_ros.methods import Method
from vis_ros.pipeline.build import build_method, find_method
from vis_ros.ros.camera_stream import CameraStream
from vis_ros.ros.diagnostics import Diagnostics
from vis_ros.ros.frame_work import process_batch
from vis_ros.ros.host import Closeable, Host
from vis_ros.ros.parameter_checks import check_memory_file, check_mutable, class_ids
from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters
from vis_ros.ros.services import Services
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
        streams: What belongs to each camera.
        method: The method at work on all cameras; None while unconfigured.
        worker: Thread and mailbox; None unless active.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.parameters = build_config(NodeParameters, host.declare(options_of(NodeParameters)))
        self.streams = (CameraStream(host, '', self._between_frames),)
        self.method: Method | None = None
        self.worker: Worker | None = None
        self._stuck: Worker | None = None  # its frame did not end in time
        self._configured: list[Closeable] = []
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
            self.method = method
            for stream in self.streams:
                stream.configure(method, p, shown_classes)
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
        p = self.parameters
        self._check_not_stuck()
        if self.method is None:
            raise ValueError('the node is not configured')
        for stream in self.streams:
            stream.save_quietly()  # ids that are given now must not be given again
        works = [stream.checked_frames() for stream in self.streams]
        self.worker = Worker(
            lambda messages: process_batch([(works[i], message) for i, message in messages]),
            depth=1 if p.queue == 'latest' else p.queue_depth,
            cameras=len(works),
        )
        self.worker.start()
        try:
            boxes = self.worker.boxes
            topics = [s.activate(box) for s, box in zip(self.streams, boxes, strict=True)]
        except BaseException:
            self.deactivate()
            raise
        self.host.log('info', f'active: images from {", ".join(topics)}')

    def deactivate(self) -> None:
        """Stop the images, finish the frame at work, write the memory file."""
        for stream in self.streams:
            stream.deactivate()
        worker, self.worker = self.worker, None
        if worker is None:
            return
        has_ended = worker.stop(_STOP_S)
        for stream in self.streams:
            stream.count_dropped()
        if has_ended:
            for stream in self.streams:
                stream.finish()
        else:
            self._stuck = worker
            self.host.log('error', f'the frame at work did not end within {_STOP_S:g} s')

    def cleanup(self) -> None:
        """Free the method and everything else that `configure` made."""
        self.deactivate()
        while self._configured:
            self._configured.pop().close()
        for stream in self.streams:
            stream.cleanup()
        self.method = None
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
        method = self.method
        try:
            parameters = replace_config(self.parameters, own)
            if method is not None:
                check_mutable(changes, method.Config)
                shown_classes = class_ids(parameters.class_filter, method.classes)
                method.config = replace_config(method.config, of_method)
                for stream in self.streams:
                    stream.set_parameters(own, shown_classes)
        except ValueError as error:
            return str(error)
        self.parameters = parameters
        return ''

    def set_class_filter(self, names: tuple[str, ...]) -> str:
        """Publish only the named classes; return why not, or an empty text."""
        return self._on_parameters({'class_filter': names})
