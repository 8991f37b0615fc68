# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One turn of `node.py`: a tracker process of some checkout, and cameras and planner around it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from over_dds import (
    COUNTS,
    counts_of,
    hear_diagnostics,
    open_images,
    spinning,
    wait_for_tracker,
)

from vis_ros.ros.host import Host, Qos
from vis_ros.synth.source import SynthSource
from vis_ros.wire import bare_messages
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, encode_image, make_header, stamp_to_ns

START_S = 600.0  # engines may have to be built
PATIENCE_S = 60.0  # for one result, and for all images to be done with
PICTURES = 24
KEPT_TIMES = 1000  # of each stage of a camera, by the node
QUANTILES = (50, 95, 99)


@dataclass(frozen=True)
class Case:
    """What is run.

    Args:
        picture: Rows and columns of the images.
        hz: Images a second of each camera; 0: the next image when the last result has come.
        cameras: Number of cameras.
        seconds: How long it is measured.
        warm_up_s: How long images are shown before.
        parameters: Of the node, by full name; texts as on its command line.
    """

    picture: tuple[int, int] = (720, 1280)
    hz: float = 30.0
    cameras: int = 1
    seconds: float = 40.0
    warm_up_s: float = 3.0
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the cameras."""
        return [f'camera{index}' for index in range(self.cameras)]


def command_of(case: Case) -> list[str]:
    """Return the command line of the tracker."""
    rows, columns = case.picture
    values = {'warm_up_width': str(columns), 'warm_up_height': str(rows)}
    if case.cameras == 1:
        values['image_topic'] = f'/{case.names[0]}/image_raw'
    else:
        values['cameras'] = f'[{", ".join(case.names)}]'
        values['image_topic'] = '/{camera}/image_raw'
    values |= case.parameters
    given = [word for pair in values.items() for word in ('-p', ':='.join(pair))]
    return [sys.executable, '-m', 'vis_ros.cli', 'node', '--host', 'dds', '--ros-args', *given]


@contextmanager
def tracker_of(checkout: Path, case: Case) -> Iterator[subprocess.Popen[bytes]]:
    """Run the tracker of a checkout, until the context ends or its start has failed."""
    path = os.pathsep.join(filter(None, (str(checkout), os.environ.get('PYTHONPATH'))))
    environment = {**os.environ, 'PYTHONPATH': path}
    tracker = subprocess.Popen(
        command_of(case), cwd=checkout, env=environment, stderr=subprocess.PIPE
    )
    threading.Thread(target=_watch, args=(tracker,), daemon=True).start()
    try:
        yield tracker
    finally:
        tracker.kill()
        tracker.wait()


def _watch(tracker: subprocess.Popen[bytes]) -> None:
    """Pass the log on; a tracker that was not configured would wait for ever."""
    assert tracker.stderr is not None
    for line in tracker.stderr:
        sys.stderr.write(line.decode(errors='replace'))
        if b'NOT tracking' in line:
            tracker.kill()


def pictures(rows: int, columns: int) -> list[np.ndarray]:
    """Return synthetic pictures (rows, columns, 3) that can be shown again and again."""
    source = SynthSource(f'synth:easy,height={rows},width={columns},camera=0')
    there = [frame.image for frame in itertools.islice(source, PICTURES)]
    return there + there[-2:0:-1]  # and back, so that nothing jumps


@contextmanager
def messages_of(checkout: Path) -> Iterator[None]:
    """Let nodes of this process speak the messages of a checkout: earlier versions had others."""
    bare_messages.bare_messages.cache_clear()
    try:
        with patch.object(bare_messages, 'resource_path', checkout.joinpath):
            bare_messages.bare_messages()  # which is kept
        yield
    finally:
        bare_messages.bare_messages.cache_clear()


class Camera:
    """A camera, and the planner that waits for its tracks.

    Attributes:
        arrived_ns: When the tracks of an image came, by its stamp.
        sent: Number of images.
    """

    def __init__(self, host: Host, name: str, tracks: str, images: Sequence[np.ndarray]) -> None:
        self._host = host
        self._images = itertools.cycle(images)
        self._changed = threading.Condition()
        self._last_ns = 0
        self.sent = 0
        self.arrived_ns: dict[int, int] = {}
        self.publisher = host.create_publisher(IMAGE_TYPE, f'/{name}/image_raw', Qos(depth=5))
        host.create_subscription(TRACKS_TYPE, tracks, Qos(depth=50), self._hear)

    def show(self) -> None:
        """Publish the next picture, stamped now."""
        messages = self._host.messages
        self._last_ns = self._host.now_ns()
        header = make_header(messages, self._last_ns, 'camera')
        self.publisher.publish(encode_image(messages, next(self._images), header))
        self.sent += 1

    def wait_for_last(self) -> None:
        """Wait for the tracks of the last image.

        Raises:
            TimeoutError: They do not come.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._last_ns in self.arrived_ns, PATIENCE_S):
                raise TimeoutError(f'no tracks of an image within {PATIENCE_S:g} s')

    def _hear(self, message: Any) -> None:
        now_ns = self._host.now_ns()
        with self._changed:
            self.arrived_ns[stamp_to_ns(message.header.stamp)] = now_ns
            self._changed.notify_all()


