# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages without ROS, of the type store of `rosbags`.

`vis_msgs/msg/*.msg` and `vis_msgs/srv/*.srv` are the one definition: `BareMessages` reads these
files, so that machines without ROS speak exactly what a robot compiles.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from vis_ros.resources import resource_path
from vis_ros.wire.standard_definitions import standard_definitions

_SERVICES: Mapping[str, str] = {
    # Services of ROS 2 itself that the type store does not carry. REQUEST --- RESPONSE.
    'std_srvs/srv/Trigger': '---\nbool success\nstring message\n',
    'std_srvs/srv/SetBool': 'bool data\n---\nbool success\nstring message\n',
    'rcl_interfaces/srv/ListParameters': (
        'string[] prefixes\nuint64 depth\n---\nrcl_interfaces/ListParametersResult result\n'
    ),
    'rcl_interfaces/srv/GetParameters': (
        'string[] names\n---\nrcl_interfaces/ParameterValue[] values\n'
    ),
    'rcl_interfaces/srv/GetParameterTypes': 'string[] names\n---\nuint8[] types\n',
    'rcl_interfaces/srv/SetParameters': (
        'rcl_interfaces/Parameter[] parameters\n---\n'
        'rcl_interfaces/SetParametersResult[] results\n'
    ),
    'rcl_interfaces/srv/SetParametersAtomically': (
        'rcl_interfaces/Parameter[] parameters\n---\nrcl_interfaces/SetParametersResult result\n'
    ),
    'rcl_interfaces/srv/DescribeParameters': (
        'string[] names\n---\nrcl_interfaces/ParameterDescriptor[] descriptors\n'
    ),
    'lifecycle_msgs/srv/ChangeState': (
        'lifecycle_msgs/Transition transition\n---\nbool success\n'
    ),
    'lifecycle_msgs/srv/GetState': '---\nlifecycle_msgs/State current_state\n',
    'lifecycle_msgs/srv/GetAvailableStates': '---\nlifecycle_msgs/State[] available_states\n',
    'lifecycle_msgs/srv/GetAvailableTransitions': (
        '---\nlifecycle_msgs/TransitionDescription[] available_transitions\n'
    ),
}


class BareMessages:
    """Messages of the `rosbags` type store, for machines without ROS, bags, and tests."""

    def __init__(self, store: Typestore) -> None:
        self.store = store

    def make(self, type_name: str, **fields: Any) -> Any:
        """See `Messages.make`."""
        return self.store.types[type_name](**fields)

    def array(self, values: np.ndarray) -> np.ndarray:
        """See `Messages.array`."""
        return values

    def byte(self, value: bytes) -> int:
        """See `Messages.byte`."""
        return value[0]

    def fields(self, type_name: str) -> frozenset[str]:
        """See `Messages.fields`."""
        if type_name not in self.store.fielddefs:
            raise ValueError(f'{type_name}: no such message type')
        return frozenset(name for name, _ in self.store.fielddefs[type_name][1])

    def serialize(self, message: Any) -> memoryview:
        """Return the CDR bytes of a message, with the 4 bytes of the encapsulation header."""
        return self.store.serialize_cdr(message, message.__msgtype__)

    def deserialize(self, data: bytes | memoryview, type_name: str) -> Any:
        """Return the message in CDR bytes; numeric sequences are views of `data`.

        Raises:
            ValueError: The bytes are not a whole message of that type.
        """
        try:
            return self.store.deserialize_cdr(data, type_name)
        except Exception as error:  # the generated decoder raises whatever its input provokes
            raise ValueError(
                f'{type_name}: {len(data)} bytes that do not decode: {error}'
            ) from error


@lru_cache(maxsize=1)
def bare_messages() -> BareMessages:
    """Return the messages of the running ROS distribution (environment variable ROS_DISTRO).

    Without that variable, or with one that is not known, the definitions of Jazzy are used.
    """
    distro = os.environ.get('ROS_DISTRO', 'jazzy')
    known = {store.value: store for store in Stores}
    store = get_typestore(known.get(f'ros2_{distro}', Stores.ROS2_JAZZY))
    types: dict[str, Any] = {}
    for path in sorted(resource_path('vis_msgs', 'msg').glob('*.msg')):
        types.update(get_types_from_msg(path.read_text(), f'vis_msgs/msg/{path.stem}'))
    for name, text in standard_definitions().items():
        types.update(get_types_from_msg(text, name))
    services = dict(_SERVICES)
    for path in sorted(resource_path('vis_msgs', 'srv').glob('*.srv')):
        services[f'vis_msgs/srv/{path.stem}'] = path.read_text()
    for name, text in services.items():
        request, response = _split_service(text)
        for part, definition in (('Request', request), ('Response', response)):
            parsed = name.replace('/srv/', '/msg/')  # the parser knows messages only
            types[f'{name}_{part}'] = get_types_from_msg(definition, parsed)[parsed]
    store.register({name: fields for name, fields in types.items() if name not in store.fielddefs})
    return BareMessages(store)


def _split_service(text: str) -> tuple[str, str]:
    request, found, response = text.partition('---\n')
    if not found:
        raise ValueError(f'a service definition needs a line of ---, got {text!r}')
    return _not_empty(request), _not_empty(response)


def _not_empty(text: str) -> str:
    """Give an empty message the one byte that ROS 2 sends for it."""
    has_field = any(line.split('#')[0].strip() for line in text.splitlines())
    return text if has_field else 'uint8 structure_needs_at_least_one_member\n'
