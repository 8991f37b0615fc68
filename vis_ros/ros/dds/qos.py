# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service in the words of DDS."""

from cyclonedds.qos import Policy
from cyclonedds.qos import Qos as DdsQos

from vis_ros.ros.host import Qos

# A writer that waits for slow readers holds up its thread; ROS waits for ever, a camera cannot.
_BLOCKING_NS = 200_000_000
_FOREVER_NS = (1 << 63) - 1
_POLICY_NAMES = {
    2: 'DURABILITY',
    3: 'PRESENTATION',
    4: 'DEADLINE',
    5: 'LATENCY_BUDGET',
    6: 'OWNERSHIP',
    8: 'LIVELINESS',
    10: 'PARTITION',
    11: 'RELIABILITY',
    12: 'DESTINATION_ORDER',
    13: 'HISTORY',
    21: 'LIFESPAN',
    23: 'DATA_REPRESENTATION',
    24: 'TYPE_CONSISTENCY',
}

SERVICE_QOS = Qos(reliable=True, transient_local=False, depth=10)


def policy_name(policy_id: int) -> str:
    """Return the name of a DDS policy, such as `RELIABILITY`."""
    return _POLICY_NAMES.get(policy_id, f'POLICY_{policy_id}')


def to_dds(qos: Qos, user_data: str, *, is_writer: bool, lifespan_ns: int = _FOREVER_NS) -> DdsQos:
    """Return the policies of an endpoint, those that rmw_cyclonedds would set.

    Args:
        qos: What the endpoint offers or wants.
        user_data: Text of `key=value;` pairs that travels with discovery.
        is_writer: Whether the endpoint writes.
        lifespan_ns: How long a writer's messages stay valid.

    Raises:
        ValueError: The depth is less than 1.
    """
    if qos.depth < 1:
        raise ValueError(f'history depth: expected at least 1, got {qos.depth}')
    history = Policy.History.KeepLast(qos.depth)
    policies = [
        history,
        Policy.Reliability.Reliable(_BLOCKING_NS)
        if qos.reliable
        else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if qos.transient_local else Policy.Durability.Volatile,
        Policy.DataRepresentation(use_cdrv0_representation=True),
        Policy.Userdata(user_data.encode()),
    ]
    if is_writer:
        policies.append(Policy.WriterDataLifecycle(autodispose=False))
        policies.append(Policy.Lifespan(lifespan_ns))
        if qos.transient_local:
            policies.append(Policy.DurabilityService(0, history, -1, -1, -1))
    return DdsQos(*policies)


def from_dds(qos: DdsQos) -> Qos:
    """Return what an endpoint offers; the depth is 1 where discovery does not tell it."""
    history = qos[Policy.History]
    return Qos(
        reliable=isinstance(qos[Policy.Reliability], Policy.Reliability.Reliable),
        transient_local=qos[Policy.Durability] != Policy.Durability.Volatile,
        depth=max(1, getattr(history, 'depth', 1)),
    )
