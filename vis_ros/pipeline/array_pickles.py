# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pickles of NumPy arrays, as detectron2's model zoo has them, read without running code.

Nothing of NumPy takes part in the unpickling either: its own `__setstate__` believes what a file
says about its types. The few names that arrays need are stand-ins that only keep what they get.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_TYPES = ('b1', 'i1', 'i2', 'i4', 'i8', 'u1', 'f2', 'f4', 'f8')
_MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')
_FAULTS = (
    AttributeError,
    LookupError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_arrays(path: Path) -> Any:
    """Return what a pickle holds, its arrays as tensors.

    Raises:
        OSError: The file cannot be read.
        EOFError: It ends too early.
        pickle.UnpicklingError: It is damaged, or holds anything but numbers, texts, lists,
            mappings and arrays of numbers.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        return _as_tensors(_Arrays(content, encoding='latin1').load())
    except _FAULTS as error:
        raise pickle.UnpicklingError(f'damaged: {error}') from error


class _Arrays(pickle.Unpickler):
    """Knows the few names that arrays need, by stand-ins, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name in _PARTS:
            return _PARTS[name]
        if (module, name) in _NAMES:
            return _NAMES[module, name]
        raise pickle.UnpicklingError(f'expected arrays only, got {module}.{name}')


class _Type:
    """Stands in for a type of numbers."""

    def __init__(self, code: Any, *options: Any) -> None:
        if code not in _TYPES:
            raise pickle.UnpicklingError(f'expected numbers, got {code!r}')
        self.code, self.order = str(code), '='

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order if order in ('<', '>') else '='

    def values(self, content: bytes | str) -> np.ndarray:
        """Return the numbers that bytes hold, in this machine's order."""
        raw = content.encode('latin1') if isinstance(content, str) else content
        found = np.frombuffer(raw, np.dtype(self.order + self.code))
        return found.astype(self.code)


class _Array:
    """Stands in for an array; its content comes after it was made."""

    def __init__(self, *options: Any) -> None:
        self.values = np.zeros(0, np.int8)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_turned, content = state
        if not isinstance(kind, _Type) or not all(type(size) is int for size in shape):
            raise pickle.UnpicklingError('expected an array of numbers')
        values = kind.values(content)
        if min(shape, default=0) < 0 or len(values) != math.prod(shape):
            raise pickle.UnpicklingError(f'expected {shape} numbers, got {len(values)}')
        self.values = values.reshape(shape, order='F' if is_turned else 'C')


@dataclass(frozen=True)
class _Nothing:
    """Stands in for what is only named."""


def _scalar(kind: Any, content: bytes | str) -> Any:
    if not isinstance(kind, _Type):
        raise pickle.UnpicklingError('expected a number')
    return kind.values(content)[0].item()


def _bytes(text: str, encoding: str) -> bytes:
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'expected bytes as latin1, got {encoding!r}')
    return text.encode('latin1')


def _no_bytes() -> bytes:
    return b''


_PARTS: dict[str, Any] = {'_reconstruct': _Array, 'scalar': _scalar}
_NAMES: dict[tuple[str, str], Any] = {
    ('numpy', 'ndarray'): _Nothing,
    ('numpy', 'dtype'): _Type,
    ('collections', 'OrderedDict'): collections.OrderedDict,
    ('_codecs', 'encode'): _bytes,
    ('__builtin__', 'bytes'): _no_bytes,  # of empty arrays
    ('builtins', 'bytes'): _no_bytes,
}


def _as_tensors(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _as_tensors(value) for name, value in found.items()}
    return _tensor(found.values) if isinstance(found, _Array) else found


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values).reshape(values.shape))
