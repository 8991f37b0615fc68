# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The host that fits this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from vis_ros.ros.host import Host

_SOURCE = 'source ROS 2 and the workspace in which vis_msgs was built'


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
    if kind == 'dds':
        return _open_dds(name, arguments)
    if not is_importable('rclpy'):
        if kind == 'auto':
            return _open_dds(name, arguments)
        raise ValueError(f'host: rclpy cannot be imported: {_SOURCE}')
    if not is_importable('vis_msgs'):
        return _open_other(name, arguments, kind, f'rclpy is there but vis_msgs is not: {_SOURCE}')
    try:
        import vis_msgs.msg  # noqa: F401 (found above; whether it can be loaded shows only now)
        from vis_ros.ros.rclpy_host import RclpyHost
    except Exception as error:  # a ROS for another Python, or one of which a part is missing
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())
        return _open_other(name, arguments, kind, f'rclpy is there but cannot be loaded: {reason}')
    return RclpyHost(name, arguments)


def _open_other(name: str, arguments: Sequence[str], kind: str, fault: str) -> Host:
    """Return a node on Cyclone DDS that tells why it is not on rclpy, unless rclpy is wanted."""
    if kind == 'rclpy':
        raise ValueError(f'host: {fault}')
    try:
        host = _open_dds(name, arguments)
    except ValueError as error:
        raise ValueError(f'host: {fault}; and {error}') from error
    host.log('warn', f'{fault}; this node runs on Cyclone DDS instead')
    return host


def _open_dds(name: str, arguments: Sequence[str]) -> Host:
    from vis_ros.ros.arguments import parse_arguments

    if not is_importable('cyclonedds'):
        raise ValueError(
            f'host: dds needs the Python package cyclonedds: pip install cyclonedds; or {_SOURCE}'
        )
    try:
        from cyclonedds.core import DDSException

        from vis_ros.ros.dds import DdsHost
    except Exception as error:  # its C library does not fit
        raise ValueError(f'host: cyclonedds is there but cannot be loaded: {error}') from error

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
    if importlib.util.find_spec(module) is None:
        return False
    if module != 'vis_msgs':
        return True
    # The folder vis_msgs of a checkout, and the msg in it, look like packages without any code.
    spec = importlib.util.find_spec('vis_msgs.msg')
    return spec is not None and spec.origin is not None
