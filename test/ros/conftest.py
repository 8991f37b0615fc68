# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Node cores in memory, and nodes on both transports: bare Cyclone DDS and a real ROS 2."""

import os
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
    import rclpy_peer  # noqa: F401 (skips the test where ROS 2 is not sourced)
    from hosts_rig import Hosts

    from vis_ros.ros.rclpy_host import RclpyHost

    hosts = Hosts(lambda name, words: RclpyHost(name, ['--ros-args', *words] if words else []))
    yield lambda *words, name='tracker', before=None: hosts(name, *words, before=before)
    hosts.close()


@pytest.fixture
def peer(loopback_domain):
    """Return another node that spins in a thread."""
    from rclpy_peer import Peer

    node = Peer()
    yield node
    node.close()


@pytest.fixture
def rclpy_transport(make_host, peer):
    """Return the surroundings of a node on a real ROS 2."""
    from rclpy_transport import RclpyTransport

    return RclpyTransport(make_host, peer)


@pytest.fixture
def dds_transport(monkeypatch):
    """Return the surroundings of a node on bare Cyclone DDS."""
    pytest.importorskip('cyclonedds')
    from dds_transport import DdsTransport

    from vis_ros.ros.dds import loopback_config

    # One domain for each pytest process; above 100 the ports may be taken by others.
    monkeypatch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
    monkeypatch.setenv('CYCLONEDDS_URI', loopback_config())
    transport = DdsTransport()
    yield transport
    transport.close()


@pytest.fixture(params=['dds', 'rclpy'])
def transport(request):
    """Return the surroundings of a node, once on each transport that this machine has."""
    return request.getfixturevalue(f'{request.param}_transport')


@pytest.fixture
def make_robot(transport, puppet):
    """Return a function that makes a robot whose node is active, once on each transport."""
    from robot_rig import Robot

    return partial(Robot, transport)


@pytest.fixture
def colours(monkeypatch):
    """Let methods that detect motion see colours instead."""
    from coloured_world import ColourDetector

    from vis_ros.detectors import DETECTORS

    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)


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
