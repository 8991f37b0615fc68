# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The subscription of planners, on a host in memory and on a node with rclpy's interface."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from fake_host import FakeHost
from track_messages import message, track

from vis_ros.client import TrackSubscriber, TrackTable

TOPIC = '/vis_tracker/tracks'


def broken(stamp_s):
    bad = message(stamp_s, track())
    bad.tracks[0].x_min = float('nan')
    return bad


def test_messages_reach_the_table_and_the_listener():
    host, heard = FakeHost(), []
    subscriber = TrackSubscriber(host, on_update=heard.append)
    assert len(subscriber.snapshot()) == 0
    assert not subscriber.wait(timeout_s=0)
    host.send(TOPIC, message(1.0, track(1)))
    host.send(TOPIC, message(1.1, track(1), track(2)))
    assert subscriber.wait(2, timeout_s=0)
    assert [len(snapshot) for snapshot in heard] == [1, 2]
    assert heard[-1] is subscriber.snapshot() is subscriber.table.snapshot()
    assert (subscriber.received, subscriber.invalid) == (2, 0)


def test_late_messages_are_no_news():
    host, heard = FakeHost(), []
    subscriber = TrackSubscriber(host, on_update=heard.append)
    for stamp_s, session_id in ((1.0, 7), (0.9, 7), (1.0, 7), (2.0, 6), (0.1, 8)):
        host.send(TOPIC, message(stamp_s, track(), session_id=session_id))
    assert [(s.session_id, s.stamp_ns) for s in heard] == [
        (7, 1_000_000_000),
        (7, 1_000_000_000),
        (8, 100_000_000),
    ]
    assert subscriber.received == 5


def test_bad_messages_are_counted_and_logged_once():
    host, heard = FakeHost(), []
    subscriber = TrackSubscriber(host, 'front', on_update=heard.append)
    host.send('front', message(1.0, track()))
    before = subscriber.snapshot()
    for stamp_s in (1.1, 1.2, 1.3):
        host.send('front', broken(stamp_s))
    assert subscriber.snapshot() is before
    assert (subscriber.received, subscriber.invalid, len(heard)) == (4, 3, 1)
    assert host.logs == [
        (
            'warn',
            'front: message left out: track 1: box: expected finite numbers, '
            'got (nan, 100.0, 140.0, 180.0) (1 of 2 so far)',
        )
    ]


def test_table_and_depth_of_your_own_and_close():
    host, table = FakeHost(), TrackTable(capacity=1)
    subscriber = TrackSubscriber(host, table=table, depth=3)
    assert host.find('subscription', TOPIC).qos.depth == 3
    host.send(TOPIC, message(1.0, track(1), track(2)))
    assert len(table.snapshot()) == 1
    subscriber.close()
    subscriber.close()
    assert not host.has('subscription', TOPIC)
    assert len(subscriber.snapshot()) == 1


class Node:
    """What an rclpy node offers."""

    def __init__(self):
        self.made, self.destroyed, self.warnings = [], [], []

    def create_subscription(self, kind, topic, callback, depth):
        self.made.append((kind, topic, callback, depth))
        return len(self.made)

    def destroy_subscription(self, subscription):
        self.destroyed.append(subscription)

    def get_logger(self):
        return SimpleNamespace(warning=self.warnings.append)


def test_a_node_of_rclpy(monkeypatch):
    kind, package = type('InstanceTrackArray', (), {}), ModuleType('vis_msgs.msg')
    package.InstanceTrackArray = kind
    monkeypatch.setitem(sys.modules, 'vis_msgs', ModuleType('vis_msgs'))
    monkeypatch.setitem(sys.modules, 'vis_msgs.msg', package)
    node = Node()
    subscriber = TrackSubscriber(node, '/tracks')
    [(made, topic, callback, depth)] = node.made
    assert (made, topic, depth) == (kind, '/tracks', 10)
    callback(message(1.0, track()))
    callback(broken(1.1))
    assert (len(subscriber.snapshot()), subscriber.invalid) == (1, 1)
    assert 'box: expected finite numbers' in node.warnings[0]
    subscriber.close()
    subscriber.close()
    assert node.destroyed == [1]


def test_without_the_messages_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'vis_msgs.msg', None)
    with pytest.raises(ValueError, match='InstanceTrackArray: no such type in the sourced'):
        TrackSubscriber(Node())
