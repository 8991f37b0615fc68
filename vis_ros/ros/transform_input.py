# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`/tf` and `/tf_static`, and waiting a moment for a transform that comes late."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from vis_ros.ros.awaited_input import AwaitedInput
from vis_ros.ros.host import Host, Qos
from vis_ros.spatial.pose import Pose
from vis_ros.spatial.transform_buffer import TransformError

_TYPE = 'tf2_msgs/msg/TFMessage'
_MOVING = Qos(reliable=True, depth=100)  # as tf2_ros
_STATIC = Qos(reliable=True, transient_local=True, depth=100)


class TransformInput(AwaitedInput):
    """Listens to transforms; the buffer is the host's: tf2's own where there is one.

    Args:
        host: The node.
        complain: Gets a text about a transform that is not valid.
    """

    def __init__(self, host: Host, complain: Callable[[str], None]) -> None:
        super().__init__()
        self._source = host.make_transform_source()
        self._complain = complain
        self._subscriptions = [
            host.create_subscription(_TYPE, '/tf', _MOVING, self._on_moving),
            host.create_subscription(_TYPE, '/tf_static', _STATIC, self._on_static),
        ]

    def _on_moving(self, message: Any) -> None:
        self._insert(message, is_static=False)

    def _on_static(self, message: Any) -> None:
        self._insert(message, is_static=True)

    def _insert(self, message: Any, *, is_static: bool) -> None:
        for stamped in message.transforms:
            try:
                self._source.insert(stamped, is_static=is_static)
            except ValueError as error:
                self._complain(str(error))
        with self._changed:
            self._changed.notify_all()

    def lookup(self, target: str, source: str, stamp_ns: int, until_s: float) -> Pose:
        """Return the pose from `source` to `target` at a time.

        After 5 times in vain only each tenth is waited for.

        Args:
            target: Frame that points are wanted in.
            source: Frame that they are in.
            stamp_ns: Time in nanoseconds; 0 for the latest known.
            until_s: Steady time until which to wait for it.

        Raises:
            TransformError: It is not known by then.
        """
        while True:
            with self._changed:  # before looking: what comes afterwards wakes the wait
                try:
                    pose = self._source.lookup(target, source, stamp_ns)
                except TransformError:
                    left_s = until_s - time.monotonic()
                    if self._is_closed or left_s <= 0 or not self._patience.lasts:
                        self._patience.missed()
                        raise
                    self._changed.wait(left_s)
                else:
                    self._patience.found()
                    return pose
