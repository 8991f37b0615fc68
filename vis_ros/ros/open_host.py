# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The host that fits this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from vis_ros.ros.host import Host


def open_host(name: str, arguments: Sequence[str], kind: str = 'auto') -> Host:
    """Return a node on rclpy, or on Cyclone DDS where there is no ROS.

    Args:
        name: Name of the node, unless the arguments remap it.
        arguments: Command line with ROS conventions (`--ros-args`).
        kind: rclpy, dds, or auto: rclpy where it and the built vis_msgs can be imported.

    Raises:
        ValueError: An argument is not right, or the wanted kind is not installed.
    """
    if kind not in ('auto', 'rclpy', 'dds'):
        raise ValueError(f'host: expected auto, rclpy or dds, got {kind!r}')
    missing = [m for m in ('rclpy', 'vis_msgs') if not is_importable(m)]
    if kind == 'rclpy' and missing:
        raise ValueError(
            f'host: rclpy needs {" and ".join(missing)}, which cannot be imported: source '
            'ROS 2 and the workspace in which vis_msgs was built'
        )
    if kind == 'dds' or missing:
        from vis_ros.ros.arguments import parse_arguments
        from vis_ros.ros.dds import DdsHost

        return DdsHost(name, parse_arguments(arguments))
    from vis_ros.ros.rclpy_host import RclpyHost

    return RclpyHost(name, arguments)


def is_importable(module: str) -> bool:
    """Return whether a compiled message package or library is installed, without importing it."""
    if module == 'vis_msgs':  # the folder vis_msgs of a checkout is no Python package
        return importlib.util.find_spec('vis_msgs') is not None and (
            importlib.util.find_spec('vis_msgs.msg') is not None
        )
    return importlib.util.find_spec(module) is not None
