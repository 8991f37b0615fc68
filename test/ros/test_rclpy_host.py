# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names, clock, topics, services and timers of the host on a real ROS 2."""

import signal
import threading
import time

import numpy as np
import pytest
from rclpy_peer import Program, wait_until

# isort: split
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Int32, String
from std_srvs.srv import Trigger

from vis_ros.ros.host import Qos
from vis_ros.ros.rclpy_host import RclpyHost

pytestmark = pytest.mark.usefixtures('loopback_domain')


def test_namespace_and_remaps(make_host):
    host = make_host('-r', '__ns:=/r1', '-r', '__node:=t', '-r', 'image:=/cam/image')
    assert host.name == '/r1/t'
    host.create_publisher('std_msgs/msg/String', '~/tracks', Qos())
    host.create_publisher('std_msgs/msg/String', 'image', Qos(depth=2))
    wait_until(lambda: host.publishers_on('/r1/t/tracks') and host.publishers_on('image'))
    assert host.publishers_on('image') == host.publishers_on('/cam/image') != []


def test_bad_names_and_types_are_value_errors(make_host):
    host = make_host()
    with pytest.raises(ValueError, match='a b'):
        host.create_publisher('std_msgs/msg/String', 'a b', Qos())
    with pytest.raises(ValueError, match='a b'):
        host.publishers_on('a b')
    with pytest.raises(ValueError, match='No: no such type'):
        host.create_subscription('std_msgs/msg/No', 'a', Qos(), lambda message: None)
    with pytest.raises(ValueError, match='depth: expected at least 1'):
        host.create_publisher('std_msgs/msg/String', 'a', Qos(depth=0))


def test_system_time_and_simulated_time(make_host, peer):
    assert abs(make_host(name='other').now_ns() - time.time_ns()) < 1e9
    host = make_host('-p', 'use_sim_time:=true')
    ticks = []
    host.create_timer(0.01, lambda: ticks.append(host.now_ns()))
    wait_until(lambda: len(ticks) > 2)
    assert host.now_ns() == 0, 'no clock was heard of, and timers run all the same'
    clock = peer.node.create_publisher(Clock, '/clock', 1)
    message = Clock()
    message.clock.sec = 7

    def is_told():
        clock.publish(message)
        return host.now_ns() == 7_000_000_000

    wait_until(is_told)


# Topics


def test_messages_flow_both_ways(make_host, peer):
    host = make_host()
    got, back = [], []
    publisher = host.create_publisher('std_msgs/msg/String', '~/out', Qos())
    host.create_subscription('std_msgs/msg/String', 'in', Qos(), got.append)
    peer.node.create_subscription(String, '/tracker/out', back.append, 10)
    source = peer.node.create_publisher(String, '/in', 10)
    wait_until(lambda: publisher.subscriber_count() and source.get_subscription_count())
    source.publish(String(data='to the host'))
    publisher.publish(host.messages.make('std_msgs/msg/String', data='from the host'))
    wait_until(lambda: got and back)
    assert (got[0].data, back[0].data) == ('to the host', 'from the host')


def test_latched_messages_reach_late_subscribers(make_host, peer):
    host = make_host()
    publisher = host.create_publisher(
        'std_msgs/msg/String', '~/info', Qos(transient_local=True, depth=1)
    )
    publisher.publish(String(data='old'))
    publisher.publish(String(data='new'))
    got = []
    profile = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    peer.node.create_subscription(String, '/tracker/info', got.append, profile)
    wait_until(lambda: got)
    assert [message.data for message in got] == ['new']


def test_both_sides_hear_of_incompatible_policies(make_host, peer):
    host = make_host()
    heard = []
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    host.create_subscription('std_msgs/msg/String', 'a', Qos(), print, heard.append)
    peer.node.create_publisher(String, 'a', best_effort)
    wait_until(lambda: heard == ['RELIABILITY'])
    host.create_publisher('std_msgs/msg/String', 'b', Qos(), heard.append)
    peer.node.create_subscription(String, 'b', print, latched)
    wait_until(lambda: heard == ['RELIABILITY', 'DURABILITY'])


