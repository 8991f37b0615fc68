# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages reach those who may have them, whole and in order."""

from collections.abc import Callable
from typing import Any

import pytest
from cyclonedds.pub import DataWriter

from vis_ros.ros.dds import DdsHost
from vis_ros.ros.host import Qos
from vis_ros.wire.bare_messages import bare_messages

Make = Callable[..., DdsHost]
Wait = Callable[[Callable[[], Any]], None]

_MESSAGES = bare_messages()
_STRING = 'std_msgs/msg/String'


def _text(data: str) -> Any:
    return _MESSAGES.make(_STRING, data=data)


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


def test_discovery_is_read_only_when_it_heard_something(
    make_host: Make, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading leaves memory behind, and a node looks twice a second for months."""
    talker, listener = make_host('there'), make_host('looks')
    publisher = talker.create_publisher(_STRING, 'there', Qos())
    wait_until(lambda: listener.publishers_on('there') != [])
    publications, readings = listener._participant._publications, []
    read = publications.read

    def noted(*args: Any, **named: Any) -> Any:
        readings.append(1)
        return read(*args, **named)

    monkeypatch.setattr(publications, 'read', noted)
    for _ in range(50):
        assert len(listener.publishers_on('there')) == 1
    assert len(readings) < 10  # discovery may still be at work
    publisher.close()
    wait_until(lambda: listener.publishers_on('there') == [])


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


def test_subscriptions_that_come_while_they_are_counted(
    make_host: Make, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cyclone's Python asks for their number, then for them: one more came in between."""
    talker, listener = make_host('talker'), make_host('listener')
    publisher: Any = talker.create_publisher(_STRING, 'chat', Qos())
    for _ in range(2):
        listener.create_subscription(_STRING, 'chat', Qos(), lambda message: None)
    wait_until(lambda: publisher.subscriber_count() == 2)
    ask, late = DataWriter._get_matched_subscriptions, [True]

    def asked(writer: Any, reference: Any, handles: Any, count: int) -> int:
        found = int(ask(writer, reference, handles, count))
        return 1 if handles is None and late and late.pop() else found

    monkeypatch.setattr(DataWriter, '_get_matched_subscriptions', asked)
    assert publisher.subscriber_count() == 2
    assert not late
