# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What keeps a player from running ahead of the tracker, so that every frame gets its result."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

WINDOW = 32
"""Frames that may be without a result; the tracker's queue and its subscription must hold them."""

_PATIENCE_S = 10.0  # without any result for so long, frames are taken for lost
_GAPS = 5  # ... or for so many times the longest time between two results, if that is more
_SLICE_S = 0.1


class Follower:
    """Counts the frames that were published and have no result yet.

    A frame is settled by its own result or by that of a later one, since results come in order.
    When no result comes for long, as of a method that fails or that keeps more frames back than
    the window holds, the player goes on as if it followed nobody until the next result.

    Args:
        host: Node that listens.
        topic: Topic of the tracks.
        ended: Ends every wait.
    """

    def __init__(self, host: Any, topic: str, ended: threading.Event) -> None:
        from vis_ros.ros.host import Qos
        from vis_ros.wire.conversion import TRACKS_TYPE

        self._host, self._topic, self._ended = host, topic, ended
        self._changed = threading.Condition()
        self._due: deque[int] = deque()  # stamps in nanoseconds; at most WINDOW while it waits
        self._last_s = 0.0
        self._patience_s = _PATIENCE_S
        host.create_subscription(TRACKS_TYPE, topic, Qos(depth=2 * WINDOW), self._take)

    @property
    def is_there(self) -> bool:
        """Whether somebody publishes tracks."""
        return bool(self._host.publishers_on(self._topic))

    def published(self, stamp_ns: int) -> None:
        """Count a frame; call it before the frame is published."""
        with self._changed:
            if not self._due:
                self._last_s = time.monotonic()
            self._due.append(stamp_ns)

    def wait_below(self, limit: int) -> None:
        """Wait until fewer than `limit` frames are without a result, or until none comes."""
        while not self._ended.is_set():
            with self._changed:
                if self._changed.wait_for(lambda: len(self._due) < limit, _SLICE_S):
                    return
                silence_s = time.monotonic() - self._last_s
                count = len(self._due)
                if silence_s > self._patience_s:
                    self._due.clear()
            if silence_s > self._patience_s:
                self._host.log(
                    'warn', f'{self._topic}: no result of {count} frames for {silence_s:.0f} s'
                )
                return

    def _take(self, message: Any) -> None:
        from vis_ros.wire.encodings import stamp_to_ns

        stamp_ns = stamp_to_ns(message.header.stamp)
        with self._changed:
            if stamp_ns not in self._due:  # of another camera, or given up already
                return
            now_s = time.monotonic()
            self._patience_s = max(self._patience_s, _GAPS * (now_s - self._last_s))
            self._last_s = now_s
            while self._due.popleft() != stamp_ns:
                pass
            self._changed.notify_all()
