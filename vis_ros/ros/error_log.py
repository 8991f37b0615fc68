# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of single frames: counted each, logged now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from vis_ros.ros.host import Host, Severity
from vis_ros.ros.statistics import Statistics

_PERIOD_S = 5.0  # at most one log line of each kind in this time


class ErrorLog:
    """Writes what goes wrong again and again to the log without flooding it.

    Args:
        host: Has the log.
        statistics: Counts the errors.
        clock: Steady time in seconds.
        label: What each line begins with.
    """

    def __init__(
        self,
        host: Host,
        statistics: Statistics,
        clock: Callable[[], float] = time.monotonic,
        label: str = '',
    ) -> None:
        self._host = host
        self._statistics = statistics
        self._clock = clock
        self._label = label
        self._lock = threading.Lock()
        self._logged_s: dict[str, float] = {}  # by kind, of which there is a handful

    def error(self, kind: str, text: str) -> None:
        """Count an error; log it unless one of its kind was logged a moment ago."""
        count = self._statistics.error(text)
        self._log('error', kind, f'{text} ({count} errors so far)')

    def warn(self, kind: str, text: str) -> None:
        """Log a warning, which is not counted, in the same way."""
        self._log('warn', kind, text)

    def _log(self, severity: Severity, kind: str, text: str) -> None:
        with self._lock:
            now_s = self._clock()
            if now_s - self._logged_s.get(kind, now_s - _PERIOD_S) < _PERIOD_S:
                return
            self._logged_s[kind] = now_s
        self._host.log(severity, self._label + text)
