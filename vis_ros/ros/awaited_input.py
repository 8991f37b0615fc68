# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions whose messages the publisher's thread waits for."""

from __future__ import annotations

import threading

from vis_ros.ros.host import Closeable
from vis_ros.ros.patience import Patience


class AwaitedInput(Closeable):
    """What an input shares that is heard on one thread and waited for on another.

    Whoever takes a message in notifies `_changed`; whoever waits on it goes on once `_is_closed`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._patience = Patience()
        self._is_closed = False
        self._subscriptions: list[Closeable] = []

    def close(self) -> None:
        """Stop receiving; who waits goes on."""
        for subscription in self._subscriptions:
            subscription.close()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
