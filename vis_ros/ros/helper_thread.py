# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the threads beside the worker's have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class HelperThread(ABC):
    """A thread that does something for the worker, until it is told to end.

    Args:
        changed: Lock of the worker, told of all that changes.
        name: Of the thread.
    """

    def __init__(self, changed: threading.Condition, name: str) -> None:
        self._changed = changed
        self._ends = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Let the thread end after what is left for it to do; returns at once."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended, or for `timeout_s`."""
        self._thread.join(timeout_s)

    @abstractmethod
    def _run(self) -> None:
        """Do the work; return once `_ends` is set and nothing is left."""
