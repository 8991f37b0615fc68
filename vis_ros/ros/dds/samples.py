# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DDS types for ROS messages whose samples are ready CDR bytes.

The classes declare the true fields, because their type object travels in discovery and Cyclone DDS
checks each sample against it in C. Its Python (de)serialiser is left out: `rosbags` has done that
work already, and does it far faster.
"""

from functools import cache
from typing import Any

import cyclonedds.idl.types as idl
from cyclonedds.idl import IdlStruct, make_idl_struct
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

SERVICE_HEADER = {'client_guid': idl.uint64, 'sequence_number': idl.int64}
"""What rmw_cyclonedds puts in front of each request and reply."""

_LONGEST_BOUND = 65535  # of cyclonedds.idl.types.sequence; longer ones are declared unbounded
_BASE_TYPES: dict[str, Any] = {
    'bool': bool,
    'byte': idl.byte,
    'octet': idl.byte,
    'char': idl.uint8,  # ROS 2 has no other character than this
    'int8': idl.int8,
    'uint8': idl.uint8,
    'int16': idl.int16,
    'uint16': idl.uint16,
    'int32': idl.int32,
    'uint32': idl.uint32,
    'int64': idl.int64,
    'uint64': idl.uint64,
    'float32': idl.float32,
    'float64': idl.float64,
}


def dds_type_name(type_name: str) -> str:
    """Return `pkg::msg::dds_::Type_` for `pkg/msg/Type`, the same for service parts."""
    package, kind, name = type_name.split('/')
    return f'{package}::{kind}::dds_::{name}_'


def type_hash(store: Typestore, type_name: str) -> str:
    """Return the RIHS01 hash that endpoints announce since ROS 2 Iron."""
    return store.hash_rihs01(type_name)


@cache  # one entry for each type in use; a type name may have one class only
def sample_class(store: Typestore, type_name: str) -> type[IdlStruct]:
    """Return the class of a topic's samples; it writes and reads its attribute `cdr`.

    Args:
        store: Where the definition comes from.
        type_name: `pkg/msg/Type`, `pkg/srv/Type_Request` or `pkg/srv/Type_Response`; the last two
            begin with the header of rmw_cyclonedds.

    Raises:
        ValueError: The type is not known, or has a field that cannot be declared.
    """
    if type_name not in store.fielddefs:
        raise ValueError(f'{type_name}: no such message type')
    fields = dict(SERVICE_HEADER) if '/srv/' in type_name else {}
    for name, definition in store.fielddefs[type_name][1]:
        fields[name] = _field_type(store, definition, f'{type_name}.{name}')
    name = type_name.rpartition('/')[2]
    cls: Any = make_idl_struct(name, dds_type_name(type_name), fields, dataclassify=False)
    cls.serialize = _serialize
    cls.deserialize = classmethod(_deserialize)
    cls.deserialize_key = classmethod(_deserialize)
    finished: type[IdlStruct] = cls
    return finished


def make_sample(cls: type[IdlStruct], cdr: bytes) -> Any:
    """Return a sample that holds these CDR bytes, encapsulation header included."""
    sample: Any = object.__new__(cls)
    sample.cdr = cdr
    return sample


def _serialize(sample: Any, **_: Any) -> bytes:
    cdr: bytes = sample.cdr
    return cdr


def _deserialize(cls: type[IdlStruct], data: bytes, *_: Any, **__: Any) -> Any:
    return make_sample(cls, data)


def _field_type(store: Typestore, definition: Any, where: str) -> Any:
    kind, detail = definition
    if kind == Nodetype.NAME:
        return sample_class(store, detail)
    if kind == Nodetype.BASE:
        return _base_type(detail[0], detail[1], where)
    item, length = detail
    item_type = _field_type(store, item, where)
    if kind == Nodetype.ARRAY:
        return idl.array[item_type, length]  # type: ignore[misc]
    if 0 < length <= _LONGEST_BOUND:
        return idl.sequence[item_type, length]  # type: ignore[misc]
    return idl.sequence[item_type]  # type: ignore[misc]


def _base_type(name: str, bound: int, where: str) -> Any:
    if name == 'string':
        return idl.bounded_str[bound] if bound else str  # type: ignore[misc]
    if name not in _BASE_TYPES:
        raise ValueError(f'{where}: fields of type {name} are not supported')
    return _BASE_TYPES[name]