class Reports:
    """What the tracker says of itself; the latest values of each camera."""

    def __init__(self, host: Host) -> None:
        self._changed = threading.Condition()
        self._heard = 0
        self.latest: list[dict[str, str]] = []
        hear_diagnostics(host, self._hear)

    def _hear(self, cameras: list[dict[str, str]]) -> None:
        with self._changed:
            self._heard += 1
            self.latest = cameras
            self._changed.notify_all()

    def settle(self) -> Counter[str]:
        """Wait until no image is open; return the counters, of all cameras together.

        Raises:
            TimeoutError: Some image stays open, or the tracker says nothing.
        """
        with self._changed:
            after = self._heard + 2  # periods, so that what is on its way has come
            if not self._changed.wait_for(lambda: self._is_settled(after), PATIENCE_S):
                raise TimeoutError(f'images are still open after {PATIENCE_S:g} s')
            return sum((Counter(counts_of(values)) for values in self.latest), Counter())

    def _is_settled(self, after: int) -> bool:
        is_open = any(open_images(counts_of(values)) for values in self.latest)
        return self._heard >= after and not is_open


def show(cameras: Sequence[Camera], hz: float, seconds: float) -> float:
    """Show pictures on all cameras for a time; return how long it took [s].

    Raises:
        TimeoutError: With 0 Hz, a result does not come.
    """
    start_s = time.monotonic()
    for index in itertools.count():
        due_s = start_s + index / hz if hz else time.monotonic()
        if due_s >= start_s + seconds:
            break
        time.sleep(max(0.0, due_s - time.monotonic()))
        for camera in cameras:
            camera.show()
        if not hz:
            for camera in cameras:
                camera.wait_for_last()
    return time.monotonic() - start_s


def run_turn(checkout: Path, case: Case, images: Sequence[np.ndarray]) -> dict[str, Any]:
    """Run a tracker between cameras and a planner; return the figures.

    Raises:
        TimeoutError: The tracker does not listen, or images stay open.
        RuntimeError: The tracker ended by itself.
    """
    with (
        tracker_of(checkout, case) as tracker,
        messages_of(checkout),
        spinning('node_benchmark') as host,
    ):
        reports, cameras = Reports(host), _cameras(host, case, images)
        wait_for_tracker(tracker, [camera.publisher for camera in cameras], START_S)
        show(cameras, case.hz, case.warm_up_s)
        before = _marks(reports, cameras)
        start_ns = host.now_ns()
        shown_s = show(cameras, case.hz, case.seconds)
        after = _marks(reports, cameras)
        values = reports.latest
        tracker.terminate()
        code = tracker.wait(PATIENCE_S)
    counts = {name: after[name] - before[name] for name in after}
    room = KEPT_TIMES * case.cameras - counts['published']
    arrivals = [
        (stamp_ns, came_ns)
        for camera in cameras
        for stamp_ns, came_ns in camera.arrived_ns.items()
        if stamp_ns >= start_ns
    ]
    return {
        **figures(counts, arrivals, start_ns),
        'images_a_second': round(counts['sent'] / shown_s, 2),
        'stages_ms': stages_of(values),
        'warm_up_frames_among_times': max(0, min(before['published'], room)),
        'exit_code': code,
    }


def _cameras(host: Host, case: Case, images: Sequence[np.ndarray]) -> list[Camera]:
    parts = [f'{name}/' if case.cameras > 1 else '' for name in case.names]
    topics = [f'/vis_tracker/{part}tracks' for part in parts]
    pairs = zip(case.names, topics, strict=True)
    return [Camera(host, name, topic, images) for name, topic in pairs]


def _marks(reports: Reports, cameras: Sequence[Camera]) -> dict[str, int]:
    """Return the counters of the tracker and those of the cameras, once all is at rest."""
    counts = reports.settle()
    heard = sum(len(camera.arrived_ns) for camera in cameras)
    sent = sum(camera.sent for camera in cameras)
    return {'sent': sent, **{name: counts[name] for name in COUNTS}, 'heard': heard}


def figures(
    counts: Mapping[str, int], arrivals: Sequence[tuple[int, int]], start_ns: int
) -> dict[str, Any]:
    """Return what counters and arrivals say.

    Args:
        counts: Of the time that is measured.
        arrivals: Stamp and arrival [ns] of each result of an image in that time.
        start_ns: When the time began.
    """
    ages_ms = [(came_ns - stamp_ns) / 1e6 for stamp_ns, came_ns in arrivals]
    span_s = (max((came_ns for _, came_ns in arrivals), default=start_ns) - start_ns) / 1e9
    points = np.percentile(ages_ms, QUANTILES) if ages_ms else [float('nan')] * len(QUANTILES)
    return {
        'frames_a_second': round(len(arrivals) / span_s, 2) if arrivals else 0.0,
        'counts': {
            **counts,
            'lost_on_the_way': counts['sent'] - counts['received'],
            'open': open_images(counts),
        },
        'stamp_to_arrival_ms': {
            f'p{q}': round(float(value), 2) for q, value in zip(QUANTILES, points, strict=True)
        },
    }


def stages_of(cameras: Sequence[Mapping[str, str]]) -> dict[str, dict[str, float]]:
    """Return the times of each stage [ms], of the camera on which it is slowest.

    Args:
        cameras: Values of the diagnostics of each camera.
    """
    found: dict[str, dict[str, float]] = {}
    for values in cameras:
        for key, text in values.items():
            stage, is_time, quantile = key.rpartition('_ms_')
            if is_time:
                times = found.setdefault(stage, {})
                times[quantile] = max(times.get(quantile, 0.0), float(text))
    return found
