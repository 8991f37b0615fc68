# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A quiet end while the node is not spinning yet."""

import signal
import sys
import threading
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_quietly() -> None:
    """Let SIGINT and SIGTERM end this process with code 0 and without a traceback.

    For the seconds in which torch is imported and the method is built; `Host.spin` has handlers of
    its own. Does nothing outside the main thread, which alone may handle signals.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, _end)


def ignore_signals() -> None:
    """Let nothing interrupt the end of the process: Ctrl-C under ros2 launch arrives twice."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    ignore_signals()
    sys.exit(0)  # runs every `finally`, and is no Exception that somebody might swallow
