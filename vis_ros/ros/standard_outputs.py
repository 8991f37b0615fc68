# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results as standard messages, each made only while somebody listens to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from vis_ros.media.palette import track_colour
from vis_ros.ros.host import Closeable, Host, Publisher, Qos
from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.structures.placement import Placement, Quality3d
from vis_ros.wire.annotation_messages import ANNOTATIONS_TYPE, annotations_message
from vis_ros.wire.marker_messages import MARKERS_TYPE, TrackMarkers
from vis_ros.wire.messages import Messages
from vis_ros.wire.standard_messages import (
    DETECTIONS_2D_TYPE,
    DETECTIONS_3D_TYPE,
    VISION_LABELS_TYPE,
    detections_2d_message,
    detections_3d_message,
    vision_labels_message,
)

_RESULTS = Qos(reliable=True, depth=10)
_PICTURES = Qos(reliable=True, depth=2)
_LATCHED = Qos(reliable=True, transient_local=True, depth=1)


class _Maker(Protocol):
    """Makes the messages of one topic."""

    def message(self, result: FrameResult) -> Any:
        """Return the message of a frame."""

    def forget(self) -> None:
        """Forget earlier frames, as nobody listens."""

    def farewell(self, stamp_ns: int) -> Any:
        """Return the last message of the topic, or None for none."""


class _Memoryless:
    """A maker whose messages do not depend on earlier frames."""

    def __init__(self, make: Callable[[FrameResult], Any]) -> None:
        self.message = make

    def forget(self) -> None:
        """Do nothing."""

    def farewell(self, stamp_ns: int) -> None:
        """Return None."""


class StandardOutputs(Closeable):
    """Publishers of messages of vision_msgs, visualization_msgs and foxglove_msgs.

    None of these packages is needed: a topic whose messages cannot be made on this machine is left
    out, and one line in the log says which and why.

    Args:
        host: The node.
        prefix: What the names of the topics begin with.
        class_names: Name of each class id.
    """

    def __init__(self, host: Host, *, prefix: str, class_names: Sequence[str]) -> None:
        self._host = host
        self._prefix = prefix
        self._open: list[tuple[Publisher, _Maker]] = []
        self._off: dict[str, list[str]] = {}  # topics by the reason why they are off
        self._labels: Publisher | None = None
        for name, type_name, qos, build in _topics(host.messages, class_names):
            self._offer(name, type_name, qos, build)
        self._offer_labels(class_names)
        if self._off:
            parts = [f'{", ".join(topics)} ({why})' for why, topics in self._off.items()]
            host.log('info', f'outputs that are off: {"; ".join(parts)}')

    def publish(self, result: FrameResult) -> int:
        """Publish a result on the topics that somebody listens to; return how many these are.

        Raises:
            Exception: The first of what the topics raised; the others got the result all the same.
        """
        faults: list[Exception] = []
        count = 0
        for publisher, maker in self._open:
            try:
                if publisher.subscriber_count() > 0:
                    publisher.publish(maker.message(result))
                    count += 1
                else:
                    maker.forget()
            except Exception as error:  # the middleware, or a value that a message cannot hold
                faults.append(error)
        if faults:
            raise faults[0]
        return count

    def close(self) -> None:
        """Take back what is shown and remove the publishers."""
        while self._open:
            publisher, maker = self._open.pop()
            try:
                last = maker.farewell(max(self._host.now_ns(), 0))
                if last is not None and publisher.subscriber_count() > 0:
                    publisher.publish(last)
            except Exception as error:  # the node is leaving and must get away
                self._host.log('warn', f'the markers were not taken back: {error!r}')
            publisher.close()
        if self._labels is not None:
            self._labels.close()

    def _offer(self, name: str, type_name: str, qos: Qos, build: Callable[[], _Maker]) -> None:
        """Create the publisher of a topic, unless its messages cannot be made here."""
        topic = f'{self._prefix}{name}'
        try:
            maker = build()
            maker.message(_EXAMPLE)  # types of another age than ours show now, and not on the road
            maker.forget()
            publisher = self._host.create_publisher(type_name, topic, qos)
        except Exception as error:  # whatever a package provokes that is not there, or in part
            self._leave_out(topic, type_name, error)
        else:
            self._open.append((publisher, maker))

    def _offer_labels(self, class_names: Sequence[str]) -> None:
        """Publish what the class ids mean, for late subscribers too."""
        topic = f'{self._prefix}vision_label_info'
        try:
            now_ns = max(self._host.now_ns(), 0)
            message = vision_labels_message(self._host.messages, now_ns, class_names)
            publisher = self._host.create_publisher(VISION_LABELS_TYPE, topic, _LATCHED)
        except Exception as error:  # as above
            self._leave_out(topic, VISION_LABELS_TYPE, error)
        else:
            self._labels = publisher
            publisher.publish(message)

    def _leave_out(self, topic: str, type_name: str, error: Exception) -> None:
        reason = _reason(self._host, type_name, error)
        self._off.setdefault(reason, []).append(topic)


def _topics(
    messages: Messages, class_names: Sequence[str]
) -> tuple[tuple[str, str, Qos, Callable[[], _Maker]], ...]:
    """Return name, type, quality of service and maker of the topics that follow each frame."""

    def boxes_2d(result: FrameResult) -> Any:
        return detections_2d_message(messages, result)

    def boxes_3d(result: FrameResult) -> Any:
        return detections_3d_message(messages, result)

    def annotations(result: FrameResult) -> Any:
        return annotations_message(
            messages, result, class_names=class_names, colour_of=track_colour
        )

    def markers() -> _Maker:
        return TrackMarkers(messages, class_names=class_names, colour_of=track_colour)

    return (
        ('detections_2d', DETECTIONS_2D_TYPE, _RESULTS, lambda: _Memoryless(boxes_2d)),
        ('detections_3d', DETECTIONS_3D_TYPE, _RESULTS, lambda: _Memoryless(boxes_3d)),
        ('markers', MARKERS_TYPE, _PICTURES, markers),
        ('annotations', ANNOTATIONS_TYPE, _PICTURES, lambda: _Memoryless(annotations)),
    )


def _reason(host: Host, type_name: str, error: Exception) -> str:
    """Return in words why a topic is off."""
    try:
        host.messages.fields(type_name)
    except ValueError:
        return f'{type_name.partition("/")[0]} is not installed'
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}'


_EXAMPLE = FrameResult(
    stamp_ns=0,
    frame_id='',
    height=2,
    width=2,
    tracks=(
        Track(
            track_id=1,
            slot=0,
            state=TrackState.ACTIVE,
            class_id=0,
            score=1.0,
            box=(0.0, 0.0, 2.0, 2.0),
            mask=Rle(0, 0, 2, 2, np.array([0, 4], np.uint32)),
            first_seen_ns=0,
            last_seen_ns=0,
            hits=1,
            misses=0,
            placement=Placement((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), Quality3d.GOOD),
        ),
    ),
)
"""A result that fills every kind of message."""
