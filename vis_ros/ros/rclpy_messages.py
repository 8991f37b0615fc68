# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of an installed ROS 2."""

from __future__ import annotations

import importlib
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

_PLACEHOLDER = 'structure_needs_at_least_one_member'  # in bare messages only
_TYPE_CODES: dict[tuple[str, int], str] = {
    # (kind, bytes) of the dtype: type code of the generated messages
    ('u', 1): 'B',
    ('i', 1): 'b',
    ('u', 2): 'H',
    ('i', 2): 'h',
    ('u', 4): 'I',
    ('i', 4): 'i',
    ('u', 8): 'Q',
    ('i', 8): 'q',
    ('f', 4): 'f',
    ('f', 8): 'd',
}


class RclpyMessages:
    """The classes that rosidl generated; see `Messages`."""

    def __init__(self) -> None:
        self._classes: dict[str, type] = {}  # one entry per name that the program uses

    def resolve(self, type_name: str) -> Any:
        """Return the class of `pkg/msg/Type`, `pkg/srv/Type` or `pkg/srv/Type_Request|_Response`.

        Raises:
            ValueError: No sourced workspace has that type.
        """
        found = self._classes.get(type_name)
        if found is None:
            found = self._classes[type_name] = _import(type_name)
        return found

    def make(self, type_name: str, **fields: Any) -> Any:
        """See `Messages.make`.

        Raises:
            ValueError: No sourced workspace has that type.
        """
        fields.pop(_PLACEHOLDER, None)
        return self.resolve(type_name)(**fields)

    def array(self, values: np.ndarray) -> array[Any]:
        """See `Messages.array`.

        Raises:
            ValueError: The array is not one-dimensional, or no sequence field has its dtype.
        """
        code = _TYPE_CODES.get((values.dtype.kind, values.dtype.itemsize))
        if values.ndim != 1 or code is None or not values.dtype.isnative:
            raise ValueError(
                'expected a one-dimensional array of native integers, float32 or float64, '
                f'got {values.dtype.str} of shape {values.shape}'
            )
        sequence: array[Any] = array(code)
        sequence.frombytes(np.ascontiguousarray(values).data.cast('B'))
        return sequence

    def byte(self, value: bytes) -> bytes:
        """See `Messages.byte`."""
        return value

    def fields(self, type_name: str) -> frozenset[str]:
        """See `Messages.fields`."""
        names: Mapping[str, str] = self.resolve(type_name).get_fields_and_field_types()
        return frozenset(names)


def _import(type_name: str) -> type:
    try:
        package, kind, name = type_name.split('/')
        base, _, part = name.partition('_')
        found = getattr(importlib.import_module(f'{package}.{kind}'), base)
        return getattr(found, part) if part else found
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f'{type_name}: no such type in the sourced workspaces; build and source its package '
            f'({error})'
        ) from error
