# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loop, the clock, the log and the end of a host."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from vis_ros.ros.arguments import parse_arguments
from vis_ros.ros.dds import DdsHost
from vis_ros.ros.dds.graph import Graph
from vis_ros.ros.dds.participant import Participant, take_all
from vis_ros.ros.host import Qos
from vis_ros.structures.options import Option
from vis_ros.wire.bare_messages import bare_messages

Make = Callable[..., DdsHost]
Wait = Callable[[Callable[[], Any]], None]

_MESSAGES = bare_messages()


def test_timers(make_host: Make, wait_until: Wait) -> None:
    host = make_host('clockwork')
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(threading.get_ident())
        if len(ticks) == 2:
            raise RuntimeError('one bad tick')
        if len(ticks) == 4:
            timer.close()

    timer = host.create_timer(0.01, tick)
    others: list[int] = []
    host.create_timer(0.02, lambda: others.append(0))
    wait_until(lambda: len(ticks) == 4)
    count = len(others)
    wait_until(lambda: len(others) > count + 2)
    assert len(ticks) == 4
    assert set(ticks) != {threading.get_ident()}
    timer.close()
    for period_s in (0.0, -1.0, float('nan')):
        with pytest.raises(ValueError, match='period'):
            host.create_timer(period_s, tick)


def _clock(nanoseconds: int) -> Any:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    time = _MESSAGES.make('builtin_interfaces/msg/Time', sec=seconds, nanosec=rest)
    return _MESSAGES.make('rosgraph_msgs/msg/Clock', clock=time)


def test_simulated_time(make_host: Make, wait_until: Wait) -> None:
    host = make_host('dreamer', '-p', 'use_sim_time:=true')
    assert host.now_ns() == 0
    world = make_host('world')
    assert world.now_ns() > 1_000_000_000
    clock = world.create_publisher('rosgraph_msgs/msg/Clock', '/clock', Qos())
    wait_until(lambda: clock.subscriber_count() == 1)

    def hears(nanoseconds: int) -> bool:
        clock.publish(_clock(nanoseconds))  # best effort: say it until it is heard
        return host.now_ns() == nanoseconds

    wait_until(lambda: hears(5_000_000_007))
    wait_until(lambda: hears(4_000_000_000))  # a world that is set back
    value = _MESSAGES.make(
        'rcl_interfaces/msg/Parameter',
        name='use_sim_time',
        value=_false(),
    )
    request = _MESSAGES.make('rcl_interfaces/srv/SetParameters_Request', parameters=[value])
    world.call('rcl_interfaces/srv/SetParameters', '/dreamer/set_parameters', request, 30.0)
    wait_until(lambda: clock.subscriber_count() == 0)
    assert host.now_ns() > 5_000_000_007


def _false() -> Any:
    from vis_ros.ros.dds.parameter_messages import to_value

    return to_value(_MESSAGES, Option('use_sim_time', bool, False, ''), False)


