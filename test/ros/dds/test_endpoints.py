# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages reach those who may have them, whole and in order."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Qos
from vis_ros.wire.messages import bare_messages

Make = Callable[..., DdsHost]
Wait = Callable[[Callable[[], Any]], None]

_MESSAGES = bare_messages()
_STRING = 'std_msgs/msg/String'


def _text(data: str) -> Any:
    return _MESSAGES.make(_STRING, data=data)


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
def test_publish_and_subscribe(make_host: Make, wait_until: Wait, reliable: bool) -> None:
    talker, listener = make_host('talker'), make_host('listener')
    heard: list[str] = []
    qos = Qos(reliable=reliable)
    subscription = listener.create_subscription(
        _STRING, 'chat', qos, lambda message: heard.append(message.data)
    )
    publisher = talker.create_publisher(_STRING, 'chat', qos)
    wait_until(lambda: publisher.subscriber_count() == 1)
    wait_until(lambda: listener.publishers_on('chat') != [])
    for index in range(5):
        publisher.publish(_text(f'{index} ä'))
    wait_until(lambda: len(heard) == 5)
    assert heard == ['0 ä', '1 ä', '2 ä', '3 ä', '4 ä']
    subscription.close()
    subscription.close()
    wait_until(lambda: publisher.subscriber_count() == 0)
    publisher.close()
    publisher.publish(_text('into the void'))
    assert publisher.subscriber_count() == 0
    wait_until(lambda: listener.publishers_on('chat') == [])


def test_one_host_hears_itself(make_host: Make, wait_until: Wait) -> None:
    host = make_host('both')
    heard: list[str] = []
    host.create_subscription(_STRING, 'self', Qos(), lambda message: heard.append(message.data))
    publisher = host.create_publisher(_STRING, 'self', Qos())
    wait_until(lambda: publisher.subscriber_count() == 1)
    publisher.publish(_text('me'))
    wait_until(lambda: heard == ['me'])


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


def test_late_joiner_gets_latched_messages(make_host: Make, wait_until: Wait) -> None:
    talker = make_host('archive')
    qos = Qos(transient_local=True, depth=3)
    publisher = talker.create_publisher(_STRING, 'news', qos)
    for index in range(5):
        publisher.publish(_text(str(index)))
    heard: list[str] = []
    listener = make_host('late')
    listener.create_subscription(_STRING, 'news', qos, lambda message: heard.append(message.data))
    wait_until(lambda: len(heard) == 3)
    assert heard == ['2', '3', '4']


def test_publishers_offer_what_discovery_says(make_host: Make, wait_until: Wait) -> None:
    talker, listener = make_host('offers'), make_host('asks')
    assert listener.publishers_on('offer') == []
    talker.create_publisher(_STRING, 'offer', Qos(reliable=False))
    talker.create_publisher(_STRING, 'offer', Qos(transient_local=True))
    wait_until(lambda: len(listener.publishers_on('offer')) == 2)
    kinds = {(qos.reliable, qos.transient_local) for qos in listener.publishers_on('offer')}
    assert kinds == {(False, False), (True, True)}


@pytest.mark.parametrize(
    ('offered', 'wanted', 'policy'),
    [
        (Qos(reliable=False), Qos(reliable=True), 'RELIABILITY'),
        (Qos(), Qos(transient_local=True), 'DURABILITY'),
    ],
)
def test_incompatible_endpoints_hear_why(
    make_host: Make, wait_until: Wait, offered: Qos, wanted: Qos, policy: str
) -> None:
    talker, listener = make_host('offerer'), make_host('asker')
    seen: dict[str, str] = {}
    talker.create_publisher(
        _STRING, f'clash_{policy}', offered, lambda name: seen.update(publisher=name)
    )
    listener.create_subscription(
        _STRING,
        f'clash_{policy}',
        wanted,
        lambda message: None,
        lambda name: seen.update(subscription=name),
    )
    wait_until(lambda: len(seen) == 2)
    assert seen == {'publisher': policy, 'subscription': policy}


