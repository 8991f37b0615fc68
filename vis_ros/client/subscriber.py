# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A subscription that keeps a table up to date, on any node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from vis_ros.client.snapshot import Snapshot
from vis_ros.client.table import TrackTable, Update
from vis_ros.ros.host import Host, Qos
from vis_ros.wire.conversion import TRACKS_TYPE

DEFAULT_TOPIC = '/vis_tracker/tracks'
_QUIET_S = 5.0  # at most one log line in this time


class TrackSubscriber:
    """Keeps a table up to date from a topic, and tells of each change.

    A message that is not valid is counted and logged, at most once in five seconds; the table
    stays as it was and goes on with the next message.

    Args:
        node: An rclpy node of your own, or a host of `vis_ros.ros.open_host`. Whoever spins it
            runs the callbacks.
        topic: Topic of the tracks.
        table: Table to keep; None for a new one with the default limits.
        on_update: Called with each new snapshot, on the thread that spins; what it raises is the
            node's to handle. Not called for late messages and those of earlier sessions.
        depth: Messages that may wait for the callback.

    Attributes:
        table: The table.

    Raises:
        ValueError: `vis_msgs` is not built and sourced, or the topic is no name.
    """

    def __init__(
        self,
        node: Any,
        topic: str = DEFAULT_TOPIC,
        *,
        table: TrackTable | None = None,
        on_update: Callable[[Snapshot], None] | None = None,
        depth: int = 10,
    ) -> None:
        self.table = TrackTable() if table is None else table
        self._topic = topic
        self._on_update = on_update
        self._changed = threading.Condition()
        self._received = 0
        self._invalid = 0
        self._logged_s = -_QUIET_S
        self._log: Callable[[str], None]
        self._close: Callable[[], object]
        if isinstance(node, Host):
            self._log = lambda text: node.log('warn', text)
            endpoint = node.create_subscription(TRACKS_TYPE, topic, Qos(depth=depth), self._take)
            self._close = endpoint.close
        else:
            from vis_ros.ros.rclpy_messages import RclpyMessages

            self._log = lambda text: node.get_logger().warning(text)
            message_class = RclpyMessages().resolve(TRACKS_TYPE)
            subscription = node.create_subscription(message_class, topic, self._take, depth)
            self._close = lambda: node.destroy_subscription(subscription)

    @property
    def received(self) -> int:
        """Number of messages that came, also of those that were not valid."""
        return self._received

    @property
    def invalid(self) -> int:
        """Number of messages that were not valid."""
        return self._invalid

    def snapshot(self) -> Snapshot:
        """Return the table as it is now."""
        return self.table.snapshot()

    def wait(self, count: int = 1, timeout_s: float | None = None) -> bool:
        """Wait, on another thread than the one that spins, until messages have come.

        Args:
            count: How many there must have been since the start, valid or not.
            timeout_s: Longest wait [s]; None for no limit.

        Returns:
            Whether so many came.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._received >= count, timeout_s)

    def close(self) -> None:
        """End the subscription; the table stays as it is. A second call does nothing."""
        close, self._close = self._close, lambda: None
        close()

    def _take(self, message: Any) -> None:
        kind = None
        try:
            kind = self.table.update(message)
        except ValueError as error:
            self._complain(error)
        with self._changed:
            self._received += 1
            self._invalid += kind is None
            self._changed.notify_all()
        is_newest = kind in (Update.TAKEN, Update.NEW_SESSION, Update.REPEATED)
        if is_newest and self._on_update is not None:
            self._on_update(self.table.snapshot())

    def _complain(self, error: ValueError) -> None:
        now_s = time.monotonic()
        if now_s - self._logged_s >= _QUIET_S:
            self._logged_s = now_s
            self._log(
                f'{self._topic}: message left out: {error} ({self._invalid + 1} of '
                f'{self._received + 1} so far)'
            )
