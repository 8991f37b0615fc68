# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ground truth of a synthetic camera, published beside its images."""

from __future__ import annotations

import dataclasses
from typing import Any

from vis_ros.synth.bags import LABELS_TOPIC, METHOD, TRUTH_TOPIC, TruthTracks
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.source import SynthSource
from vis_ros.wire.conversion import LABELS_TYPE, TRACKS_TYPE, labels_message, tracks_message

_DEPTH = 50
_FORGET_AFTER = 600  # frames; none of the benchmarks lets an object away for so long


class TruthTopics:
    """Publishes the tracks that a perfect tracker would give, and the names of their classes.

    Args:
        host: Node to publish with.
        source: The camera.
    """

    def __init__(self, host: Any, source: SynthSource) -> None:
        from vis_ros.ros.host import Qos

        self._host, self._source = host, source
        self._tracks = TruthTracks(_FORGET_AFTER)
        latched = Qos(transient_local=True, depth=1)
        self._labels_out = host.create_publisher(LABELS_TYPE, LABELS_TOPIC, latched)
        self._tracks_out = host.create_publisher(TRACKS_TYPE, TRUTH_TOPIC, Qos(depth=_DEPTH))
        labels = labels_message(host.messages, host.now_ns(), METHOD, CLASSES)
        self._labels_out.publish(labels)

    def publish(self, stamp_ns: int, frame_id: str) -> None:
        """Publish the ground truth of the frame that the camera gave last.

        Args:
            stamp_ns: Stamp of its image in nanoseconds.
            frame_id: Coordinate frame of its image.
        """
        assert self._source.latest is not None
        truth = self._tracks.result(self._source.latest, stamp_ns)
        truth = dataclasses.replace(truth, frame_id=frame_id)
        messages = self._host.messages
        self._tracks_out.publish(
            tracks_message(messages, truth, method=METHOD, class_names=CLASSES)
        )
