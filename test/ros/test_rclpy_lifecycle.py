# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The life cycle of a real node: its services, the commands of ROS 2, and signals."""

import os
import shutil
import signal
import subprocess
import time

import pytest
from rclpy_peer import ENVIRONMENT, PATIENCE_S, Program, wait_until

# isort: split
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState

from vis_ros.ros.lifecycle import LifecycleMachine
from vis_ros.ros.rclpy_host import RclpyHost

pytestmark = pytest.mark.usefixtures('loopback_domain')


class Core:
    """Counts what it was asked for; raises what a test puts into `faults`."""

    def __init__(self):
        self.calls = []
        self.faults = {}

    def __getattr__(self, name):
        if name not in ('configure', 'activate', 'deactivate', 'cleanup', 'shutdown'):
            raise AttributeError(name)

        def do():
            self.calls.append(name)
            if name in self.faults:
                raise self.faults[name]

        return do


def change_state(peer, number=0, label='', node='/tracker'):
    request = ChangeState.Request(transition=Transition(id=number, label=label))
    return peer.call(ChangeState, f'{node}/change_state', request).success


def state_now(peer):
    return peer.call(GetState, '/tracker/get_state', GetState.Request()).current_state.label


def test_the_whole_circle_over_the_services(make_host, peer):
    core = Core()
    events = []
    make_host(before=lambda host: host.attach(core))
    peer.node.create_subscription(TransitionEvent, '/tracker/transition_event', events.append, 10)
    wait_until(lambda: peer.node.count_publishers('/tracker/transition_event'))
    assert state_now(peer) == 'unconfigured'
    assert change_state(peer, 1)
    assert change_state(peer, label='activate')
    assert state_now(peer) == 'active'
    assert change_state(peer, 4)
    assert change_state(peer, 2)
    assert core.calls == ['configure', 'activate', 'deactivate', 'cleanup']
    wait_until(lambda: events and events[-1].goal_state.label == 'unconfigured')


@pytest.mark.parametrize('fault', [ValueError('weights: no'), OSError('gone'), KeyError('bug')])
def test_a_failed_transition_leaves_the_state_and_the_process(make_host, peer, fault):
    core = Core()
    core.faults = {'configure': fault}
    make_host(before=lambda host: host.attach(core))
    assert not change_state(peer, 1)
    assert state_now(peer) == 'unconfigured'
    core.faults = {'deactivate': fault}
    assert change_state(peer, 1)
    assert change_state(peer, 3)
    assert not change_state(peer, 4)
    assert state_now(peer) == 'active'


def test_an_impossible_transition_is_answered(make_host, peer):
    make_host(before=lambda host: host.attach(Core()))
    assert not change_state(peer, 3)
    assert not change_state(peer, label='fly')
    assert state_now(peer) == 'unconfigured'
    assert change_state(peer, 1), 'the node lives'


def test_without_a_core_nothing_can_be_configured(make_host, peer):
    host = make_host()
    assert not change_state(peer, 1)
    with pytest.raises(RuntimeError, match='no core'):
        host.autostart()


def test_autostart_and_shutdown_at_the_end():
    host = RclpyHost('tracker')
    core = Core()
    host.attach(core)
    with pytest.raises(RuntimeError, match='attached already'):
        host.attach(core)
    assert host.autostart()
    host.destroy()
    assert core.calls == ['configure', 'activate', 'shutdown']


def test_autostart_tells_a_failure():
    host = RclpyHost('tracker')
    core = Core()
    core.faults = {'activate': ValueError('no')}
    host.attach(core)
    assert not host.autostart()
    host.destroy()


def test_our_state_machine_says_what_rcl_says(make_host, peer):
    """LifecycleMachine has the ids, labels and states of rcl, without its error processing."""
    host = make_host(before=lambda host: host.attach(Core()))
    request = GetAvailableTransitions.Request()

    def graph(name):
        found = peer.call(GetAvailableTransitions, name, request).available_transitions
        return {
            (t.transition.id, t.transition.label, s.id, s.label, g.id, g.label)
            for t, s, g in ((t, t.start_state, t.goal_state) for t in found)
        }

    theirs = graph('/tracker/get_transition_graph')
    machine = LifecycleMachine(Core(), _Renamed(host))
    mine = graph('/tracker/mine/get_transition_graph')
    assert mine == {item for item in theirs if 15 not in (item[2], item[4])}
    available = graph('/tracker/get_available_transitions')
    assert graph('/tracker/mine/get_available_transitions') == available
    machine.close()


class _Renamed:
    """A host whose private names are one level deeper, so that they do not meet rclpy's own."""

    def __init__(self, host):
        self._host = host

    def __getattr__(self, name):
        return getattr(self._host, name)

    def create_service(self, type_name, name, callback):
        return self._host.create_service(type_name, name.replace('~', '~/mine'), callback)

    def create_publisher(self, type_name, topic, qos):
        return self._host.create_publisher(type_name, topic.replace('~', '~/mine'), qos)


NODE = """
import sys
class Core:
    def __getattr__(self, name):
        if name not in ('configure', 'activate', 'deactivate', 'cleanup', 'shutdown'):
            raise AttributeError(name)
        return lambda: sys.stderr.write(f'core: {name}\\n')
if sys.argv[1] == 'rclpy':
    from vis_ros.ros.rclpy_host import RclpyHost
    host = RclpyHost('tracker')
else:
    from vis_ros.ros.dds import DdsHost
    host = DdsHost('tracker')
host.attach(Core())
if sys.argv[2] == 'autostart':
    host.autostart()
sys.stdout.write('ready\\n')
sys.stdout.flush()
host.spin()
host.destroy()
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('delay_s', [0.0, 0.01, 0.05, 0.3])
def test_signals_end_the_process_well(number, delay_s):
    program = Program(NODE, 'rclpy', 'autostart')
    try:
        program.wait_ready()
        time.sleep(delay_s)
        start = time.monotonic()
        code, text = program.end(number)
    finally:
        program.close()
    assert (code, 'Traceback' in text) == (0, False), text
    assert 'core: shutdown' in text
    assert time.monotonic() - start < 5


def test_two_signals_at_once_end_the_process_well():
    program = Program(NODE, 'rclpy', 'autostart')
    try:
        program.wait_ready()
        program.process.send_signal(signal.SIGINT)
        program.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        code, text = program.end(signal.SIGINT)
    finally:
        program.close()
    assert (code, 'Traceback' in text) == (0, False), text


@pytest.mark.skipif(shutil.which('ros2') is None, reason='the command ros2 is not installed')
@pytest.mark.parametrize('kind', ['rclpy', 'dds'])
def test_ros2_lifecycle_commands(kind):
    if kind == 'dds':
        pytest.importorskip('cyclonedds')

    def ros2(*words):
        command = ['ros2', 'lifecycle', *words, '--no-daemon', '--spin-time', '1']
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={**os.environ, **ENVIRONMENT},
        )
        return done.stdout + done.stderr

    program = Program(NODE, kind, 'wait')
    try:
        program.wait_ready()
        assert '/tracker' in ros2('nodes')
        assert 'configure [1]' in ros2('list', '/tracker')
        assert 'Transitioning successful' in ros2('set', '/tracker', 'configure')
        assert 'Transitioning successful' in ros2('set', '/tracker', 'activate')
        assert 'active [3]' in ros2('get', '/tracker')
        code, text = program.end(signal.SIGINT)
    finally:
        program.close()
    assert (code, 'Traceback' in text) == (0, False), text
