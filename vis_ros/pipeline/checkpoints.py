# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other people's trainers, read without running code.

Such files hold more than parameters: counters and meters that are objects of the trainer's
classes, for which torch refuses the whole file. Here those classes are replaced by one that does
nothing, and torch's own `weights_only` loader does the rest.
"""

from __future__ import annotations

import pickle
import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from vis_ros.pipeline.array_pickles import read_arrays

_PLACES = ('net', 'state_dict', 'model')  # where trainers put the parameters


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Return the parameters of a file that `torch.save` wrote, or of a `.safetensors`.

    A `.pkl` may also be a pickle of arrays, as those of detectron2's model zoo are.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, or holds no parameters by name.
    """
    path.open('rb').close()  # what is not readable at all is no damage
    try:
        found = _load(path)
    except Exception as error:  # damaged bytes make zipfile and torch raise anything
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f'{path}: not a readable checkpoint of torch: {first}') from error
    for place in _PLACES:
        if isinstance(found, dict) and isinstance(found.get(place), dict):
            found = found[place]
    if not isinstance(found, dict) or not found:
        raise ValueError(f'{path}: expected parameters by name, got {type(found).__name__}')
    tensors = {str(name).removeprefix('module.'): value for name, value in found.items()}
    if strange := [name for name, value in tensors.items() if not isinstance(value, torch.Tensor)]:
        raise ValueError(f'{path}: expected parameters by name; no tensors are {strange[:8]}')
    return tensors


def _load(path: Path) -> Any:
    if path.suffix == '.safetensors':
        return load_file(path)
    if path.suffix == '.pkl' and not zipfile.is_zipfile(path):
        return read_arrays(path)
    with _stand_ins(_classes_in(path)):
        return torch.load(path, map_location='cpu', weights_only=True)


def _classes_in(path: Path) -> set[str]:
    """Return the full names that the pickle of a file mentions; nothing is loaded for it."""
    if not zipfile.is_zipfile(path):
        return set()  # the old format: torch reads it or refuses it
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith('data.pkl')]
        pickled = archive.read(names[0]) if names else pickle.dumps(None, 2)
    return {
        str(argument).replace(' ', '.')
        for opcode, argument, _ in pickletools.genops(pickled)
        if opcode.name == 'GLOBAL'
    }


class _StandIn:
    """Takes whatever it is given and keeps nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


@contextmanager
def _stand_ins(names: set[str]) -> Iterator[None]:
    """Let torch's loader use stand-ins for all names that it does not know itself."""
    before = torch.serialization.get_safe_globals()
    classes: list[Any] = []
    for full in sorted(names):
        module, _, name = full.rpartition('.')
        classes.append(type(name, (_StandIn,), {'__module__': module}))
    torch.serialization.add_safe_globals(classes)
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)
