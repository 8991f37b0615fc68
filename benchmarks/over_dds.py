# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How benchmarks stand around a tracker that is a process of its own; no benchmark by itself."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from vis_ros.ros.host import Host, Publisher, Qos
from vis_ros.ros.open_host import open_host

ENDS = ('processed', 'dropped', 'failed', 'out_of_order', 'ignored')  # of an image, one of them
COUNTS = ('received', 'published', *ENDS)


@contextmanager
def spinning(name: str) -> Iterator[Host]:
    """Be a node on DDS, whose callbacks run on a thread of its own."""
    host = open_host(name, [], 'dds')
    thread = threading.Thread(target=host.spin, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.stop()
        thread.join()
        host.destroy()


def wait_for_tracker(
    tracker: subprocess.Popen[Any], images: Sequence[Publisher], patience_s: float
) -> None:
    """Wait until a tracker listens to all images.

    Raises:
        TimeoutError: It does not within `patience_s`.
        RuntimeError: It has ended.
    """
    deadline = time.monotonic() + patience_s
    while not all(publisher.subscriber_count() for publisher in images):
        if tracker.poll() is not None:
            raise RuntimeError(f'the tracker ended with {tracker.returncode}')
        if time.monotonic() > deadline:
            raise TimeoutError(f'no tracker within {patience_s:g} s')
        time.sleep(0.05)
    time.sleep(1.0)  # the subscription follows the camera's quality of service


def hear_diagnostics(host: Host, callback: Callable[[list[dict[str, str]]], None]) -> None:
    """Call back with the values of each camera whenever the tracker publishes its diagnostics."""

    def read(message: Any) -> None:
        callback([{item.key: item.value for item in one.values} for one in message.status])

    kind = 'diagnostic_msgs/msg/DiagnosticArray'
    host.create_subscription(kind, '/diagnostics', Qos(depth=10), read)


def counts_of(values: Mapping[str, str]) -> dict[str, int]:
    """Return the counters of a camera."""
    return {name: int(values[name]) for name in COUNTS}


def open_images(counts: Mapping[str, int]) -> int:
    """Return how many images wait or are at work; at rest anything but 0 is a fault."""
    return counts['received'] - sum(counts[name] for name in ENDS)
