# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts that spin in threads, and waiting for what they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from patience import PATIENCE_S


def wait_until(condition: Callable[[], Any]) -> Any:
    """Wait until `condition()` is true and return what it returned; fail when it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, 'the condition never came true'
        time.sleep(0.005)
    return found


class Hosts:
    """Makes hosts, each spun in a thread of its own until `close`.

    Args:
        make: Makes a host of a name and the words after `--ros-args`.
    """

    def __init__(self, make: Callable[[str, Sequence[str]], Any]) -> None:
        self._make = make
        self._running: list[tuple[Any, threading.Thread]] = []

    def __call__(self, name: str, *words: str, before: Callable[[Any], Any] | None = None) -> Any:
        """Return a new host; `before` gets it before it spins."""
        host = self._make(name, words)
        thread = threading.Thread(target=host.spin, name=f'spin {name}')
        self._running.append((host, thread))
        if before is not None:
            before(host)
        thread.start()
        return host

    def close(self) -> None:
        """Stop and destroy all of them, the youngest first."""
        for host, thread in reversed(self._running):
            host.stop()
            if thread.ident is not None:
                thread.join(PATIENCE_S)
                assert not thread.is_alive(), 'stop did not end spin'
            host.destroy()
            host.destroy()  # the second time nothing happens
