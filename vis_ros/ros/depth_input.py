# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images and calibration of one camera, paired with its images by stamp.

The pairs are those of ROS 2's message_filters (see `vis_ros.spatial.pairing`), on every host. The
calibration of the image's stamp is taken, or the latest one where there is none: some cameras send
it once, or slowly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from vis_ros.ros.awaited_input import AwaitedInput
from vis_ros.ros.host import Host
from vis_ros.ros.matched_subscription import MatchedSubscription, receive_from_all
from vis_ros.ros.parameters import NodeParameters
from vis_ros.spatial.pairing import ApproximatePairing, ExactPairing, Pairing
from vis_ros.wire.depth_images import CAMERA_INFO_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, stamp_to_ns

_IMAGE, _DEPTH = 0, 1  # topics of the pairing
_AT_WORK = 4  # images: one at work, two to be published, one that has just come


class DepthPair(NamedTuple):
    """What belongs to an image.

    Args:
        depth: `sensor_msgs/Image`.
        info: `sensor_msgs/CameraInfo`, or None where none has come yet.
    """

    depth: Any
    info: Any


class DepthInput(AwaitedInput):
    """Subscribes to depth and calibration.

    Capacity: `depth_queue` depths and calibrations that wait for an image, and the pairs of as
    many images as the tracker may have at once: those that wait, that it holds back, that are at
    work or to be published. Images that were dropped count no more.

    Args:
        host: The node.
        parameters: Topics, rules, and how long to wait.
        complain: Gets a text when the publishers' quality of service does not fit.
        lag: Frames that the method holds back.

    Attributes:
        topic: Of the depth images.
        info_topic: Of the calibration.
    """

    def __init__(
        self,
        host: Host,
        parameters: NodeParameters,
        complain: Callable[[str], None],
        *,
        lag: int = 0,
    ) -> None:
        super().__init__()
        p = parameters
        self.topic = p.depth_topic
        self.info_topic = p.camera_info_topic or _beside(p.image_topic)
        self._wait_s = p.depth_wait_s
        self._queue = p.depth_queue
        self._reach_ns = round(p.depth_slop_s * 1e9) if p.depth_sync == 'approximate' else 1
        self._capacity = (p.queue_depth if p.queue == 'every' else 2) + lag + _AT_WORK
        self._pairing = _pairing(p)
        self._arrivals: dict[int, float] = {}  # steady time at which an image came, by stamp
        self._pairs: dict[int, Any] = {}  # depth message by stamp of its image
        self._infos: dict[int, Any] = {}  # by stamp, in order of arrival
        self._newest_ns = -1  # stamp of the latest depth
        self._subscriptions = [
            MatchedSubscription(
                host,
                type_name,
                topic,
                callback,
                wanted=lambda offered: receive_from_all(offered, p.qos_depth),
                on_incompatible=_complainer(topic, complain),
            )
            for type_name, topic, callback in (
                (IMAGE_TYPE, self.topic, self._on_depth),
                (CAMERA_INFO_TYPE, self.info_topic, self._on_info),
            )
        ]

    # On the executor's thread

    def expect(self, image: Any) -> None:
        """Take notice of an image message that goes to the tracker."""
        stamp_ns = _stamp_of(image)
        if stamp_ns is None:
            return  # the tracker will say so
        with self._changed:
            _put(self._arrivals, stamp_ns, time.monotonic(), self._capacity)
            self._pair(_IMAGE, stamp_ns, None)

    def forget(self, image: Any) -> None:
        """Take notice that the tracker dropped an image message."""
        stamp_ns = _stamp_of(image)
        if stamp_ns is None:
            return
        with self._changed:
            for table in (self._arrivals, self._pairs):
                table.pop(stamp_ns, None)

    def _on_depth(self, message: Any) -> None:
        stamp_ns = _stamp_of(message)
        if stamp_ns is None:
            return
        with self._changed:
            self._newest_ns = stamp_ns
            self._pair(_DEPTH, stamp_ns, message)
            self._changed.notify_all()

    def _on_info(self, message: Any) -> None:
        stamp_ns = _stamp_of(message)
        if stamp_ns is not None:
            with self._changed:
                _put(self._infos, stamp_ns, message, self._queue)

    def _pair(self, topic: int, stamp_ns: int, message: Any) -> None:
        for image_ns, (_, depth) in self._pairing.add(topic, stamp_ns, (stamp_ns, message)):
            if image_ns[0] in self._arrivals:
                _put(self._pairs, image_ns[0], depth, self._capacity)

    # On the publisher's thread

    def take(self, stamp_ns: int) -> DepthPair | None:
        """Return what belongs to the image of a stamp; None where it does not come in time.

        Waits until `depth_wait_s` after the image came, unless a later depth has come already:
        then the image's own will not. After 5 images without depth only each tenth is waited for,
        until depth is back.
        """
        with self._changed:
            until_s = self.deadline_s(stamp_ns)
            if self._patience.lasts:
                self._changed.wait_for(
                    lambda: self._is_decided(stamp_ns), max(0.0, until_s - time.monotonic())
                )
            depth = self._pairs.get(stamp_ns)
            for table in (self._pairs, self._arrivals):
                for known in [ns for ns in table if ns < stamp_ns]:
                    del table[known]  # images come in order; this one may come twice
            if depth is None:
                self._patience.missed()
                return None
            self._patience.found()
            latest = next(reversed(self._infos.values()), None)
            return DepthPair(depth, self._infos.get(stamp_ns, latest))

    def _is_decided(self, stamp_ns: int) -> bool:
        is_passed = self._newest_ns - stamp_ns >= self._reach_ns
        return self._is_closed or is_passed or stamp_ns in self._pairs

    def deadline_s(self, stamp_ns: int) -> float:
        """Return the steady time until which an image's tracks may wait."""
        return self._arrivals.get(stamp_ns, 0.0) + self._wait_s


def _pairing(p: NodeParameters) -> Pairing:
    if p.depth_sync == 'exact':
        return ExactPairing(2, p.depth_queue)
    return ApproximatePairing(2, p.depth_queue, round(p.depth_slop_s * 1e9))


def _beside(image_topic: str) -> str:
    """Return the topic of the calibration as image_transport finds it."""
    folder, slash, _ = image_topic.rpartition('/')
    return f'{folder}{slash}camera_info'


def _complainer(topic: str, complain: Callable[[str], None]) -> Callable[[str], None]:
    return lambda policy: complain(f'{topic}: a publisher does not offer the {policy} asked for')


def _stamp_of(message: Any) -> int | None:
    try:
        return stamp_to_ns(message.header.stamp)
    except ValueError:
        return None


def _put(table: dict[int, Any], key: int, value: Any, capacity: int) -> None:
    """Put an entry last; drop the first ones beyond the capacity."""
    table.pop(key, None)
    table[key] = value
    while len(table) > capacity:
        del table[next(iter(table))]
