# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options as parameters of rclpy: descriptors, declaration and checks with texts of our own."""

from __future__ import annotations

import dataclasses
import math
import typing
from array import array
from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from vis_ros.structures.options import Option

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SCALARS: dict[Any, Parameter.Type] = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}
_ARRAYS: dict[Any, Parameter.Type] = {
    bool: Parameter.Type.BOOL_ARRAY,
    int: Parameter.Type.INTEGER_ARRAY,
    float: Parameter.Type.DOUBLE_ARRAY,
    str: Parameter.Type.STRING_ARRAY,
}


class ParameterTable:
    """The options that were declared on one node, by full name.

    Args:
        node: Whose parameters they are. Its `set_parameters_atomically` must pass what it gets
            through `convert`.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._options: dict[str, Option] = {}

    def declare(self, options: Sequence[Option], prefix: str) -> dict[str, Any]:
        """Declare all options or none; return their values by option name.

        Raises:
            ValueError: A given value is not allowed, or a name is declared already.
        """
        full = [dataclasses.replace(item, name=prefix + item.name) for item in options]
        for item in full:
            if self._node.has_parameter(item.name):
                raise ValueError(f'{item.name}: this parameter is declared already')
        values = [item.check(self._given(item)) for item in full]
        for item, value in zip(full, values, strict=True):
            self._declare(item, value)
        return {item.name: value for item, value in zip(options, values, strict=True)}

    def undeclare(self, prefix: str) -> None:
        """Forget the options whose full name starts with `prefix`."""
        for name in [name for name in self._options if name.startswith(prefix)]:
            del self._options[name]
            self._node.undeclare_parameter(name)

    def convert(self, parameters: Sequence[Parameter]) -> list[Parameter]:
        """Return the parameters in the types of their options; others as they are.

        Raises:
            ValueError: A value is not allowed.
        """
        converted = []
        for parameter in parameters:
            item = self._options.get(parameter.name)
            if item is not None:
                parameter = _to_parameter(item, item.check(_to_python(parameter)))
            converted.append(parameter)
        return converted

    def changes(self, parameters: Sequence[Parameter]) -> dict[str, Any]:
        """Return the values of those parameters that are options, in their types."""
        return {
            parameter.name: self._options[parameter.name].check(_to_python(parameter))
            for parameter in parameters
            if parameter.name in self._options
        }

    def _given(self, item: Option) -> Any:
        """Return the value from command line or files, of whatever type, else the default."""
        try:
            declared = self._node.declare_parameter(
                item.name, None, ParameterDescriptor(dynamic_typing=True)
            )
        except InvalidParameterException as error:
            raise ValueError(f'{item.name}: not a name for a parameter') from error
        self._node.undeclare_parameter(item.name)
        value = _to_python(declared)
        return item.default if value is None else value

    def _declare(self, item: Option, value: Any) -> None:
        parameter = _to_parameter(item, value)
        # By type and then by value, as rclpy takes an empty list for an array of bytes.
        self._node.declare_parameter(
            item.name, parameter.type_, describe(item), ignore_override=True
        )
        self._node.set_parameters([parameter])
        self._options[item.name] = item


def describe(item: Option) -> ParameterDescriptor:
    """Return the descriptor that `ros2 param describe` shows."""
    constraints = []
    if item.choices:
        constraints.append('One of ' + ', '.join(map(str, item.choices)) + '.')
    if not item.mutable:
        constraints.append('Not to be changed while the node is active.')
    return ParameterDescriptor(
        name=item.name,
        description=f'{item.doc} [{item.unit}]' if item.unit else item.doc,
        additional_constraints=' '.join(constraints),
        floating_point_range=_float_range(item),
        integer_range=_integer_range(item),
    )


def _float_range(item: Option) -> list[FloatingPointRange]:
    if not _is_limited(item, float):
        return []
    low = -math.inf if item.minimum is None else float(item.minimum)
    high = math.inf if item.maximum is None else float(item.maximum)
    return [FloatingPointRange(from_value=low, to_value=high)]


def _integer_range(item: Option) -> list[IntegerRange]:
    if not _is_limited(item, int):
        return []
    low = _INT64_MIN if item.minimum is None else int(item.minimum)
    high = _INT64_MAX if item.maximum is None else int(item.maximum)
    return [IntegerRange(from_value=low, to_value=high)]


def _is_limited(item: Option, kind: type) -> bool:
    has_limit = item.minimum is not None or item.maximum is not None
    return has_limit and kind in (item.kind, *typing.get_args(item.kind))


def _to_parameter(item: Option, value: Any) -> Parameter:
    if isinstance(value, tuple):
        return Parameter(item.name, _ARRAYS[typing.get_args(item.kind)[0]], list(value))
    return Parameter(item.name, _SCALARS[item.kind], value)


def _to_python(parameter: Parameter) -> Any:
    """Return the value with sequences as tuples, None when the parameter is not set."""
    value = parameter.value
    return tuple(value) if isinstance(value, (list, tuple, array)) else value