def test_log_goes_to_stderr_and_rosout(
    make_host: Make, wait_until: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host('poet', '-r', '__ns:=/robot', '--log-level', 'warn')
    host.log('info', 'not this')
    host.log('warn', 'but this')
    host.log('fatal', 'and \0 \udcff this')
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith('[WARN] [')
    assert lines[0].endswith('] [robot.poet]: but this')
    heard: list[Any] = []
    make_host('critic').create_subscription(
        'rcl_interfaces/msg/Log', '/rosout', Qos(transient_local=True), heard.append
    )
    wait_until(lambda: len([line for line in heard if line.name == 'robot.poet']) == 2)
    first = next(line for line in heard if line.name == 'robot.poet')
    assert (first.level, first.msg) == (30, 'but this')


def test_stop_from_another_thread_and_spin_again() -> None:
    host = DdsHost('stopper')
    try:
        for _ in range(2):
            thread = threading.Thread(target=host.spin)
            thread.start()
            host.stop()
            thread.join(30.0)
            assert not thread.is_alive()
        host.stop()
        host.spin()  # returns at once
    finally:
        host.destroy()
        host.destroy()
    host.stop()  # a late signal or timer of somebody else
    host.log('info', 'late')
    with pytest.raises(RuntimeError, match='destroyed'):
        host.spin()


def test_stop_from_a_callback_on_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)
    host = DdsHost('self_stopper')
    host.create_timer(0.01, host.stop)
    host.spin()
    assert signal.getsignal(signal.SIGTERM) == before
    host.destroy()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_process_well(number: signal.Signals) -> None:
    code = (
        'from vis_ros.ros.dds import DdsHost\n'
        'host = DdsHost("child")\n'
        'once = host.create_timer(0.01, lambda: (print("ready", flush=True), once.close()))\n'
        'host.spin()\n'
        'host.destroy()\n'
        'print("done")\n'
    )
    with subprocess.Popen(
        [sys.executable, '-c', code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == 'ready\n'
        child.send_signal(number)
        assert child.stdout.read() == 'done\n'
        assert child.wait(30) == 0


class _Core:
    """Writes down what its host asks for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append(name)


def test_core_is_driven_and_shut_down() -> None:
    host, core = DdsHost('managed'), _Core()
    with pytest.raises(RuntimeError, match='no core'):
        host.autostart()
    host.attach(core)
    with pytest.raises(RuntimeError, match='already'):
        host.attach(core)
    assert host.autostart()
    host.destroy()
    assert core.calls == ['configure', 'activate', 'shutdown']


def test_bad_override_of_the_host_leaves_nothing_behind() -> None:
    with pytest.raises(ValueError, match='use_sim_time'):
        DdsHost('broken', parse_arguments(['--ros-args', '-p', 'use_sim_time:=7']))


def _heard_nodes(participant: Participant) -> Callable[[], dict[tuple[str, str], tuple[int, int]]]:
    """Return a function that says how many readers and writers each node has announced."""
    type_name = 'rmw_dds_common/msg/ParticipantEntitiesInfo'
    qos = Qos(transient_local=True, depth=1)
    reader = participant.create_reader(type_name, 'ros_discovery_info', qos)
    by_participant: dict[bytes, Any] = {}

    def look() -> dict[tuple[str, str], tuple[int, int]]:
        for cdr, _ in take_all(reader, 100):
            info = _MESSAGES.deserialize(cdr, type_name)
            by_participant[info.gid.data.tobytes()] = info.node_entities_info_seq
        return {
            (node.node_namespace, node.node_name): (
                len(node.reader_gid_seq),
                len(node.writer_gid_seq),
            )
            for nodes in by_participant.values()
            for node in nodes
        }

    return look


def test_node_is_in_the_graph(make_host: Make, wait_until: Wait) -> None:
    watcher = Participant(_MESSAGES)
    look = _heard_nodes(watcher)
    host = make_host('visible', '-r', '__ns:=/robot')
    key = ('/robot', 'visible')
    own = (6, 8)  # six parameter services; their replies, rosout and parameter events
    wait_until(lambda: look().get(key) == own)
    publisher = host.create_publisher('std_msgs/msg/String', 'a', Qos())
    subscription = host.create_subscription(
        'std_msgs/msg/String', 'b', Qos(), lambda message: None
    )
    wait_until(lambda: look().get(key) == (7, 9))
    publisher.close()
    subscription.close()
    wait_until(lambda: look().get(key) == own)
    watcher.close()


@pytest.mark.parametrize(('length', 'distro'), [(24, 'humble'), (16, 'jazzy')])
def test_gid_follows_the_distribution(length: int, distro: str) -> None:
    from rosbags.typesys import Stores, get_typestore

    from vis_ros.wire.bare_messages import BareMessages

    messages = BareMessages(get_typestore(Stores(f'ros2_{distro}')))
    participant = Participant(messages)
    graph = Graph(participant, 'node', '/')
    gid = graph._gid(bytes(range(16)))
    assert gid.data.tobytes() == bytes(range(16)).ljust(length, b'\0')
    graph.close()
    participant.close()
