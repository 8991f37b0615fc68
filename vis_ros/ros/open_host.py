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
        ValueError: An argument is not right, the wanted kind is not installed, or the network
            cannot be used.
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
        return _open_dds(name, arguments)
    from vis_ros.ros.rclpy_host import RclpyHost

    return RclpyHost(name, arguments)


def _open_dds(name: str, arguments: Sequence[str]) -> Host:
    from vis_ros.ros.arguments import parse_arguments

    if not is_importable('cyclonedds'):
        raise ValueError(
            'host: dds needs the Python package cyclonedds: pip install cyclonedds; or source ROS '
            '2 and the workspace in which vis_msgs was built'
        )
    from cyclonedds.core import DDSException

    from vis_ros.ros.dds import DdsHost

    parsed = parse_arguments(arguments)
    try:
        return DdsHost(name, parsed)
    except DDSException as error:
        raise ValueError(
            f'host: Cyclone DDS cannot use this network: {error}; look at CYCLONEDDS_URI, '
            'ROS_DOMAIN_ID and the network interfaces'
        ) from error


def is_importable(module: str) -> bool:
    """Return whether a compiled message package or library is installed, without importing it."""
    if module == 'vis_msgs':  # the folder vis_msgs of a checkout is no Python package
        return importlib.util.find_spec('vis_msgs') is not None and (
            importlib.util.find_spec('vis_msgs.msg') is not None
        )
    return importlib.util.find_spec(module) is not None
