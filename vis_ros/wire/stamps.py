# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time stamps and headers: `builtin_interfaces/Time` and nanoseconds, both ways, exactly."""

from typing import Any

from vis_ros.wire.image_error import ImageError
from vis_ros.wire.messages import Messages

NS_PER_S = 1_000_000_000
_MAX_S = 2**31 - 1  # `sec` is an int32


def stamp_to_ns(stamp: Any) -> int:
    """Return a `builtin_interfaces/Time` in nanoseconds.

    Raises:
        ImageError: `sec` is negative, or `nanosec` is a whole second or more.
    """
    sec, nanosec = int(stamp.sec), int(stamp.nanosec)
    if sec < 0 or not 0 <= nanosec < NS_PER_S:
        raise ImageError(
            f'stamp: expected sec >= 0 and nanosec in [0, {NS_PER_S}), got {sec} and {nanosec}'
        )
    return sec * NS_PER_S + nanosec


def ns_to_stamp(messages: Messages, stamp_ns: int) -> Any:
    """Return nanoseconds as a `builtin_interfaces/Time`.

    Raises:
        ImageError: The time is negative or after the year 2038, which the message cannot say.
    """
    sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
    if not 0 <= sec <= _MAX_S:
        raise ImageError(
            f'stamp_ns: expected a value in [0, {(_MAX_S + 1) * NS_PER_S}), got {stamp_ns}'
        )
    return messages.make('builtin_interfaces/msg/Time', sec=sec, nanosec=nanosec)


def make_header(messages: Messages, stamp_ns: int, frame_id: str = '') -> Any:
    """Return a `std_msgs/Header`.

    Raises:
        ImageError: The time is negative or too late for the message.
    """
    stamp = ns_to_stamp(messages, stamp_ns)
    return messages.make('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)
