# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which DDS domain to join and how: the environment variables of ROS 2 and of Cyclone DDS."""

import os
import threading
import weakref
from collections.abc import Mapping

from cyclonedds.core import DDSException
from cyclonedds.domain import Domain

_HIGHEST_DOMAIN = 232
_BUFFER = '<Internal><SocketReceiveBufferSize max="16MiB"/></Internal>'
_NETWORK = f'<CycloneDDS><Domain id="any">{_BUFFER}</Domain></CycloneDDS>'
_LOOPBACK = (
    '<CycloneDDS><Domain id="any"><General>'
    '<Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces>'
    '<AllowMulticast>false</AllowMulticast><MaxMessageSize>65500B</MaxMessageSize>'
    '</General><Discovery><ParticipantIndex>auto</ParticipantIndex>'
    '<MaxAutoParticipantIndex>100</MaxAutoParticipantIndex>'
    '<Peers><Peer address="127.0.0.1"/></Peers></Discovery>'
    f'{_BUFFER}</Domain></CycloneDDS>'
)
_shared: 'weakref.WeakValueDictionary[int, Domain]' = weakref.WeakValueDictionary()
_shared_lock = threading.Lock()  # a domain belongs to the process, whoever opens it first


def loopback_config() -> str:
    """Return a Cyclone DDS configuration for this machine alone, without multicast.

    Set it as `CYCLONEDDS_URI` for every process that shall take part, ROS 2 with
    rmw_cyclonedds_cpp included. Up to 101 participants find each other in a domain; the receive
    buffer asks for room for several images, as much of it as the kernel allows.
    """
    return _LOOPBACK


def domain_id(environment: Mapping[str, str] = os.environ) -> int:
    """Return the domain in `ROS_DOMAIN_ID`, 0 when it is not set.

    Raises:
        ValueError: It is not a number in [0, 232].
    """
    text = environment.get('ROS_DOMAIN_ID') or '0'
    if not text.isdecimal() or int(text) > _HIGHEST_DOMAIN:
        raise ValueError(
            f'ROS_DOMAIN_ID: expected a number in [0, {_HIGHEST_DOMAIN}], got {text!r}'
        )
    return int(text)


def wants_loopback(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether ROS 2 is asked to stay on this machine and Cyclone DDS is not configured."""
    if environment.get('CYCLONEDDS_URI'):
        return False
    reach = environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    return environment.get('ROS_LOCALHOST_ONLY') == '1' or reach.upper() in ('LOCALHOST', 'OFF')


def open_domain(number: int) -> Domain | None:
    """Configure domain `number` of this process; keep the result as long as it is used.

    Unless Cyclone DDS is configured by its own variable, sockets get room for several images, as
    much of it as the kernel allows: the default loses half of them (docs/robots.md).

    Returns None where the domain is opened with the participant: Cyclone DDS is configured by its
    own variable, or somebody else in this process has the domain open.
    """
    if os.environ.get('CYCLONEDDS_URI'):
        return None
    config = loopback_config() if wants_loopback() else _NETWORK
    with _shared_lock:
        domain = _shared.get(number)
        if domain is None:
            try:
                domain = Domain(number, config)
            except DDSException as error:
                if error.code != DDSException.DDS_RETCODE_PRECONDITION_NOT_MET:
                    raise
                return None
            _shared[number] = domain
        return domain
