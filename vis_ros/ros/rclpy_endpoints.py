# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishers, subscriptions, services and timers of rclpy, as the core wants them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)

from vis_ros.ros.host import Closeable, Publisher, Qos, Severity

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

Log = Callable[[Severity, str], None]


def to_profile(qos: Qos) -> QoSProfile:
    """Return the profile of rclpy.

    Raises:
        ValueError: The depth is less than 1.
    """
    if qos.depth < 1:
        raise ValueError(f'history depth: expected at least 1, got {qos.depth}')
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=(
            ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT
        ),
        durability=(
            DurabilityPolicy.TRANSIENT_LOCAL if qos.transient_local else DurabilityPolicy.VOLATILE
        ),
    )


def from_profile(profile: QoSProfile) -> Qos:
    """Return what an endpoint offers; the depth is 1 where discovery does not tell it."""
    return Qos(
        reliable=profile.reliability == ReliabilityPolicy.RELIABLE,
        transient_local=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        depth=max(1, profile.depth),
    )


class Entity(Closeable):
    """An entity of a node whose callback is silent once it is closed, and never raises.

    Args:
        node: Owner.
        log: Where exceptions of the callback go.
        what: What the entity is, for the log.
    """

    def __init__(self, node: Node, log: Log, what: str) -> None:
        self._node = node
        self._log = log
        self._what = what
        self._destroy: Callable[[], object] | None = None

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return self._destroy is not None

    def close(self) -> None:
        """See `Closeable.close`."""
        destroy, self._destroy = self._destroy, None
        if destroy is not None:
            destroy()

    def _call(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the callback returns, or None after logging its exception."""
        if not self.is_open:
            return None
        try:
            return callback(*arguments)
        except Exception:  # a fault of one message must not end the node
            self._log('error', f'{self._what}: exception\n{traceback.format_exc().rstrip()}')
            return None

    def _on_event(
        self, on_incompatible: Callable[[str], None] | None
    ) -> Callable[[Any], None] | None:
        """Return the callback of the event, or None for rclpy's own, which warns."""
        if on_incompatible is None:
            return None
        return lambda event: self._call(
            on_incompatible, qos_policy_name_from_kind(event.last_policy_kind)
        )


class RclpyPublisher(Entity, Publisher):
    """A writer that does not ask for the lifecycle state; safe from any thread."""

    def __init__(
        self,
        node: Node,
        log: Log,
        message_class: type,
        topic: str,
        qos: Qos,
        on_incompatible: Callable[[str], None] | None,
    ) -> None:
        super().__init__(node, log, f'publisher on {topic}')
        self._context: Context = node.context
        events = PublisherEventCallbacks(incompatible_qos=self._on_event(on_incompatible))
        self._inner = node.create_publisher(
            message_class, topic, to_profile(qos), event_callbacks=events
        )
        self._destroy = lambda: node.destroy_publisher(self._inner)

    def publish(self, message: Any) -> None:
        """See `Publisher.publish`; nothing happens once the node has left the graph."""
        try:
            if self.is_open:
                self._inner.publish(message)
        except InvalidHandle:
            return
        except RuntimeError:  # RCLError
            if self._context.ok():
                raise

    def subscriber_count(self) -> int:
        """See `Publisher.subscriber_count`; 0 once the node has left the graph."""
        try:
            return int(self._inner.get_subscription_count()) if self.is_open else 0
        except InvalidHandle:
            return 0
        except RuntimeError:  # RCLError
            if self._context.ok():
                raise
            return 0


class RclpySubscription(Entity):
    """A reader on one topic."""

    def __init__(
        self,
        node: Node,
        log: Log,
        message_class: type,
        topic: str,
        qos: Qos,
        callback: Callable[[Any], None],
        on_incompatible: Callable[[str], None] | None,
    ) -> None:
        super().__init__(node, log, f'subscription on {topic}')
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_event(on_incompatible))

        def receive(message: Any) -> None:
            self._call(callback, message)

        inner = node.create_subscription(
            message_class, topic, receive, to_profile(qos), event_callbacks=events
        )
        self._destroy = lambda: node.destroy_subscription(inner)


class RclpyService(Entity):
    """The server side of one service; a caller is always answered.

    Where the callback raises, the answer is an empty response, with the exception in its field
    `message` if it has one.
    """

    def __init__(
        self,
        node: Node,
        log: Log,
        service_class: type,
        name: str,
        callback: Callable[[Any], Any],
    ) -> None:
        super().__init__(node, log, f'service {name}')

        def serve(request: Any, empty: Any) -> Any:
            if hasattr(empty, 'message'):
                empty.message = 'the call failed; the log of the node tells why'
            response = self._call(callback, request)
            return empty if response is None else response

        inner = node.create_service(service_class, name, serve)
        self._destroy = lambda: node.destroy_service(inner)


class RclpyTimer(Entity):
    """A callback with a period of steady time.

    Raises:
        ValueError: The period is not above 0.
    """

    def __init__(
        self, node: Node, log: Log, period_s: float, callback: Callable[[], None]
    ) -> None:
        if not period_s > 0:
            raise ValueError(f'timer period: expected more than 0 s, got {period_s!r}')
        super().__init__(node, log, f'timer of {period_s} s')
        inner = node.create_timer(
            period_s, lambda: self._call(callback), clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._destroy = lambda: node.destroy_timer(inner)