def test_publishers_on_tells_what_they_offer(make_host, peer):
    host = make_host()
    assert host.publishers_on('/cam') == []
    peer.node.create_publisher(
        String, '/cam', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    wait_until(lambda: host.publishers_on('/cam'))
    (found,) = host.publishers_on('/cam')
    assert (found.reliable, found.transient_local) == (False, False)


def test_closed_entities_are_gone_and_silent(make_host, peer):
    host = make_host()
    got = []
    publisher = host.create_publisher('std_msgs/msg/String', 'out', Qos())
    subscription = host.create_subscription('std_msgs/msg/String', 'in', Qos(), got.append)
    timer = host.create_timer(0.01, lambda: got.append('tick'))
    service = host.create_service('std_srvs/srv/Trigger', '~/do', lambda request: None)
    wait_until(lambda: 'tick' in got)
    for entity in (publisher, subscription, timer, service) * 2:
        entity.close()
    publisher.publish(String(data='nobody hears'))
    assert publisher.subscriber_count() == 0
    count = len(got)
    time.sleep(0.1)
    assert len(got) == count
    wait_until(lambda: not host.publishers_on('out'))


def test_callbacks_that_raise_do_not_end_the_node(make_host, peer):
    host = make_host()
    calls = []

    def fail(*arguments):
        calls.append(arguments)
        raise KeyError('a fault of the test')

    host.create_subscription('std_msgs/msg/Int32', 'n', Qos(), fail)
    host.create_timer(0.01, fail)
    host.create_service('std_srvs/srv/Trigger', '~/do', fail)
    source = peer.node.create_publisher(Int32, 'n', 10)
    wait_until(source.get_subscription_count)
    source.publish(Int32(data=1))
    answer = peer.call(Trigger, '/tracker/do', Trigger.Request())
    assert (answer.success, answer.message) == (
        False,
        'the call failed; the log of the node tells why',
    )
    wait_until(lambda: len(calls) > 5)


def test_services_answer(make_host, peer):
    host = make_host()
    host.create_service(
        'std_srvs/srv/Trigger',
        '~/reset',
        lambda request: host.messages.make(
            'std_srvs/srv/Trigger_Response', success=True, message='session 2'
        ),
    )
    answer = peer.call(Trigger, '/tracker/reset', Trigger.Request())
    assert (answer.success, answer.message) == (True, 'session 2')


def test_timers_refuse_no_period(make_host):
    with pytest.raises(ValueError, match='timer period'):
        make_host().create_timer(0.0, print)


def test_every_severity_can_be_logged(make_host, peer):
    got = []
    host = make_host()
    peer.node.create_subscription(Log, '/rosout', got.append, 50)

    def is_heard():
        for severity in ('debug', 'info', 'warn', 'error', 'fatal'):
            host.log(severity, f'this is {severity}')
        return {'this is info', 'this is fatal'} <= {item.msg for item in got}

    wait_until(is_heard)
    assert 'this is debug' not in {item.msg for item in got}


def test_publishing_while_the_node_goes_away_never_raises():
    faults = []
    for _ in range(5):
        host = RclpyHost('tracker')
        publisher = host.create_publisher('std_msgs/msg/String', 'out', Qos())
        is_over = threading.Event()

        def publish(publisher=publisher, is_over=is_over):
            message = String(data='x' * 1000)
            try:
                while not is_over.is_set():
                    publisher.publish(message)
                    publisher.subscriber_count()
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=publish) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        host.destroy()
        is_over.set()
        for thread in threads:
            thread.join()
    assert faults == []


def test_stop_before_spin_and_from_a_thread():
    host = RclpyHost('tracker')
    host.stop()
    host.spin()
    threading.Timer(0.2, host.stop).start()
    start = time.monotonic()
    host.spin()
    assert 0.1 < time.monotonic() - start < 5
    host.destroy()
    host.stop()


def test_a_destroyed_host_has_left_the_graph(peer):
    host = RclpyHost('tracker')
    wait_until(lambda: 'tracker' in peer.node.get_node_names())
    host.destroy()
    wait_until(lambda: 'tracker' not in peer.node.get_node_names())


def test_signal_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    RclpyHost('tracker').destroy()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


IMAGES = """
import sys, time
import numpy as np
from vis_ros.ros.host import Qos
from vis_ros.ros.rclpy_host import RclpyHost
host = RclpyHost('camera')
make, array = host.messages.make, host.messages.array
publisher = host.create_publisher('sensor_msgs/msg/Image', 'image', Qos())
pixels = np.arange(720 * 1280 * 3, dtype=np.uint32).astype(np.uint8)
def send():
    stamp = make('builtin_interfaces/msg/Time', sec=7, nanosec=9)
    publisher.publish(make(
        'sensor_msgs/msg/Image', header=make('std_msgs/msg/Header', stamp=stamp, frame_id='cam'),
        height=720, width=1280, encoding='rgb8', is_bigendian=0, step=3840, data=array(pixels)))
host.create_timer(0.05, send)
sys.stdout.write('ready\\n')
sys.stdout.flush()
host.spin()
host.destroy()
"""


def test_image_from_another_process(make_host):
    host = make_host()
    got = []
    host.create_subscription('sensor_msgs/msg/Image', 'image', Qos(depth=1), got.append)
    program = Program(IMAGES)
    try:
        program.wait_ready()
        wait_until(lambda: len(got) > 2)
        code, text = program.end(signal.SIGINT)
    finally:
        program.close()
    assert (code, 'Traceback' in text) == (0, False), text
    image = got[-1]
    assert (image.header.stamp.sec, image.header.frame_id, image.encoding) == (7, 'cam', 'rgb8')
    pixels = np.frombuffer(image.data, np.uint8).reshape(720, 1280, 3)
    assert (pixels.reshape(-1) == np.arange(pixels.size, dtype=np.uint32).astype(np.uint8)).all()
