# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration as frozen dataclasses whose fields carry their documentation and limits.

Every configuration of the project (methods, memory, node) is such a dataclass. The parameter
reference, the ROS parameter descriptors, the command line and all checks come from the same
fields.
"""

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class Option:
    """One configuration value, flattened out of its dataclass.

    Args:
        name: Dotted name, such as `memory.capacity`.
        kind: One of bool, int, float, str, or tuple[str, ...] / tuple[float, ...].
        default: Value when nothing is given.
        doc: What it does, one or two sentences.
        unit: Unit of the value, or empty.
        minimum: Smallest allowed value, or None.
        maximum: Largest allowed value, or None.
        choices: Allowed values, or empty.
        mutable: Whether it may change while the node is active.
        speed_only: Whether results are the same with every value.
    """

    name: str
    kind: Any
    default: Any
    doc: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    mutable: bool = False
    speed_only: bool = False

    def check(self, value: Any) -> Any:
        """Return `value` in the option's type.

        Raises:
            ValueError: The type or the range is wrong; the text names option, value and limits.
        """
        value = self._convert(value)
        for item in value if isinstance(value, tuple) else (value,):
            if self.choices and item not in self.choices:
                known = ', '.join(map(repr, self.choices))
                raise ValueError(f'{self.name}: expected one of {known}, got {item!r}')
            if isinstance(item, (int, float)) and not isinstance(item, bool):
                self._check_range(item)
        return value

    def _check_range(self, value: float) -> None:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not low <= value <= high:  # also false for NaN
            raise ValueError(f'{self.name}: expected a value in [{low}, {high}], got {value!r}')

    def _convert(self, value: Any) -> Any:
        if typing.get_origin(self.kind) is tuple:
            item_kind = typing.get_args(self.kind)[0]
            if isinstance(value, str) or not hasattr(value, '__iter__'):
                raise ValueError(f'{self.name}: expected a list, got {value!r}')
            return tuple(_scalar(self.name, item_kind, item) for item in value)
        return _scalar(self.name, self.kind, value)


def _scalar(name: str, kind: type, value: Any) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ValueError(f'{name}: expected {kind.__name__}, got {value!r}')
    return value


def option(
    default: Any,
    doc: str,
    *,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] = (),
    mutable: bool = False,
    speed_only: bool = False,
) -> Any:
    """Declare a field of a configuration dataclass; see `Option` for the arguments."""
    info = {
        'doc': doc,
        'unit': unit,
        'minimum': minimum,
        'maximum': maximum,
        'choices': choices,
        'mutable': mutable,
        'speed_only': speed_only,
    }
    return dataclasses.field(default=default, metadata={'option': info})


def options_of(config: type | Any, prefix: str = '') -> tuple[Option, ...]:
    """Return all options of a configuration class, nested ones with dotted names.

    Given an instance, the defaults are the values of that instance.
    """
    cls = config if isinstance(config, type) else type(config)
    instance = cls() if isinstance(config, type) else config
    hints = typing.get_type_hints(cls)
    found: list[Option] = []
    for field in dataclasses.fields(cls):
        value = getattr(instance, field.name)
        name = prefix + field.name
        if dataclasses.is_dataclass(value):
            found.extend(options_of(value, name + '.'))
        else:
            found.append(Option(name, _kind(hints[field.name]), value, **field.metadata['option']))
    return tuple(found)


def _kind(hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        raise TypeError(f'options have one type, got {hint}')
    return hint


def build_config(cls: type[T], values: Mapping[str, Any] | None = None) -> T:
    """Make a configuration from flat dotted names, checked.

    Args:
        cls: Configuration dataclass.
        values: Values by dotted name, such as `{'memory.capacity': 32}`; nested mappings are
            accepted too. What is not named keeps its default.

    Raises:
        ValueError: A name is unknown (the nearest known one is suggested) or a value is not
            allowed.
    """
    return replace_config(cls(), values or {})


def replace_config(config: T, values: Mapping[str, Any]) -> T:
    """Return a copy of `config` with the flat or nested `values` put in, checked."""
    known = {item.name: item for item in options_of(config)}
    flat = flatten(values)
    for name in flat:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise ValueError(
                f'{name}: no such option of {type(config).__name__}{hint} '
                f'Known: {", ".join(known) or "none"}'
            )
    checked = {name: known[name].check(value) for name, value in flat.items()}
    for item in known.values():  # defaults are values too
        if item.name not in checked:
            item.check(item.default)
    return _put(config, checked)


def _put(config: T, flat: Mapping[str, Any]) -> T:
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            start = field.name + '.'
            nested = {k[len(start) :]: v for k, v in flat.items() if k.startswith(start)}
            if nested:
                changes[field.name] = _put(value, nested)
        elif field.name in flat:
            changes[field.name] = flat[field.name]
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def flatten(values: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    """Turn nested mappings into one mapping with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f'{prefix}{name}.'))
        else:
            flat[f'{prefix}{name}'] = value
    return flat


def values_of(config: Any) -> dict[str, Any]:
    """Return all values of a configuration by dotted name."""
    return {item.name: item.default for item in options_of(config)}


def fixed_values(config: Any) -> dict[str, Any]:
    """Return what a saved memory must agree with: values that cannot change at run time, but for
    those that change nothing but speed.

    They are as they come back from JSON: tuples are lists.
    """
    options = options_of(config)
    fixed = {each.name: each.default for each in options if not (each.mutable or each.speed_only)}
    plain: dict[str, Any] = json.loads(json.dumps(fixed))
    return plain


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words what differs between two sets of values; the first four."""
    names = sorted(n for n in {**before, **now} if before.get(n) != now.get(n))
    shown = [f'{n} was {before.get(n)!r}, is {now.get(n)!r}' for n in names[:4]]
    return '; '.join(shown) + ('; ...' if len(names) > 4 else '')
