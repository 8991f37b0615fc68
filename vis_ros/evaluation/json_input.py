# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON files, read with the place of every value, so that errors can name it."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

_SHOWN = 60  # characters of a wrong value that an error shows


class DataError(ValueError):
    """A file does not hold what it should; the text names the file, the key and the value."""


@dataclass(frozen=True, slots=True)
class Item:
    """A value of a JSON file.

    Args:
        where: Its place: the file and a colon, then keys and positions.
        value: What `json.load` made of it.
    """

    where: str
    value: Any

    def fail(self, expected: str) -> NoReturn:
        """Raise a DataError that says what was expected here."""
        shown = repr(self.value)
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'
        raise DataError(f'{self._name}: expected {expected}, got {shown}')

    @property
    def _name(self) -> str:
        return self.where.rstrip(':')

    def _inner(self, key: str, value: Any) -> Item:
        return Item(f'{self.where} {key}' if self.where.endswith(':') else self.where + key, value)

    def get(self, key: str) -> Item:
        """Return the value of a key that must be there."""
        found = self.find(key)
        if found is None:
            raise DataError(f'{self._name}: the key {key!r} is missing')
        return found

    def find(self, key: str) -> Item | None:
        """Return the value of a key, or None without it."""
        if not isinstance(self.value, dict):
            self.fail('an object with keys')
        mark = '' if self.where.endswith(':') else '.'
        return self._inner(mark + key, self.value[key]) if key in self.value else None

    def items(self, length: int | None = None) -> list[Item]:
        """Return the values of a list, whose length is checked where one is given."""
        if not isinstance(self.value, list):
            self.fail('a list')
        if length is not None and len(self.value) != length:
            raise DataError(
                f'{self._name}: expected {length} entries, one for each frame of the video, '
                f'got {len(self.value)}'
            )
        return [self._inner(f'[{i}]', value) for i, value in enumerate(self.value)]

    def integer(self, minimum: int = 0) -> int:
        """Return an integer that is at least `minimum`."""
        if type(self.value) is not int or self.value < minimum:
            self.fail(f'an integer of {minimum} or more')
        return int(self.value)

    def number(self) -> float:
        """Return a finite number."""
        is_number = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        if not is_number or not math.isfinite(self.value):
            self.fail('a finite number')
        return float(self.value)

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            self.fail('a string')
        return str(self.value)


def load_json(path: Path) -> Item:
    """Return the content of a JSON file, or of the only JSON file in a zip archive.

    Raises:
        OSError: The file cannot be read.
        DataError: It is no JSON.
    """
    try:
        if path.suffix == '.zip':
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith('.json')]
                if len(names) != 1:
                    raise DataError(f'{path}: expected one JSON file in it, got {names}')
                return Item(f'{path}:', json.loads(archive.read(names[0])))
        return Item(f'{path}:', json.loads(path.read_bytes()))
    except (json.JSONDecodeError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise DataError(f'{path}: {error}') from error
