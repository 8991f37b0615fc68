# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records the tracker's topics into a bag."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vis_ros.cli.common import CAMERA_TOPIC, TRACKS_TOPIC

OVERLAY_TOPIC = '/vis_tracker/debug/overlay'
DEBUG_LABELS_TOPIC = '/vis_tracker/debug/labels'
LABEL_INFO_TOPIC = '/vis_tracker/label_info'
DIAGNOSTICS_TOPIC = '/diagnostics'


class Recorder:
    """Writes camera, tracks, debug images, labels and diagnostics into a bag while it is open.

    Messages are written on the thread of the host, in order of arrival, stamped by its clock.

    Args:
        host: Node that listens; it spins on a thread of the recorder.
        path: Folder of the bag; an earlier one is replaced.
        with_truth: Whether the ground truth of a synthetic camera is recorded too.
    """

    def __init__(self, host: Any, path: Path, *, with_truth: bool = False) -> None:
        from vis_ros.media.bag_writer import BagWriter

        self._host = host
        self._with_truth = with_truth
        self._writer = BagWriter(path, overwrite=True)
        self._has_labels = threading.Event()
        self._thread = threading.Thread(target=host.spin, name='vis_ros recorder', daemon=True)

    def __enter__(self) -> Recorder:
        from vis_ros.ros.host import Qos
        from vis_ros.synth.bags import LABELS_TOPIC, TRUTH_TOPIC
        from vis_ros.wire.conversion import LABELS_TYPE, TRACKS_TYPE
        from vis_ros.wire.encodings import IMAGE_TYPE

        topics = {
            CAMERA_TOPIC: IMAGE_TYPE,
            TRACKS_TOPIC: TRACKS_TYPE,
            OVERLAY_TOPIC: IMAGE_TYPE,
            DEBUG_LABELS_TOPIC: IMAGE_TYPE,
            LABEL_INFO_TOPIC: LABELS_TYPE,
            DIAGNOSTICS_TOPIC: 'diagnostic_msgs/msg/DiagnosticArray',
        }
        if self._with_truth:
            topics |= {TRUTH_TOPIC: TRACKS_TYPE, LABELS_TOPIC: LABELS_TYPE}
        for topic, type_name in topics.items():
            is_latched = type_name == LABELS_TYPE
            self._writer.declare(topic, type_name, latched=is_latched)
            qos = Qos(reliable=True, transient_local=is_latched, depth=50)
            self._host.create_subscription(type_name, topic, qos, self._taking(topic, type_name))
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._host.stop()
        self._thread.join(10.0)
        self._writer.__exit__(kind, error, trace)

    def _taking(self, topic: str, type_name: str) -> Callable[[Any], None]:
        from vis_ros.ros.bare_copy import as_bare

        def take(message: Any) -> None:
            self._writer.write(topic, as_bare(message, type_name), self._host.now_ns())
            if topic == LABEL_INFO_TOPIC:
                self._has_labels.set()

        return take

    def wait_for_labels(self, timeout_s: float, is_alive: Callable[[], bool]) -> bool:
        """Wait until the tracker says that it is ready; return whether it did."""
        waited_s = 0.0
        while waited_s < timeout_s and is_alive():
            if self._has_labels.wait(0.2):
                return True
            waited_s += 0.2
        return False
