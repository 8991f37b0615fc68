# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts on a loopback domain that belongs to this pytest process alone."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip('cyclonedds')

from hosts_rig import Hosts, wait_until

from vis_ros.ros.arguments import parse_arguments
from vis_ros.ros.dds import DdsHost, loopback_config


@pytest.fixture(scope='session', autouse=True)
def _loopback_domain() -> Iterator[None]:
    """Set domain and configuration before any participant exists."""
    with pytest.MonkeyPatch.context() as patch:
        # Each worker of pytest-xdist is a process; domains above 100 need ports that are given
        # out to others.
        patch.setenv('ROS_DOMAIN_ID', str(10 + os.getpid() % 90))
        patch.setenv('CYCLONEDDS_URI', loopback_config())
        yield


@pytest.fixture(name='wait_until')
def _wait_until() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that waits until a condition holds, and fails when it never does."""
    return wait_until


@pytest.fixture
def make_host() -> Iterator[Hosts]:
    """Return what makes hosts, and ends them with the test."""
    hosts = Hosts(lambda name, words: DdsHost(name, parse_arguments(['--ros-args', *words])))
    yield hosts
    hosts.close()
