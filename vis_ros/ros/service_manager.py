# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node tells systemd: that it is ready, that it is alive, that it stops.

The protocol is that of sd_notify(3): datagrams to the socket that systemd names in NOTIFY_SOCKET.
Where nothing is named, as under ros2 launch, nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

from vis_ros.ros.core import TrackerCore
from vis_ros.ros.host import Closeable, Host

_SHARE = 3.0  # signs of life in each period of the watchdog


class ServiceManager:
    """The socket of systemd.

    Args:
        environment: Has NOTIFY_SOCKET, and with `WatchdogSec=` in the unit WATCHDOG_USEC.
        pid: Of this process; WATCHDOG_PID may say that the watchdog is meant for another one.

    Attributes:
        watchdog_s: Period of the watchdog [s]; None without.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, pid: int | None = None
    ) -> None:
        self._address = environment.get('NOTIFY_SOCKET', '')
        self.watchdog_s = _watchdog_s(environment, os.getpid() if pid is None else pid)

    def tell(self, *lines: str) -> None:
        """Send lines such as `READY=1`; a failure is left alone, since systemd acts on silence."""
        if not self._address:
            return
        address = '\0' + self._address[1:] if self._address[0] == '@' else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)  # a full socket must not hold the executor's thread up
            try:
                out.sendto('\n'.join(lines).encode(), address)
            except OSError:
                return

    def ready(self, host: Host, core: TrackerCore, *, is_tracking: bool) -> Closeable | None:
        """Tell that the start is over, and begin to send signs of life where they are wanted.

        A sign says that the executor's thread runs and that frames come to an end: while one frame
        is at work for a whole period of the watchdog, none is sent, and systemd restarts the node.

        Returns:
            The timer of the signs, or None.
        """
        state = 'tracking' if is_tracking else 'NOT tracking, see the log'
        self.tell('READY=1', f'STATUS={state}')
        if self.watchdog_s is None:
            return None
        is_moving = progress_of(core)
        return host.create_timer(
            self.watchdog_s / _SHARE, lambda: self.tell('WATCHDOG=1') if is_moving() else None
        )


def progress_of(core: TrackerCore) -> Callable[[], bool]:
    """Return a function that says whether frames came to an end since it was called before.

    A node without work moves, too.
    """
    ended = -1

    def is_moving() -> bool:
        nonlocal ended
        before = ended
        ended = sum(
            stream.statistics.counts[name]
            for stream in core.streams
            for name in ('processed', 'failed', 'out_of_order')
        )
        worker = core.worker
        return ended != before or worker is None or worker.wait_idle(0.0)

    return is_moving


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    try:
        period_us = int(environment.get('WATCHDOG_USEC', ''))
        meant = int(environment.get('WATCHDOG_PID', pid))
    except ValueError:
        return None
    return period_us / 1e6 if period_us > 0 and meant == pid else None
