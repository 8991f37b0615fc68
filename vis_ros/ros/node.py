# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The executable `tracker_node`: the tracker on whatever host this machine has."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from vis_ros.ros.host import Host
from vis_ros.ros.open_host import open_host
from vis_ros.ros.signals import end_quietly, ignore_signals, stop_on_signals


def main(arguments: Sequence[str] | None = None, *, kind: str = 'auto') -> int:
    """Run the tracker until SIGINT or SIGTERM.

    Args:
        arguments: Command line without the program's name; ROS conventions (`--ros-args`).
        kind: rclpy, dds, or auto: rclpy where it is installed.

    Returns:
        0 after a signal, 2 when an argument or a parameter is not right.
    """
    is_ending = end_quietly()
    try:
        host = open_host('vis_tracker', sys.argv[1:] if arguments is None else arguments, kind)
    except ValueError as error:
        sys.stderr.write(f'tracker_node: {error}\n')
        return 2
    try:
        return 0 if is_ending.is_set() else _run(host, is_ending)
    except ValueError as error:
        host.log('fatal', str(error))
        return 2
    finally:
        ignore_signals()
        host.destroy()


def _run(host: Host, is_ending: threading.Event) -> int:
    from vis_ros.ros.core import TrackerCore  # imports torch, which takes seconds
    from vis_ros.ros.service_manager import ServiceManager

    stop_on_signals(host.stop)
    if is_ending.is_set():  # while importing
        return 0
    core = TrackerCore(host)
    host.attach(core)
    manager = ServiceManager()
    is_tracking = False
    if not core.parameters.autostart:
        host.log('info', 'waiting to be configured (parameter autostart is false)')
    elif not (is_tracking := host.autostart()):
        host.log(
            'error',
            'NOT tracking, see above. Put it right and start again, or run the transitions '
            'configure and activate',
        )
    manager.ready(host, core, is_tracking=is_tracking)
    host.spin()
    manager.tell('STOPPING=1')
    return 0


if __name__ == '__main__':
    sys.exit(main())
