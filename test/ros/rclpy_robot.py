# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A tracker on a real ROS 2 with its camera and a planner, which share nothing but topics."""

from __future__ import annotations

import itertools
from typing import Any

from rclpy_peer import Peer, wait_until

# isort: split
from core_rig import MESSAGES, NOW_NS, PERIOD_NS, image
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message

from vis_msgs.msg import InstanceTrackArray
from vis_ros.ros.core import TrackerCore
from vis_ros.ros.rclpy_messages import RclpyMessages

TRACKS, IMAGES = '/tracker/tracks', '/image'
MANY = QoSProfile(depth=200)  # reliable, volatile
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
OK, WARN, ERROR = (ord(getattr(DiagnosticStatus, name)) for name in ('OK', 'WARN', 'ERROR'))


def to_rclpy(message: Any) -> Any:
    """Return a bare message as one of rclpy, by the bytes that go over the wire."""
    cls = RclpyMessages().resolve(message.__msgtype__)
    return deserialize_message(bytes(MESSAGES.serialize(message)), cls)


def stamp_of(message: Any) -> int:
    """Return the stamp of a message in nanoseconds."""
    return int(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)


class Robot:
    """A node core on rclpy, and a peer that is camera and planner.

    `results` and `statuses` are what the planner heard. The values are the node's parameters;
    `act` of the puppet may be set before.
    """

    pixels: Any = None  # of its images unless told otherwise; None for a small black one

    def __init__(self, make_host: Any, peer: Peer, **parameters: Any) -> None:
        small = {'warm_up_width': 0, 'warm_up_height': 0, 'diagnostics_period_s': 0.1}
        given = {'method': 'puppet', **small, **parameters}
        words = [word for item in given.items() for word in ('-p', '{}:={}'.format(*item))]
        self.peer = peer
        self.results: list[InstanceTrackArray] = []
        self.statuses: list[DiagnosticStatus] = []
        self._index = itertools.count()
        self._publishers: dict[str, Any] = {}
        node = peer.node
        node.create_subscription(InstanceTrackArray, TRACKS, self.results.append, MANY)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, 10)
        self.host = make_host(*words, before=self._start)
        wait_until(self.is_connected)
        wait_until(self.is_settled)
        wait_until(self.is_connected)
        self.show()  # and so nothing is on its way any more
        self.results.clear()

    def _start(self, host: Any) -> None:
        self.core = TrackerCore(host)
        host.attach(self.core)
        assert host.autostart()

    def _hear(self, message: DiagnosticArray) -> None:
        self.statuses.append(message.status[0])

    @property
    def counts(self) -> dict[str, int]:
        return self.core.streams[0].statistics.counts

    @property
    def newest_ns(self) -> int:
        """Stamp of the latest result."""
        return stamp_of(self.results[-1]) if self.results else -1

    def publish(self, topic: str, message: Any, profile: QoSProfile = MANY) -> None:
        """Publish a bare message on a topic."""
        made = to_rclpy(message)
        if topic not in self._publishers:
            self._publishers[topic] = self.peer.node.create_publisher(type(made), topic, profile)
        self._publishers[topic].publish(made)

    def next_stamp(self) -> int:
        """Return the stamp of the next image."""
        return NOW_NS + next(self._index) * PERIOD_NS

    def is_connected(self) -> bool:
        """Send an image; return whether results have come."""
        self.send()
        return len(self.results) > 3

    def is_settled(self) -> bool:
        """Return whether the node receives what the camera offers, and will not change it."""
        for topic, publisher in self._publishers.items():
            found = self.peer.node.get_subscriptions_info_by_topic(topic)
            offered = publisher.qos_profile
            asked = [(f.qos_profile.reliability, f.qos_profile.durability) for f in found]
            if asked != [(offered.reliability, offered.durability)]:
                return False
        return all(p.get_subscription_count() == 1 for p in self._publishers.values())

    def send(self, pixels: Any = None, *, stamp_ns: int | None = None) -> int:
        """Send the next image; return its stamp."""
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        self.publish(IMAGES, image(self.pixels if pixels is None else pixels, stamp_ns=stamp_ns))
        return stamp_ns

    def show(self, pixels: Any = None, *, stamp_ns: int | None = None) -> InstanceTrackArray:
        """Send an image, wait for its result and return it."""
        sent_ns = self.send(pixels, stamp_ns=stamp_ns)
        wait_until(lambda: self.newest_ns == sent_ns)
        return self.results[-1]

    def wait_for_status(self, level: int, words: str) -> None:
        """Wait until a status of that level says so."""
        del self.statuses[:]
        wait_until(
            lambda: any(ord(s.level) == level and words in s.message for s in list(self.statuses))
        )
