# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pickles of NumPy arrays, as detectron2's model zoo has them, read without running code."""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

_ARRAYS: dict[tuple[str, str], Any] = {
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    ('collections', 'OrderedDict'): collections.OrderedDict,
}
_EMPTY, _SCALAR, _BYTES = '_reconstruct', 'scalar', ('_codecs', 'encode')
_NO_BYTES = (('__builtin__', 'bytes'), ('builtins', 'bytes'))  # of empty arrays
_MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')


def read_arrays(path: Path) -> Any:
    """Return what a pickle holds, its arrays as tensors.

    Raises:
        OSError: The file cannot be read.
        pickle.UnpicklingError: It is damaged, or holds anything but numbers, texts, lists,
            mappings and arrays.
    """
    try:
        return _as_tensors(_Arrays(io.BytesIO(path.read_bytes()), encoding='latin1').load())
    except (AttributeError, IndexError, TypeError, UnicodeDecodeError) as error:
        raise pickle.UnpicklingError(f'damaged: {error}') from error


class _Arrays(pickle.Unpickler):
    """Knows the few names that arrays need, by our own functions, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name == _EMPTY:
            return _empty
        if module in _MODULES and name == _SCALAR:
            return _scalar
        if (module, name) == _BYTES:
            return _bytes
        if (module, name) in _NO_BYTES:
            return _no_bytes
        if (module, name) in _ARRAYS:
            return _ARRAYS[module, name]
        raise pickle.UnpicklingError(f'expected arrays only, got {module}.{name}')


def _empty(kind: Any, shape: Any, dtype: Any) -> np.ndarray:
    """Return the array whose content comes next in the pickle."""
    return np.ndarray((0,), np.int8)


def _scalar(dtype: np.dtype[Any], content: bytes) -> Any:
    if dtype.hasobject:
        raise pickle.UnpicklingError('expected numbers, got objects')
    return np.frombuffer(content, dtype)[0].item()


def _bytes(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def _no_bytes() -> bytes:
    return b''


def _as_tensors(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _as_tensors(value) for name, value in found.items()}
    if isinstance(found, np.ndarray) and found.dtype.kind in 'biuf':
        return torch.from_numpy(np.ascontiguousarray(found))
    return found
