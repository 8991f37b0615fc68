# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method's memory in a file, so that identities survive a restart.

The file is a safetensors file: loading it runs no code. It is written beside its place and moved
there when it is whole and on the disk, so a full disk or a crash leaves the old file as it was.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save  # that of torch leaks a type of ctypes for each new size
from torch import Tensor

FORMAT = 'vis_ros track memory 1'


@dataclass(frozen=True)
class Snapshot:
    """Everything that a method needs to go on where it stopped.

    Args:
        tensors: Tensors by name, of types that NumPy has too (no bfloat16).
        meta: JSON-like values: who wrote it, and what does not fit a tensor.
    """

    tensors: Mapping[str, Tensor]
    meta: Mapping[str, Any]


def joined(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of all parts under names such as `memory.box`, as a snapshot has them."""
    return {
        f'{part}.{name}': value
        for part, tensors in parts.items()
        for name, value in tensors.items()
    }


def parts_of(snapshot: Snapshot, *expected: str) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each part, see `joined`.

    Args:
        snapshot: A tensor without a point in its name is a part of its own, under the name ''.
        expected: Parts that the result has, be they empty. There may be others.
    """
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in expected}
    for name, value in snapshot.tensors.items():
        part, _, rest = name.partition('.')
        parts.setdefault(part, {})[rest] = value
    return parts


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; the file at `path` is replaced as a whole or not at all.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    text = json.dumps({'format': FORMAT, **snapshot.meta}, sort_keys=True)
    arrays = {
        name: np.ascontiguousarray(value.detach().cpu().numpy()).reshape(value.shape)
        for name, value in snapshot.tensors.items()
    }
    data = save(arrays, metadata={'vis_ros': text})
    handle, name = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a snapshot of a track memory, or it is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file')
    try:
        with safe_open(path, framework='pt') as file:
            meta = json.loads((file.metadata() or {}).get('vis_ros', '{}'))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not a readable track memory: {error}') from error
    if not isinstance(meta, dict) or meta.pop('format', None) != FORMAT:
        raise ValueError(f'{path}: a safetensors file, but not a "{FORMAT}"')
    return Snapshot(tensors, meta)
