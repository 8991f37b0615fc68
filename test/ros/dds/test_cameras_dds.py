# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two cameras on one tracker over Cyclone DDS: the shipped configuration, topics and services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from camera_rig import NAMES, alone, seen, video
from patience import PATIENCE_S

from vis_ros.resources import resource_path
from vis_ros.ros.core import TrackerCore
from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Qos
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE

TOPICS = {'front': '/front/image_raw', 'rear': '/rear_view/image_color'}  # of config/cameras.yaml
FRAMES = 8
VALUES = ('method:=iou', 'queue:=every', 'warm_up_width:=0', 'diagnostics_period_s:=0.1')

Wait = Callable[[Callable[[], Any]], None]


class World:
    """A tracker of two cameras, the cameras, and a planner that listens.

    Attributes:
        core: The tracker's core.
        heard: Messages of each camera's tracks.
        statuses: Latest diagnostics of each camera.
    """

    def __init__(self, make_host: Callable[..., DdsHost], wait_until: Wait) -> None:
        self._wait_until = wait_until
        words = [word for value in VALUES for word in ('-p', value)]
        file = str(resource_path('config', 'cameras.yaml'))
        make_host('tracker', '--params-file', file, *words, before=self._start)
        self.camera, self.planner = make_host('cameras'), make_host('planner')
        self.heard: dict[str, list[Any]] = {name: [] for name in NAMES}
        self.statuses: dict[str, Any] = {}
        for name, messages in self.heard.items():
            topic = f'/tracker/{name}/tracks'
            self.planner.create_subscription(TRACKS_TYPE, topic, Qos(depth=50), messages.append)
        self.planner.create_subscription(
            'diagnostic_msgs/msg/DiagnosticArray', '/diagnostics', Qos(), self._take_diagnostics
        )
        wait_until(
            lambda: all(
                s.checked_frames()._outputs._tracks.subscriber_count() for s in self.core.streams
            )
        )

    def _start(self, host: DdsHost) -> None:
        self.core = TrackerCore(host)
        host.attach(self.core)
        assert host.autostart()

    def _take_diagnostics(self, message: Any) -> None:
        for status in message.status:
            self.statuses[status.name.rpartition(' ')[2]] = status

    def open(self, name: str) -> Any:
        """Return the publisher of a camera, once the tracker listens."""
        publisher = self.camera.create_publisher(IMAGE_TYPE, TOPICS[name], Qos(depth=50))
        self._wait_until(publisher.subscriber_count)
        return publisher

    def wait_for(self, **counts: int) -> None:
        """Wait until so many messages of each camera's tracks came."""
        self._wait_until(lambda: all(len(self.heard[name]) >= n for name, n in counts.items()))

    def call(self, type_name: str, service: str, **fields: Any) -> Any:
        """Return the response of a service of the tracker."""
        fields = fields or {'structure_needs_at_least_one_member': 0}
        request = self.planner.messages.make(f'{type_name}_Request', **fields)
        return self.planner.call(type_name, f'/tracker/{service}', request, PATIENCE_S)


@pytest.fixture
def world(make_host: Callable[..., DdsHost], wait_until: Wait, batches: list[int]) -> World:
    """Return a world whose tracker sees colours."""
    return World(make_host, wait_until)


def test_two_cameras_equal_two_separate_runs(world: World) -> None:
    videos = {name: video(seed, FRAMES, frame_id=name) for seed, name in enumerate(NAMES)}
    cameras = {name: world.open(name) for name in NAMES}
    for pair in zip(*videos.values(), strict=True):
        for name, message in zip(NAMES, pair, strict=True):
            cameras[name].publish(message)
    world.wait_for(**dict.fromkeys(NAMES, FRAMES))
    for name, messages in videos.items():
        assert [seen(message) for message in world.heard[name]] == alone(messages)


def test_a_camera_that_goes_leaves_the_other_at_work(world: World, wait_until: Wait) -> None:
    messages = video(2, 2 * FRAMES)
    front, rear = world.open('front'), world.open('rear')
    rear.publish(messages[0])
    world.wait_for(rear=1)
    rear.close()
    for message in messages:
        front.publish(message)
    world.wait_for(front=2 * FRAMES)
    assert [seen(message) for message in world.heard['front']] == alone(messages)
    world.open('rear').publish(messages[1])
    world.wait_for(rear=2)
    assert [seen(message) for message in world.heard['rear']] == alone(messages[:2])
    wait_until(lambda: set(world.statuses) == set(NAMES))
    values = {item.key: item.value for item in world.statuses['rear'].values}
    assert world.statuses['rear'].hardware_id == TOPICS['rear']
    assert values['method'] == 'iou'


def test_services_of_one_camera_and_of_all(world: World) -> None:
    messages = video(4, 3)
    cameras = [world.open(name) for name in NAMES]

    def show(index: int) -> list[int]:
        for camera in cameras:
            camera.publish(messages[index])
        world.wait_for(**dict.fromkeys(NAMES, index + 1))
        return [world.heard[name][-1].session_id for name in NAMES]

    first = show(0)
    assert world.call('std_srvs/srv/Trigger', 'rear/reset').success
    assert show(1) == [first[0], first[1] + 1]
    assert world.call('std_srvs/srv/Trigger', 'reset').success
    assert show(2) == [first[0] + 1, first[1] + 2]
    answer = world.call('vis_msgs/srv/SaveMemory', 'save_memory', path='/tmp/one')
    assert not answer.success
    assert '{camera}' in answer.message


def test_a_camera_that_is_not_there(make_host: Callable[..., DdsHost]) -> None:
    cores = []

    def start(host: DdsHost) -> None:
        cores.append(TrackerCore(host))
        host.attach(cores[0])
        assert not host.autostart()

    words = ('method:=iou', 'cameras:=[front]', 'rear.image_topic:=/rear')
    host = make_host('tracker', *[w for word in words for w in ('-p', word)], before=start)
    with pytest.raises(ValueError, match=r"rear\.image_topic: cameras has no 'rear'"):
        cores[0].configure()
    assert host.given() == {'method', 'cameras', 'rear.image_topic'}
