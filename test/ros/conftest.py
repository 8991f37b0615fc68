# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts on a real ROS 2, for test modules that import `rclpy_peer`."""

import threading
from functools import partial

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


@pytest.fixture
def puppet(monkeypatch):
    """Return the class of a method `puppet` that is registered during the test."""
    from core_rig import install

    return install(monkeypatch)


@pytest.fixture
def make_rig(puppet):
    """Return a function that makes a node core; each is shut down and leaves no thread behind."""
    from core_rig import Rig

    rigs = []

    def make(kind=Rig, **parameters):
        rigs.append(kind(**parameters))
        return rigs[-1]

    before = set(threading.enumerate())
    yield make
    for rig in rigs:
        if rig.host.machine.state.label != 'finalized':
            assert rig.change('shutdown')
        open_ones = [e for e in rig.host.entities if not e.is_closed]
        assert not [e.name for e in open_ones if not _is_of_lifecycle(e.name)]
    assert set(threading.enumerate()) <= before


@pytest.fixture
def batches(monkeypatch):
    """Let `iou` see the colours of several frames at once; return the sizes of the batches."""
    from camera_rig import TogetherDetector

    from vis_ros.detectors import DETECTORS

    monkeypatch.setitem(DETECTORS, 'motion', TogetherDetector)
    monkeypatch.setattr(TogetherDetector, 'batches', sizes := [])
    return sizes


@pytest.fixture
def make_cameras(make_rig):
    """Return a function that makes a node core with several cameras."""
    from camera_rig import CamerasRig

    return partial(make_rig, CamerasRig)


def _is_of_lifecycle(name):
    parts = ('state', 'states', 'transitions', 'graph', 'event')
    return name.rsplit('_', 1)[-1] in parts
