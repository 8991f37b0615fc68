# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A quiet end while the node is not spinning yet."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_is_ending = threading.Event()  # of the process, as the handlers are


def end_quietly() -> threading.Event:
    """Let SIGINT and SIGTERM end this process with code 0 and without a traceback.

    For the seconds in which modules are imported. Does nothing outside the main thread, which
    alone may handle signals.

    Returns:
        What is set once a signal has come, the same for every caller in this process. Whoever goes
        on after an import or a call into C must look: Python itself swallows the exception that
        ends the process in callbacks of weak references, of which every import runs one, and
        Cyclone DDS in those of its own.
    """

    def end(number: int, frame: FrameType | None) -> None:
        ignore_signals()
        _is_ending.set()
        sys.unraisablehook = _say_unless_ending
        sys.exit(0)  # runs every `finally`, and is no Exception that somebody might swallow

    _handle(end)
    return _is_ending


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Let the first SIGINT or SIGTERM call `stop`; for the time in which nothing may raise."""

    def end(number: int, frame: FrameType | None) -> None:
        ignore_signals()
        stop()

    _handle(end)


def ignore_signals() -> None:
    """Let nothing interrupt the end of the process: Ctrl-C under ros2 launch arrives twice."""
    _handle(signal.SIG_IGN)


def _say_unless_ending(swallowed: Any) -> None:
    if not isinstance(swallowed.exc_value, SystemExit):
        sys.__unraisablehook__(swallowed)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, handler)
