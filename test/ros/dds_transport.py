# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The surroundings of a node on bare Cyclone DDS; those on a real ROS 2 are `rclpy_transport`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core_rig import MESSAGES
from hosts_rig import PATIENCE_S, Hosts

from vis_ros.ros.arguments import parse_arguments
from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Publisher, Qos

_TRANSFORMS = 'tf2_msgs/msg/TFMessage'


class DdsTransport:
    """A world that shares nothing but topics and services with the node `/tracker`."""

    kind = 'dds'

    def __init__(self) -> None:
        self._hosts = Hosts(
            lambda name, words: DdsHost(
                name, parse_arguments(['--ros-args', *words] if words else [])
            )
        )
        self._world = self._hosts('world')
        self._broadcasters: dict[bool, Publisher] = {}

    def make_host(self, *words: str, before: Callable[[Any], Any]) -> Any:
        """Return the host of the tracker, which spins."""
        return self._hosts('tracker', *words, before=before)

    def subscribe(self, type_name: str, topic: str, hear: Callable[[Any], Any]) -> None:
        """Give every message on a topic to `hear`."""
        self._world.create_subscription(type_name, topic, Qos(depth=200), hear)

    def publisher(self, type_name: str, topic: str, *, is_latched: bool = False) -> Any:
        """Return a reliable publisher of bare messages."""
        qos = Qos(depth=1 if is_latched else 200, transient_local=is_latched)
        return self._world.create_publisher(type_name, topic, qos)

    def send_transforms(self, message: Any, *, is_static: bool = False) -> None:
        """Send a bare `tf2_msgs/TFMessage` as tf2's broadcasters do."""
        if is_static not in self._broadcasters:
            self._broadcasters[is_static] = self._world.create_publisher(
                _TRANSFORMS,
                '/tf_static' if is_static else '/tf',
                Qos(depth=1 if is_static else 100, transient_local=is_static),
            )
        self._broadcasters[is_static].publish(message)

    def call(self, type_name: str, name: str, **fields: Any) -> Any:
        """Return the response of a service."""
        fields = fields or {'structure_needs_at_least_one_member': 0}
        request = MESSAGES.make(f'{type_name}_Request', **fields)
        return self._world.call(type_name, name, request, PATIENCE_S)

    @contextmanager
    def idle_subscriptions(self, type_name: str, topic: str, depths: tuple[int, ...]) -> Iterator:
        """Have a node that subscribes, and that nobody spins."""
        idle = DdsHost('idle', parse_arguments([]))
        try:
            for depth in depths:
                idle.create_subscription(type_name, topic, Qos(depth=depth), print)
            yield
        finally:
            idle.stop()
            idle.destroy()

    def close(self) -> None:
        """End all hosts."""
        self._hosts.close()
