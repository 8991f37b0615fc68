# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Standard messages of the node: lazily made, optional, and never in the way of the tracks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core_rig import image, track
from fake_host import FakeHost

from vis_ros.ros.standard_outputs import StandardOutputs
from vis_ros.structures import Frame, FrameResult
from vis_ros.structures.placement import Placement, Quality3d
from vis_ros.wire.bare_messages import bare_messages

TOPICS = {
    'detections_2d': 'vision_msgs/msg/Detection2DArray',
    'detections_3d': 'vision_msgs/msg/Detection3DArray',
    'markers': 'visualization_msgs/msg/MarkerArray',
    'annotations': 'foxglove_msgs/msg/ImageAnnotations',
}
LABELS = 'vision_label_info'
MADE_OF = {name.rpartition('/')[2]: topic for topic, name in TOPICS.items()}
HERE = Placement((0.0, 0.0, 2.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), Quality3d.GOOD)


class CountingMessages:
    """Counts the messages of each topic; refuses the packages in `missing`."""

    def __init__(self, *missing: str) -> None:
        self.inner = bare_messages()
        self.missing = missing
        self.count = dict.fromkeys(TOPICS, 0)

    def make(self, type_name: str, **fields: Any) -> Any:
        self.fields(type_name)
        topic = MADE_OF.get(type_name.rpartition('/')[2])
        if topic is not None:
            self.count[topic] += 1
        return self.inner.make(type_name, **fields)

    def fields(self, type_name: str) -> frozenset[str]:
        if type_name.partition('/')[0] in self.missing:
            raise ValueError(f'{type_name}: no such type in the sourced workspaces')
        return self.inner.fields(type_name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Desk:
    """Standard outputs on a host in memory to which nobody listens at first."""

    def __init__(self, *missing: str, prefix: str = '~/', host: FakeHost | None = None) -> None:
        self.host = host or FakeHost()
        self.host.messages = self.messages = CountingMessages(*missing)
        self.outputs = StandardOutputs(self.host, prefix=prefix, class_names=('plain', 'blue'))
        self.messages.count = dict.fromkeys(TOPICS, 0)
        for entity in self.host.entities:
            entity.subscribers = 0

    def listen(self, topic: str, count: int = 1) -> None:
        self.host.find('publisher', f'~/{topic}').subscribers = count

    def publish(self, *numbers: int, **changes: Any) -> int:
        return self.outputs.publish(self.result(*numbers, **changes))

    def result(self, *numbers: int, **changes: Any) -> FrameResult:
        frame = Frame(np.zeros((8, 12, 3), np.uint8), 5)
        tracks = tuple(track(number, frame, placement=HERE, **changes) for number in numbers)
        return FrameResult(5, 'camera', 8, 12, tracks)

    def told(self) -> list[list[tuple[int, str, int]]]:
        """Return action, namespace and id of all markers, by message."""
        sent = self.host.sent('~/markers')
        return [[(m.action, m.ns, m.id) for m in message.markers] for message in sent]


def test_topics():
    host = Desk().host
    for topic, type_name in TOPICS.items():
        publisher = host.find('publisher', f'~/{topic}')
        assert publisher.type_name == type_name
        assert publisher.qos.reliable
        assert not publisher.qos.transient_local
        assert publisher.sent == []
    labels = host.find('publisher', f'~/{LABELS}')
    assert labels.qos.transient_local
    (message,) = labels.sent
    assert [item.class_name for item in message.class_map] == ['plain', 'blue']
    assert host.logs == []


def test_another_prefix():
    host = Desk(prefix='~/left/').host
    assert {e.name for e in host.entities} == {f'/tracker/left/{t}' for t in [*TOPICS, LABELS]}


def test_nothing_is_made_while_nobody_listens():
    desk = Desk()
    for number in range(5):
        assert desk.publish(number + 1) == 0
    assert desk.messages.count == dict.fromkeys(TOPICS, 0)
    assert all(desk.host.sent(f'~/{topic}') == [] for topic in TOPICS)


@pytest.mark.parametrize('topic', TOPICS)
def test_only_what_is_listened_to_is_made(topic):
    desk = Desk()
    desk.listen(topic)
    for _ in range(3):
        assert desk.publish(1) == 1
    desk.listen(topic, 0)
    assert desk.publish(1) == 0
    assert desk.messages.count == {**dict.fromkeys(TOPICS, 0), topic: 3}
    assert len(desk.host.sent(f'~/{topic}')) == 3


def test_frames_without_tracks_are_told_too():
    desk = Desk()
    for topic in TOPICS:
        desk.listen(topic)
    assert desk.publish() == 4
    assert desk.host.sent('~/detections_2d')[0].detections == []
    assert desk.host.sent('~/detections_3d')[0].detections == []
    assert desk.host.sent('~/annotations')[0].points == []


def test_markers_begin_anew_after_a_pause():
    desk = Desk()
    desk.listen('markers')
    desk.publish(1)
    desk.listen('markers', 0)
    desk.publish(1)
    desk.listen('markers')
    desk.publish(2)
    everything = (3, '', 0)
    assert desk.told() == [
        [everything, (0, 'boxes', 1), (0, 'names', 1)],
        [everything, (0, 'boxes', 2), (0, 'names', 2)],
    ]


@pytest.mark.parametrize('listens', [True, False])
def test_markers_are_taken_back_at_the_end(listens):
    desk = Desk()
    desk.listen('markers')
    desk.publish(1)
    desk.listen('markers', int(listens))
    desk.host.clock_ns = 7
    markers = desk.host.find('publisher', '~/markers')
    desk.outputs.close()
    assert all(entity.is_closed for entity in desk.host.entities)
    assert len(markers.sent) == 1 + listens
    if listens:
        (marker,) = markers.sent[-1].markers
        assert (marker.action, marker.header.stamp.nanosec) == (3, 7)
    desk.outputs.close()


@pytest.mark.parametrize(
    ('missing', 'off'),
    [
        ('vision_msgs', ['detections_2d', 'detections_3d', LABELS]),
        ('foxglove_msgs', ['annotations']),
        ('visualization_msgs', ['markers']),
    ],
)
def test_packages_that_are_not_there(missing, off):
    desk = Desk(missing)
    assert [desk.host.has('publisher', f'~/{t}') for t in off] == [False] * len(off)
    rest = [topic for topic in TOPICS if topic not in off]
    for topic in rest:
        desk.listen(topic)
    assert desk.publish(1) == len(rest)
    topics = ', '.join(f'~/{topic}' for topic in off)
    assert desk.host.logs == [
        ('info', f'outputs that are off: {topics} ({missing} is not installed)')
    ]
    desk.outputs.close()


def test_no_package_is_there():
    desk = Desk('vision_msgs', 'foxglove_msgs', 'visualization_msgs')
    assert desk.host.entities == []
    assert desk.publish(1) == 0
    ((_, text),) = desk.host.logs
    assert all(topic in text for topic in [*TOPICS, LABELS])
    desk.outputs.close()


def test_a_package_of_another_age_is_left_alone():
    host = FakeHost()
    create = host.create_publisher

    def refuse(type_name, *rest):
        if type_name == TOPICS['detections_3d']:
            raise RuntimeError('no type\n support')
        return create(type_name, *rest)

    host.create_publisher = refuse
    desk = Desk(host=host)
    assert not host.has('publisher', '~/detections_3d')
    assert host.has('publisher', '~/detections_2d')
    text = 'outputs that are off: ~/detections_3d (RuntimeError: no type support)'
    assert host.logs == [('info', text)]
    desk.outputs.close()


def test_one_fault_does_not_keep_the_result_from_the_others():
    desk = Desk()
    for topic in TOPICS:
        desk.listen(topic)
    failing = desk.host.find('publisher', '~/detections_2d')

    def fail(message):
        raise RuntimeError('full')

    failing.publish = fail
    with pytest.raises(RuntimeError, match='full'):
        desk.publish(1)
    assert [len(desk.host.sent(f'~/{t}')) for t in TOPICS] == [0, 1, 1, 1]


def test_a_fault_at_the_end_is_told():
    desk = Desk()
    desk.listen('markers')
    desk.publish(1)

    def fail(message):
        raise RuntimeError('gone')

    desk.host.find('publisher', '~/markers').publish = fail
    desk.outputs.close()
    assert all(entity.is_closed for entity in desk.host.entities)
    ((severity, text),) = desk.host.logs
    assert severity == 'warn'
    assert 'gone' in text


def test_in_the_node(make_rig, puppet):
    puppet.act = staticmethod(
        lambda frame: (track(1, frame), track(2, frame, class_id=1, placement=HERE))
    )
    rig = make_rig(class_filter=('blue',)).start()
    rig.step(image())
    sent = rig.host.sent
    assert [d.id for d in sent('~/detections_2d')[0].detections] == ['2']
    assert [d.id for d in sent('~/detections_3d')[0].detections] == ['2']
    assert sent('~/detections_2d')[0].header == sent('~/tracks')[0].header
    assert [text.text for text in sent('~/annotations')[0].texts] == ['2 blue 0.50']
    assert (0, 'boxes', 2) in [(m.action, m.ns, m.id) for m in sent('~/markers')[0].markers]
    assert [c.class_name for c in sent(f'~/{LABELS}')[0].class_map] == ['plain', 'blue']
    rig.assert_balanced()


def test_the_node_lives_with_a_topic_that_fails(make_rig, puppet):
    puppet.act = staticmethod(lambda frame: (track(1, frame, placement=HERE),))
    rig = make_rig().start()
    rig.host.find('publisher', '~/markers').publish = None  # calling it raises
    rig.step(image())
    assert rig.counts['failed'] == 1
    assert len(rig.tracks) == 1
    assert len(rig.host.sent('~/annotations')) == 1
    rig.assert_balanced()