def test_incompatible_endpoints_are_logged(
    make_host: Make, wait_until: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host('clash')
    host.create_publisher(_STRING, 'quiet', Qos(reliable=False))
    host.create_subscription(_STRING, 'quiet', Qos(reliable=True), lambda message: None)
    text = ''

    def both_are_logged() -> bool:
        nonlocal text
        text += capsys.readouterr().err
        return text.count('incompatible policy: RELIABILITY') == 2

    wait_until(both_are_logged)


def test_malformed_bytes_are_counted(
    make_host: Make, wait_until: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host('robust')
    heard: list[str] = []
    subscription = host.create_subscription(
        _STRING, 'noise', Qos(), lambda message: heard.append(message.data)
    )
    publisher = host.create_publisher(_STRING, 'noise', Qos())
    wait_until(lambda: publisher.subscriber_count() == 1)
    not_utf8 = b'\0\1\0\0' + b'\4\0\0\0' + b'\xff\xfe\xfd\0'
    for _ in range(3):
        publisher.publish_cdr(not_utf8)
    publisher.publish(_text('after'))
    wait_until(lambda: heard == ['after'])
    assert subscription.malformed == 3
    assert capsys.readouterr().err.count('/noise: message dropped') == 1


def test_exception_in_callback_is_logged(
    make_host: Make, wait_until: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host('brave')
    heard: list[str] = []

    def callback(message: Any) -> None:
        heard.append(message.data)
        raise RuntimeError(f'no use for {message.data}')

    host.create_subscription(_STRING, 'trouble', Qos(), callback)
    publisher = host.create_publisher(_STRING, 'trouble', Qos())
    wait_until(lambda: publisher.subscriber_count() == 1)
    publisher.publish(_text('one'))
    publisher.publish(_text('two'))
    wait_until(lambda: heard == ['one', 'two'])
    text = ''  # the second log line follows the second callback

    def both_are_logged() -> bool:
        nonlocal text
        text += capsys.readouterr().err
        return 'RuntimeError: no use for two' in text

    wait_until(both_are_logged)
    assert 'Traceback' in text
    assert 'RuntimeError: no use for one' in text


def test_callback_may_close_its_own_subscription(make_host: Make, wait_until: Wait) -> None:
    host = make_host('once')
    heard: list[str] = []

    def callback(message: Any) -> None:
        heard.append(message.data)
        subscription.close()

    subscription = host.create_subscription(_STRING, 'once', Qos(), callback)
    publisher = host.create_publisher(_STRING, 'once', Qos())
    wait_until(lambda: publisher.subscriber_count() == 1)
    publisher.publish(_text('one'))
    publisher.publish(_text('two'))
    wait_until(lambda: publisher.subscriber_count() == 0)
    assert heard == ['one']


def test_remapped_topics(make_host: Make, wait_until: Wait) -> None:
    host = make_host('eye', '-r', 'image:=/camera/image', '-r', '__ns:=/robot', '-r', '~/a:=b')
    assert host.name == '/robot/eye'
    host.create_publisher(_STRING, 'image', Qos())
    host.create_publisher(_STRING, '~/a', Qos())
    other = make_host('other')
    wait_until(lambda: other.publishers_on('/camera/image'))
    wait_until(lambda: other.publishers_on('/robot/b'))


def test_bad_names_and_types_are_refused(make_host: Make) -> None:
    host = make_host('strict')
    with pytest.raises(ValueError, match='a//b'):
        host.create_publisher(_STRING, 'a//b', Qos())
    with pytest.raises(ValueError, match='no/such/Type'):
        host.create_publisher('no/such/Type', 'a', Qos())
    with pytest.raises(ValueError, match='depth'):
        host.create_subscription(_STRING, 'a', Qos(depth=0), lambda message: None)
