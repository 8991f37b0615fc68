# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts on a real ROS 2, for test modules that import `rclpy_peer`."""

import threading

import pytest


@pytest.fixture
def loopback_domain(monkeypatch):
    """Keep every participant of the test on this machine and away from other pytest processes."""
    from rclpy_peer import ENVIRONMENT

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_host(loopback_domain):
    """Return a function that makes a host and spins it in a thread until the test ends."""
    from rclpy_peer import PATIENCE_S

    from vis_ros.ros.rclpy_host import RclpyHost

    running = []

    def make(*argv, name='tracker', before=lambda host: None):
        host = RclpyHost(name, ['--ros-args', *argv] if argv else [])
        thread = threading.Thread(target=host.spin)
        running.append((host, thread))
        before(host)
        thread.start()
        return host

    yield make
    for host, thread in reversed(running):
        host.stop()
        if thread.ident is not None:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), 'stop did not end spin'
        host.destroy()
        host.destroy()


@pytest.fixture
def peer(loopback_domain):
    """Return another node that spins in a thread."""
    from rclpy_peer import Peer

    node = Peer()
    yield node
    node.close()
