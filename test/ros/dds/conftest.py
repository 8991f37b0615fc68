# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts on a loopback domain that belongs to this pytest process alone."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip('cyclonedds')

from vis_ros.ros.arguments import parse_arguments
from vis_ros.ros.dds import DdsHost, loopback_config

_PATIENCE_S = 30.0


@pytest.fixture(scope='session', autouse=True)
def _loopback_domain() -> Iterator[None]:
    """Set domain and configuration before any participant exists."""
    with pytest.MonkeyPatch.context() as patch:
        # Each worker of pytest-xdist is a process; domains above 100 need ports that are given
        # out to others.
        patch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
        patch.setenv('CYCLONEDDS_URI', loopback_config())
        yield


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any]], None]:
    """Return a function that waits until a condition holds, and fails when it never does."""

    def wait(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, 'the condition never came true'
            time.sleep(0.005)

    return wait


@pytest.fixture
def make_host() -> Iterator[Callable[..., DdsHost]]:
    """Return a function that makes a host, spins it in a thread, and ends it with the test.

    `before` gets the host before it spins.
    """
    running: list[tuple[DdsHost, threading.Thread]] = []

    def make(name: str, *argv: str, before: Callable[[DdsHost], Any] | None = None) -> DdsHost:
        host = DdsHost(name, parse_arguments(['--ros-args', *argv]))
        thread = threading.Thread(target=host.spin, name=f'spin {name}')
        running.append((host, thread))
        if before is not None:
            before(host)
        thread.start()
        return host

    yield make
    for host, thread in running:
        host.stop()
        if thread.ident is not None:
            thread.join(_PATIENCE_S)
            assert not thread.is_alive()
        host.destroy()
