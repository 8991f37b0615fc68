# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of any host in the form that bags are written from."""

from typing import Any

from vis_ros.wire.bare_messages import bare_messages


def as_bare(message: Any, type_name: str) -> Any:
    """Return a message of any host as one of the bare type store."""
    if hasattr(message, '__msgtype__'):
        return message
    from rclpy.serialization import serialize_message

    return bare_messages().deserialize(serialize_message(message), type_name)
