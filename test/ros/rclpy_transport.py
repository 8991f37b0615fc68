# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The surroundings of a node on a real ROS 2; those without are `dds_transport`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rclpy_peer import Peer

# isort: split
import rclpy
from core_rig import MESSAGES
from rclpy.context import Context
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message

from vis_ros.ros.rclpy_messages import RclpyMessages

MANY = QoSProfile(depth=200)  # reliable, volatile
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_CLASSES = RclpyMessages()


def to_rclpy(message: Any) -> Any:
    """Return a bare message as one of rclpy, by the bytes that go over the wire."""
    cls = _CLASSES.resolve(message.__msgtype__)
    return deserialize_message(bytes(MESSAGES.serialize(message)), cls)


class _Publisher:
    """Publishes bare messages."""

    def __init__(self, peer: Peer, type_name: str, topic: str, profile: QoSProfile) -> None:
        cls = _CLASSES.resolve(type_name)
        self._inner = peer.node.create_publisher(cls, topic, profile)

    def publish(self, message: Any) -> None:
        self._inner.publish(to_rclpy(message))

    def subscriber_count(self) -> int:
        return int(self._inner.get_subscription_count())


class RclpyTransport:
    """A world that shares nothing but topics and services with the node `/tracker`.

    All but the tracker is made with nothing but rclpy.
    """

    kind = 'rclpy'

    def __init__(self, make_host: Callable[..., Any], peer: Peer) -> None:
        self.make_host = make_host
        self._peer = peer
        self._broadcasters: dict[bool, Any] = {}

    def subscribe(self, type_name: str, topic: str, hear: Callable[[Any], Any]) -> None:
        """Give every message on a topic to `hear`."""
        self._peer.node.create_subscription(_CLASSES.resolve(type_name), topic, hear, MANY)

    def publisher(self, type_name: str, topic: str, *, is_latched: bool = False) -> _Publisher:
        """Return a reliable publisher of bare messages."""
        return _Publisher(self._peer, type_name, topic, LATCHED if is_latched else MANY)

    def send_transforms(self, message: Any, *, is_static: bool = False) -> None:
        """Send a bare `tf2_msgs/TFMessage` by the broadcasters of tf2."""
        from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

        if is_static not in self._broadcasters:
            cls = StaticTransformBroadcaster if is_static else TransformBroadcaster
            self._broadcasters[is_static] = cls(self._peer.node)
        self._broadcasters[is_static].sendTransform(to_rclpy(message).transforms)

    def call(self, type_name: str, name: str, **fields: Any) -> Any:
        """Return the response of a service."""
        fields = {k: to_rclpy(v) if hasattr(v, '__msgtype__') else v for k, v in fields.items()}
        request = _CLASSES.make(f'{type_name}_Request', **fields)
        return self._peer.call(_CLASSES.resolve(type_name), name, request)

    @contextmanager
    def idle_subscriptions(self, type_name: str, topic: str, depths: tuple[int, ...]) -> Iterator:
        """Have a node that subscribes, and that nobody spins."""
        context = Context()
        rclpy.init(args=[], context=context)
        idle = rclpy.create_node('idle', context=context)
        try:
            for depth in depths:
                idle.create_subscription(
                    _CLASSES.resolve(type_name), topic, print, QoSProfile(depth=depth)
                )
            yield
        finally:
            idle.destroy_node()
            context.try_shutdown()
