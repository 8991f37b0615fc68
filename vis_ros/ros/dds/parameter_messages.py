# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters as ROS messages."""

import math
import typing
from typing import Any

import numpy as np

from vis_ros.structures.options import Option
from vis_ros.wire.bare_messages import BareMessages

NOT_SET = 0
_INT64 = np.iinfo(np.int64)
_TYPE_CODES: dict[Any, int] = {bool: 1, int: 2, float: 3, str: 4}
_ARRAY_CODES: dict[Any, int] = {bool: 6, int: 7, float: 8, str: 9}
_FIELDS: dict[int, str] = {
    1: 'bool_value',
    2: 'integer_value',
    3: 'double_value',
    4: 'string_value',
    5: 'byte_array_value',
    6: 'bool_array_value',
    7: 'integer_array_value',
    8: 'double_array_value',
    9: 'string_array_value',
}
_DTYPES: dict[int, Any] = {5: np.uint8, 6: np.bool_, 7: np.int64, 8: np.float64}


def type_code(option: Option) -> int:
    """Return the number of rcl_interfaces/msg/ParameterType of an option."""
    if typing.get_origin(option.kind) is tuple:
        return _ARRAY_CODES[typing.get_args(option.kind)[0]]
    return _TYPE_CODES[option.kind]


def to_value(messages: BareMessages, option: Option | None, value: Any = None) -> Any:
    """Return a ParameterValue; without an option, that of a parameter which is not set."""
    fields: dict[str, Any] = {
        'type': NOT_SET,
        'bool_value': False,
        'integer_value': 0,
        'double_value': 0.0,
        'string_value': '',
        'string_array_value': [],
    }
    for code, dtype in _DTYPES.items():
        fields[_FIELDS[code]] = np.zeros(0, dtype)
    if option is not None:
        code = type_code(option)
        fields['type'] = code
        if isinstance(value, tuple):
            value = np.array(value, _DTYPES[code]) if code in _DTYPES else list(value)
        fields[_FIELDS[code]] = value
    return messages.make('rcl_interfaces/msg/ParameterValue', **fields)


def from_value(message: Any) -> Any:
    """Return the Python value of a ParameterValue, sequences as tuples, None when not set.

    Raises:
        ValueError: The type is not one of rcl_interfaces/msg/ParameterType.
    """
    code = int(message.type)
    if code == NOT_SET:
        return None
    if code not in _FIELDS:
        raise ValueError(f'parameter type {code} is not known')
    value = getattr(message, _FIELDS[code])
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def to_parameter(messages: BareMessages, name: str, option: Option | None, value: Any) -> Any:
    """Return a Parameter message."""
    item = to_value(messages, option, value)
    return messages.make('rcl_interfaces/msg/Parameter', name=name, value=item)


def to_descriptor(messages: BareMessages, name: str, option: Option | None) -> Any:
    """Return a ParameterDescriptor; without an option, that of an undeclared parameter."""
    return messages.make(
        'rcl_interfaces/msg/ParameterDescriptor',
        name=name,
        type=NOT_SET if option is None else type_code(option),
        description='' if option is None else _description(option),
        additional_constraints='' if option is None else _constraints(option),
        read_only=False,
        dynamic_typing=False,
        floating_point_range=_range(messages, option, float),
        integer_range=_range(messages, option, int),
    )


def _description(option: Option) -> str:
    return f'{option.doc} [{option.unit}]' if option.unit else option.doc


def _constraints(option: Option) -> str:
    parts = []
    if option.choices:
        parts.append('One of ' + ', '.join(map(str, option.choices)) + '.')
    if not option.mutable:
        parts.append('Not to be changed while the node is active.')
    return ' '.join(parts)


def _range(messages: BareMessages, option: Option | None, kind: type) -> list[Any]:
    """Return the list of no or one range message that a descriptor has for numbers of `kind`."""
    if option is None or kind not in (option.kind, *typing.get_args(option.kind)):
        return []
    if option.minimum is None and option.maximum is None:
        return []
    low, high = (-math.inf, math.inf) if kind is float else (int(_INT64.min), int(_INT64.max))
    name = 'FloatingPointRange' if kind is float else 'IntegerRange'
    message = messages.make(
        f'rcl_interfaces/msg/{name}',
        from_value=low if option.minimum is None else kind(option.minimum),
        to_value=high if option.maximum is None else kind(option.maximum),
        step=kind(0),
    )
    return [message]
