# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The environment says which domain is joined and how far it reaches."""

import pytest

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
