# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker node, whatever carries it: life cycle, method, worker, parameters.

The executor's thread only stores images and answers services; the worker's thread decodes and
tracks, the publisher's publishes meanwhile what the worker is done with (`FrameWork`). All that
belongs to one camera is in its `CameraStream`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vis_ros.methods import Method
from vis_ros.nn.acceleration import AccelerationWarning
from vis_ros.pipeline.build import build_method, find_method
from vis_ros.pipeline.gpu_memory import free_gpu_memory
from vis_ros.pipeline.warm_up import warm_up
from vis_ros.ros.camera_stream import CameraStream
from vis_ros.ros.cameras import (
    CameraParameters,
    check_apart,
    check_cameras,
    check_given,
    check_unchanged,
    parameters_of,
)
from vis_ros.ros.diagnostics import Diagnostics
from vis_ros.ros.frame_work import process_batch, publish_batch
from vis_ros.ros.host import Closeable, Host
from vis_ros.ros.parameter_checks import check_memory_file, check_mutable, class_ids
from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters
from vis_ros.ros.services import Services
from vis_ros.ros.worker import Worker
from vis_ros.structures.batch import BatchError
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
        worker: Threads and mailboxes; None unless active.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.parameters = build_config(NodeParameters, host.declare(options_of(NodeParameters)))
        self.streams: tuple[CameraStream, ...] = (CameraStream(host, '', self._between_frames),)
        self.method: Method | None = None
        self.worker: Worker | None = None
        self._stuck: Worker | None = None  # its frame did not end in time
        self._configured: list[Closeable] = []
        self._declared: list[str] = []  # prefixes of the parameters of cameras
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
        check_cameras(p.cameras)
        try:
            cameras = self._parameters_of_cameras()
            config = self.host.declare(method_options, METHOD_PREFIX)
            method = self._build(config)
            shown_classes = class_ids(p.class_filter, method.classes)
            self._warm_up(method)
            self.method = method
            self.streams = self._streams_of(cameras)
            for stream in self.streams:
                stream.configure(method, cameras[stream.name], shown_classes)
            self._offer_services()
            self._configured.append(Diagnostics(self))
        except BaseException:
            self.cleanup()
            raise
        self.host.log(
            'info',
            f'{p.method} is ready on {p.device}, {len(method.classes)} classes, '
            f'configured in {time.monotonic() - start:.1f} s',
        )

    def _build(self, config: Mapping[str, Any]) -> Method:
        """Return the method; what Python warns of meanwhile goes to the log."""
        p = self.parameters
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always', AccelerationWarning)
            method = build_method(p.method, weights=p.weights, device=p.device, **config)
        for warning in caught:
            self.host.log('warn', f'method: {warning.message}')
        return method

    def _streams_of(self, names: Iterable[str]) -> tuple[CameraStream, ...]:
        """Return a stream for each camera; one that was there before keeps its counters."""
        known = {stream.name: stream for stream in self.streams}
        return tuple(
            known.get(name) or CameraStream(self.host, name, self._between_frames)
            for name in names
        )

    def _offer_services(self) -> None:
        self._configured.append(Services(self, self.streams, '~/'))
        for stream in self.streams:
            if stream.name:
                self._configured.append(Services(self, (stream,), stream.prefix))

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
        is_ahead = p.prepare_ahead == 'on' or (p.prepare_ahead == 'auto' and p.device != 'cpu')
        self.worker = Worker(
            lambda messages: process_batch([(works[i], message) for i, message in messages]),
            publish_batch,
            depth=1 if p.queue == 'latest' else p.queue_depth,
            cameras=len(works),
            takes_batches=self.method.takes_batches,
            prepare=(lambda i, arrival: works[i].prepare(arrival)) if is_ahead else None,
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
        """Stop the images, finish and publish the frames at work, write the memory file."""
        if self.worker is not None:
            self.worker.close()  # first: to end the subscriptions takes longer than a frame may
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
        while self._declared:
            self.host.undeclare(self._declared.pop())

    def shutdown(self) -> None:
        """End from any state."""
        self.cleanup()

    def _warm_up(self, method: Method) -> None:
        width, height = self.parameters.warm_up_width, self.parameters.warm_up_height
        if not width or not height:
            return
        try:
            warm_up(method, (height, width), max(1, len(self.parameters.cameras)))
        except BatchError as error:
            text = 'frames of all cameras together will be taken one by one'
            self.host.log('warn', f'warm-up: {error}; {text}')
            if error.__cause__ is not None:
                free_gpu_memory(error.__cause__)

    def _parameters_of_cameras(self) -> dict[str, NodeParameters]:
        p = self.parameters
        if not p.cameras:
            check_memory_file(p.memory_file)
            return {'': p}
        check_given(self.host.given(), p.cameras)
        found = {}
        for name in p.cameras:
            self._declared.append(f'{name}.')
            given = self.host.declare(options_of(CameraParameters), f'{name}.')
            found[name] = parameters_of(p, name, build_config(CameraParameters, given))
            check_memory_file(found[name].memory_file)
        check_apart(list(found.values()))
        return found

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
            if method is not None:
                check_unchanged(changes, self.parameters.cameras)
            parameters = replace_config(self.parameters, own)
            if method is not None:
                check_mutable(changes, method.Config)
                class_ids(parameters.class_filter, method.classes)
                method.config = replace_config(method.config, of_method)
                for stream in self.streams:
                    stream.set_parameters(own)
        except ValueError as error:
            return str(error)
        self.parameters = parameters
        return ''

    def set_class_filter(self, names: tuple[str, ...]) -> None:
        """Publish only the named classes, of all cameras.

        Raises:
            ValueError: The method does not know a class.
        """
        if reason := self._on_parameters({'class_filter': names}):
            raise ValueError(reason)
