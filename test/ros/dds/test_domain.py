# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The environment says which domain is joined and how far it reaches."""

import pytest

from vis_ros.ros.dds import domain
from vis_ros.ros.dds.domain import domain_id, loopback_config, wants_loopback


def test_domain_id() -> None:
    assert domain_id({}) == 0
    assert domain_id({'ROS_DOMAIN_ID': ''}) == 0
    assert domain_id({'ROS_DOMAIN_ID': '42'}) == 42
    for text in ('-1', 'x', '233', '1.5'):
        with pytest.raises(ValueError, match='ROS_DOMAIN_ID'):
            domain_id({'ROS_DOMAIN_ID': text})


def test_wants_loopback() -> None:
    assert not wants_loopback({})
    assert not wants_loopback({'ROS_LOCALHOST_ONLY': '0'})
    assert wants_loopback({'ROS_LOCALHOST_ONLY': '1'})
    assert wants_loopback({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'})
    assert not wants_loopback({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'})
    assert not wants_loopback({'ROS_LOCALHOST_ONLY': '1', 'CYCLONEDDS_URI': 'file:///x.xml'})


def test_configuration_is_for_this_machine() -> None:
    assert 'name="lo"' in loopback_config()
    assert '<AllowMulticast>false</AllowMulticast>' in loopback_config()


@pytest.mark.parametrize(
    ('environment', 'words'),
    [
        ({}, ['SocketReceiveBufferSize']),
        ({'ROS_LOCALHOST_ONLY': '1'}, ['SocketReceiveBufferSize', '127.0.0.1']),
        ({'CYCLONEDDS_URI': 'file:///x.xml'}, None),
    ],
)
def test_big_images_have_room_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: list[str] | None
) -> None:
    """Without a bigger receive buffer half of the 720p images of a best-effort camera are lost."""
    for name in ('CYCLONEDDS_URI', 'ROS_LOCALHOST_ONLY', 'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    opened: list[str] = []

    class FakeDomain:
        def __init__(self, number: int, config: str) -> None:
            opened.append(config)

    monkeypatch.setattr(domain, 'Domain', FakeDomain)
    domain.open_domain(231)
    if words is None:
        assert opened == []
    else:
        assert all(word in opened[0] for word in words)
