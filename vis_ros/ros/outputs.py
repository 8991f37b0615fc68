# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node publishes for each processed frame."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from vis_ros.media.overlay import draw_labels, draw_overlay
from vis_ros.pipeline.session import Processed
from vis_ros.ros.host import Closeable, Host, Qos
from vis_ros.ros.standard_outputs import StandardOutputs
from vis_ros.ros.statistics import Statistics
from vis_ros.structures import FrameResult
from vis_ros.wire.conversion import LABELS_TYPE, TRACKS_TYPE, labels_message, tracks_message
from vis_ros.wire.encodings import IMAGE_TYPE, encode_image, make_header

_RESULTS = Qos(reliable=True, depth=10)
_DEBUG = Qos(reliable=True, depth=2)
_LATCHED = Qos(reliable=True, transient_local=True, depth=1)


class Outputs(Closeable):
    """The publishers of one camera.

    Tracks are always published; debug images and standard messages are only made while somebody
    listens.

    Args:
        host: The node.
        prefix: What the names of the topics begin with, such as `~/`.
        method: Registered name of the method.
        class_names: Name of each class id.
        statistics: Takes the times of the stages.
    """

    def __init__(
        self,
        host: Host,
        *,
        prefix: str,
        method: str,
        class_names: Sequence[str],
        statistics: Statistics,
    ) -> None:
        self._host = host
        self._method = method
        self._class_names = class_names
        self._statistics = statistics
        self._tracks = host.create_publisher(TRACKS_TYPE, prefix + 'tracks', _RESULTS)
        self._overlay = host.create_publisher(IMAGE_TYPE, prefix + 'debug/overlay', _DEBUG)
        self._labels = host.create_publisher(IMAGE_TYPE, prefix + 'debug/labels', _DEBUG)
        self._info = host.create_publisher(LABELS_TYPE, prefix + 'label_info', _LATCHED)
        self._info.publish(
            labels_message(host.messages, max(host.now_ns(), 0), method, class_names)
        )
        self._standard = StandardOutputs(host, prefix=prefix, class_names=class_names)

    @property
    def _all(self) -> tuple[Closeable, ...]:
        return (self._tracks, self._overlay, self._labels, self._info, self._standard)

    def publish(
        self, done: Processed, *, shown_classes: frozenset[int] | None, alpha: float
    ) -> None:
        """Publish one result.

        Args:
            done: Frame and result.
            shown_classes: Class ids to publish, or None for all.
            alpha: Opacity of the masks in the overlay.
        """
        result = done.result
        if shown_classes is not None:
            tracks = tuple(t for t in result.tracks if t.class_id in shown_classes)
            result = dataclasses.replace(result, tracks=tracks)
        start = time.perf_counter()
        latency_ms = self._age_ms(result)
        self._tracks.publish(
            tracks_message(
                self._host.messages,
                result,
                method=self._method,
                class_names=self._class_names,
                stamp_to_publish_ms=latency_ms or 0.0,
            )
        )
        end = time.perf_counter()
        times = {**result.stages_ms, 'publish': (end - start) * 1e3}
        if done.frame.arrived_s is not None:
            times['callback_to_publish'] = (end - done.frame.arrived_s) * 1e3
        if latency_ms is not None:
            times['stamp_to_publish'] = latency_ms
        self._statistics.times(times)
        self._statistics.count('published')
        self._publish_standard(result)
        self._publish_debug(done, result, alpha)

    def _age_ms(self, result: FrameResult) -> float | None:
        """Return the age of the frame; None where the stamp is unset or of another clock."""
        age_ms = (self._host.now_ns() - result.stamp_ns) / 1e6
        return age_ms if result.stamp_ns > 0 and age_ms >= 0 else None

    def _publish_standard(self, result: FrameResult) -> None:
        start = time.perf_counter()
        if self._standard.publish(result):
            self._statistics.times({'standard': (time.perf_counter() - start) * 1e3})

    def _publish_debug(self, done: Processed, result: FrameResult, alpha: float) -> None:
        messages = self._host.messages
        start = time.perf_counter()
        wants_overlay = self._overlay.subscriber_count() > 0
        wants_labels = self._labels.subscriber_count() > 0
        if not wants_overlay and not wants_labels:
            return
        header = make_header(messages, result.stamp_ns, result.frame_id)
        if wants_overlay:
            image = draw_overlay(done.frame.image, result, self._class_names, alpha=alpha)
            self._overlay.publish(encode_image(messages, image, header, 'rgb8'))
        if wants_labels:
            self._labels.publish(encode_image(messages, draw_labels(result), header, 'mono16'))
        self._statistics.times({'debug': (time.perf_counter() - start) * 1e3})

    def close(self) -> None:
        """Remove the publishers."""
        for output in self._all:
            output.close()
