# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's log: standard error and `/rosout`."""

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from vis_ros.ros.host import Publisher, Qos, Severity
from vis_ros.wire.bare_messages import BareMessages

ROSOUT_TYPE = 'rcl_interfaces/msg/Log'
ROSOUT_QOS = Qos(reliable=True, transient_local=True, depth=1000)
ROSOUT_LIFESPAN_NS = 10_000_000_000  # as rcl has it: old lines are not news to late listeners
_LEVELS: dict[Severity, int] = {'debug': 10, 'info': 20, 'warn': 30, 'error': 40, 'fatal': 50}


class NodeLog:
    """Writes lines in the format of ROS, from any thread.

    Args:
        full_name: Absolute name of the node.
        level: Least severe level that is written.
        now_ns: Clock of the node.
    """

    def __init__(
        self,
        messages: BareMessages,
        full_name: str,
        level: Severity,
        now_ns: Callable[[], int],
    ) -> None:
        self._messages = messages
        self._logger = full_name[1:].replace('/', '.')
        self._least = _LEVELS[level]
        self._now_ns = now_ns
        self.publisher: Publisher | None = None

    def __call__(self, severity: Severity, text: str) -> None:
        """Write a line when it is severe enough."""
        level = _LEVELS[severity]
        if level < self._least:
            return
        text = text.replace('\0', ' ').encode('utf-8', 'replace').decode()  # what CDR can hold
        seconds, nanoseconds = divmod(self._now_ns(), 1_000_000_000)
        stamp = f'{seconds}.{nanoseconds:09d}'
        with contextlib.suppress(OSError):  # whoever read our errors may be gone
            sys.stderr.write(f'[{severity.upper()}] [{stamp}] [{self._logger}]: {text}\n')
            sys.stderr.flush()
        publisher = self.publisher
        if publisher is not None:
            publisher.publish(self._message(seconds, nanoseconds, level, text))

    def _message(self, seconds: int, nanoseconds: int, level: int, text: str) -> Any:
        time = self._messages.make('builtin_interfaces/msg/Time', sec=seconds, nanosec=nanoseconds)
        return self._messages.make(
            ROSOUT_TYPE,
            stamp=time,
            level=level,
            name=self._logger,
            msg=text,
            file='',
            function='',
            line=0,
        )
