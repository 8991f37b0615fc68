# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Large and nested messages arrive as they were sent."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Qos
from vis_ros.wire.bare_messages import bare_messages

Make = Callable[..., DdsHost]
Wait = Callable[[Callable[[], Any]], None]

_MESSAGES = bare_messages()


def _header() -> Any:
    stamp = _MESSAGES.make('builtin_interfaces/msg/Time', sec=3, nanosec=4)
    return _MESSAGES.make('std_msgs/msg/Header', stamp=stamp, frame_id='camera')


def _image(pixels: np.ndarray) -> Any:
    """Return a message of 1280 x 720 pixels, given as (2764800,) uint8."""
    return _MESSAGES.make(
        'sensor_msgs/msg/Image',
        header=_header(),
        height=720,
        width=1280,
        encoding='rgb8',
        is_bigendian=0,
        step=3840,
        data=pixels,
    )


@pytest.mark.parametrize('reliable', [True, False])
def test_large_images_arrive_unchanged(make_host: Make, wait_until: Wait, reliable: bool) -> None:
    talker, listener = make_host('camera'), make_host('viewer')
    heard: list[Any] = []
    qos = Qos(reliable=reliable, depth=5)
    listener.create_subscription('sensor_msgs/msg/Image', 'large', qos, heard.append)
    publisher = talker.create_publisher('sensor_msgs/msg/Image', 'large', qos)
    wait_until(lambda: publisher.subscriber_count() == 1)
    wait_until(lambda: listener.publishers_on('large') != [])
    pixels = np.random.default_rng(0).integers(0, 256, 720 * 1280 * 3, dtype=np.uint8)
    image = _image(pixels)
    publisher.publish(image)
    wait_until(lambda: heard)
    assert np.array_equal(heard[0].data, pixels)
    assert heard[0].header == image.header
    assert (heard[0].height, heard[0].width, heard[0].encoding) == (720, 1280, 'rgb8')


_ECHO = """
from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Qos
host = DdsHost('echo')
type_name = 'sensor_msgs/msg/Image'
back = host.create_publisher(type_name, 'back', Qos())
host.create_subscription(type_name, 'there', Qos(), back.publish)
host.spin()
host.destroy()
"""


def test_large_images_between_processes(make_host: Make, wait_until: Wait) -> None:
    host = make_host('origin')
    heard: list[Any] = []
    host.create_subscription('sensor_msgs/msg/Image', 'back', Qos(), heard.append)
    publisher = host.create_publisher('sensor_msgs/msg/Image', 'there', Qos())
    pixels = np.random.default_rng(1).integers(0, 256, 720 * 1280 * 3, dtype=np.uint8)
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, '-c', _ECHO], env=environment) as child:
        try:
            wait_until(lambda: publisher.subscriber_count() and host.publishers_on('back'))
            for index in range(3):
                publisher.publish(_image(pixels + np.uint8(index)))
            wait_until(lambda: len(heard) == 3)
        finally:
            child.terminate()
        assert child.wait(30) == 0
    for index, image in enumerate(heard):
        assert np.array_equal(image.data, pixels + np.uint8(index))


def test_own_nested_messages(make_host: Make, wait_until: Wait) -> None:
    host = make_host('nested')
    heard: list[Any] = []
    type_name = 'vis_msgs/msg/InstanceTrackArray'
    host.create_subscription(type_name, 'tracks', Qos(), heard.append)
    publisher = host.create_publisher(type_name, 'tracks', Qos())
    wait_until(lambda: publisher.subscriber_count() == 1)
    sent = _example(type_name)
    publisher.publish(sent)
    wait_until(lambda: heard)
    assert len(heard[0].tracks) == 2
    assert bytes(_MESSAGES.serialize(heard[0])) == bytes(_MESSAGES.serialize(sent))


def _example(type_name: str) -> Any:
    """Return a message whose fields are all filled, sequences with two items."""
    fields = {
        name: _example_field(definition)
        for name, definition in _MESSAGES.store.fielddefs[type_name][1]
    }
    return _MESSAGES.make(type_name, **fields)


def _example_field(definition: Any) -> Any:
    kind, detail = definition
    if kind.name == 'NAME':
        return _example(detail)
    if kind.name == 'BASE':
        return {'string': 'text', 'bool': True}.get(detail[0], 7)
    item, length = detail
    count = length if kind.name == 'ARRAY' else 2
    if item[0].name == 'BASE' and item[1][0] != 'string':
        return np.arange(count).astype({'octet': 'uint8'}.get(item[1][0], item[1][0]))
    return [_example_field(item) for _ in range(count)]
