# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Declared parameters and their values."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from vis_ros.structures.options import Option


class ParameterStore:
    """Parameters by full name, each with the option that limits it.

    Overrides, those of the command line, are remembered for parameters that are declared later or
    again. Safe from any thread.
    """

    def __init__(self, overrides: Mapping[str, Any]) -> None:
        self._overrides = dict(overrides)
        self._options: dict[str, Option] = {}
        self._values: dict[str, Any] = {}
        self._lock = threading.Lock()

    def declare(self, options: Sequence[Option], prefix: str) -> dict[str, Any]:
        """Declare all options or none; return their values by full name.

        Raises:
            ValueError: A value is not allowed, or a name is declared already.
        """
        full = [dataclasses.replace(item, name=prefix + item.name) for item in options]
        values = {
            item.name: item.check(self._overrides.get(item.name, item.default)) for item in full
        }
        with self._lock:
            for item in full:
                if item.name in self._options:
                    raise ValueError(f'{item.name}: this parameter is declared already')
            self._options.update({item.name: item for item in full})
            self._values.update(values)
        return values

    def undeclare(self, prefix: str, keep: frozenset[str] = frozenset()) -> list[str]:
        """Forget the parameters whose name starts with `prefix`; return their names."""
        with self._lock:
            gone = [name for name in self._values if name.startswith(prefix) and name not in keep]
            for name in gone:
                del self._values[name], self._options[name]
        return gone

    def names(self) -> list[str]:
        """Return the declared names in the order of the alphabet."""
        with self._lock:
            return sorted(self._values)

    def find(self, name: str) -> tuple[Option, Any] | None:
        """Return option and value of a parameter, or None when it is not declared."""
        with self._lock:
            return (self._options[name], self._values[name]) if name in self._values else None

    def check(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return new values in the types of their options, without storing them.

        Raises:
            ValueError: A parameter is not declared or a value is not allowed.
        """
        checked: dict[str, Any] = {}
        for name, value in changes.items():
            found = self.find(name)
            if found is None:
                raise ValueError(f'{name}: this parameter is not declared')
            checked[name] = found[0].check(value)
        return checked

    def store(self, changes: Mapping[str, Any]) -> None:
        """Take over checked values; names that are gone meanwhile are left out."""
        with self._lock:
            self._values.update({k: v for k, v in changes.items() if k in self._values})
