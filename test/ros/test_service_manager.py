# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What systemd hears of the node."""

import socket

import pytest
from core_rig import NOW_NS, PATIENCE_S, PERIOD_NS, Blockage, Gate, image

from vis_ros.ros.service_manager import ServiceManager, progress_of


@pytest.fixture
def systemd(tmp_path):
    """Return the socket of a systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / 'notify'))
        listener.settimeout(PATIENCE_S)
        yield listener


def environment_of(listener, **more):
    return {'NOTIFY_SOCKET': listener.getsockname(), **more}


def is_silent(listener):
    listener.settimeout(0)
    try:
        return not listener.recv(4096)
    except BlockingIOError:
        return True
    finally:
        listener.settimeout(PATIENCE_S)


def test_without_systemd_nothing_happens(make_rig):
    manager = ServiceManager({})
    rig = make_rig()
    manager.tell('READY=1')
    assert manager.watchdog_s is None
    assert manager.ready(rig.host, rig.core, is_tracking=True) is None
    assert not [entity for entity in rig.host.entities if entity.kind == 'timer']


@pytest.mark.parametrize(
    ('environment', 'expected'),
    [
        ({}, None),
        ({'WATCHDOG_USEC': '60000000'}, 60.0),
        ({'WATCHDOG_USEC': '500000', 'WATCHDOG_PID': '7'}, 0.5),
        ({'WATCHDOG_USEC': '500000', 'WATCHDOG_PID': '8'}, None),
        ({'WATCHDOG_USEC': '0'}, None),
        ({'WATCHDOG_USEC': 'soon'}, None),
    ],
)
def test_the_period_of_the_watchdog(environment, expected):
    assert ServiceManager(environment, 7).watchdog_s == expected


def test_systemd_that_is_gone_harms_nothing(tmp_path):
    ServiceManager({'NOTIFY_SOCKET': str(tmp_path / 'nobody')}).tell('READY=1')
    ServiceManager({'NOTIFY_SOCKET': '@nobody'}).tell('READY=1')


def test_an_abstract_socket(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f'vis_ros {tmp_path}'
        listener.bind(f'\0{name}')
        ServiceManager({'NOTIFY_SOCKET': f'@{name}'}).tell('STOPPING=1')
        assert listener.recv(100) == b'STOPPING=1'


@pytest.mark.parametrize(
    ('is_tracking', 'status'), [(True, b'tracking'), (False, b'NOT tracking')]
)
def test_ready_tells_whether_it_tracks(make_rig, systemd, is_tracking, status):
    rig = make_rig()
    ServiceManager(environment_of(systemd)).ready(rig.host, rig.core, is_tracking=is_tracking)
    first, second = systemd.recv(4096).split(b'\n')
    assert first == b'READY=1'
    assert second.startswith(b'STATUS=' + status)


def test_signs_of_life_end_while_a_frame_does_not(make_rig, puppet, systemd):
    rig = make_rig()
    manager = ServiceManager(environment_of(systemd, WATCHDOG_USEC='3000000'))
    timer = manager.ready(rig.host, rig.core, is_tracking=False)
    assert systemd.recv(4096).startswith(b'READY=1')
    timer.callback()  # unconfigured: nothing to do is no fault
    assert systemd.recv(4096) == b'WATCHDOG=1'
    rig.start()
    timer.callback()
    assert systemd.recv(4096) == b'WATCHDOG=1'
    gate = Gate(puppet)
    rig.send(image(stamp_ns=NOW_NS))
    gate.wait_entered()
    timer.callback()  # busy, and no frame has ended since the last sign
    assert is_silent(systemd)
    gate.let_go()
    rig.settle()
    timer.callback()
    assert systemd.recv(4096) == b'WATCHDOG=1'
    timer.close()


def test_a_node_whose_middleware_hangs_does_not_move(make_rig):
    rig = make_rig().start()
    is_moving = progress_of(rig.core)
    blockage = Blockage(rig)
    rig.send(image(stamp_ns=NOW_NS))
    blockage.wait_entered()
    assert is_moving()  # for the first time
    rig.send(image(stamp_ns=NOW_NS + PERIOD_NS))
    assert not is_moving()
    blockage.let_go(2)
    rig.settle()
    assert is_moving()


def test_a_busy_node_whose_frames_end_moves(make_rig, puppet):
    rig = make_rig().start()
    is_moving = progress_of(rig.core)
    gate = Gate(puppet)
    for number in range(3):
        rig.send(image(stamp_ns=NOW_NS + number * PERIOD_NS))
        gate.wait_entered()
        assert is_moving()  # the frame before has ended
        assert not is_moving()
        gate.let_go()
        rig.settle()
