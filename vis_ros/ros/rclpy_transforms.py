# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The transform buffer of an installed tf2."""

from __future__ import annotations

from typing import Any

from rclpy.time import Time
from tf2_ros import Buffer, TransformException

from vis_ros.spatial.pose import Pose
from vis_ros.spatial.transform_buffer import TransformError

_KEPT_NS = 10_000_000_000  # tf2 refuses what is older, for ever after time was set back


class Tf2Source:
    """tf2's buffer as a `TransformSource`; safe to use from every thread, as tf2's core is."""

    def __init__(self) -> None:
        self._buffer = Buffer()
        self._newest_ns = 0

    def insert(self, stamped: Any, *, is_static: bool) -> None:
        """See `TransformSource.insert`; what is not valid tf2 reports itself."""
        if is_static:
            self._buffer.set_transform_static(stamped, 'vis_ros')
            return
        stamp_ns = stamped.header.stamp.sec * 10**9 + stamped.header.stamp.nanosec
        if stamp_ns < self._newest_ns - _KEPT_NS:
            self._buffer.clear()
            self._newest_ns = 0
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._buffer.set_transform(stamped, 'vis_ros')

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """See `TransformSource.lookup`."""
        try:
            found = self._buffer.lookup_transform(
                target.removeprefix('/'), source.removeprefix('/'), Time(nanoseconds=stamp_ns)
            )
        except TransformException as error:
            raise TransformError(f'{target} <- {source}: {error}') from error
        turn, shift = found.transform.rotation, found.transform.translation
        return Pose.of((turn.x, turn.y, turn.z, turn.w), (shift.x, shift.y, shift.z))
