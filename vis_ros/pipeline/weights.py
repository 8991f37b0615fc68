# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights by path or by name, checked, and loaded without running code.

A `weights` text is one of
- the path of a `.safetensors` file, or of a `.pt` / `.pth` file (read with `weights_only=True`);
- a name of `models/weights.yaml`, whose file must have the SHA-256 given there;
- `torchvision:ENUM.NAME`, such as `torchvision:MaskRCNN_ResNet50_FPN_Weights.COCO_V1`: downloaded
  by torchvision where the machine may, checked by the hash in the file's name;
- `random`: no trained weights at all, for tests and benchmarks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from vis_ros.nn.weights import LoadedWeights
from vis_ros.resources import resource_path


def load_weights(text: str) -> LoadedWeights | None:
    """Return the weights that a text names; None for an empty text.

    Raises:
        ValueError: Nothing of that name exists, or the file is damaged; the text says what to do.
    """
    if not text:
        return None
    if text == 'random':
        return LoadedWeights({}, 'random', is_random=True)
    if text.startswith('torchvision:'):
        return _from_torchvision(text)
    entries = manifest()
    if text in entries:
        named = entries[text]
        return _from_file(resource_path('models') / named['file'], named['sha256'])
    path = Path(text).expanduser()
    known = {str(resource_path('models') / entry['file']): entry for entry in entries.values()}
    entry = known.get(str(path.resolve()))
    if not path.is_file():
        names = ', '.join(entries) or 'none'
        raise ValueError(
            f'weights: {text!r} is neither a file nor a name of models/weights.yaml '
            f'(known names: {names}). Copy the file to this machine and give its full path.'
        )
    return _from_file(path, entry['sha256'] if entry else '')


def manifest() -> dict[str, dict[str, Any]]:
    """Return the shipped weights by name, as `models/weights.yaml` lists them."""
    text = resource_path('models', 'weights.yaml').read_text()
    return dict((yaml.safe_load(text) or {}).get('weights') or {})


def shipped_for(method: str) -> str:
    """Return the name of the weights that a method takes where none are named, or nothing."""
    for name, entry in manifest().items():
        if entry.get('default') is True and entry.get('method') == method:
            return name
    return ''


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_weights(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: File to write, safetensors.
        tensors: State dict.
        meta: What the file says about itself: method, part, config, classes, training.

    Raises:
        OSError: The folder is missing or not writable.
    """
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    data = save(plain, metadata={'vis_ros': json.dumps(dict(meta), sort_keys=True)})
    part = path.with_suffix('.part')
    part.write_bytes(data)  # save_file would make it unreadable for others
    part.replace(path)


def _from_file(path: Path, expected: str) -> LoadedWeights:
    if not path.is_file():
        raise ValueError(f'weights: {path}: no such file')
    if expected and (actual := sha256_of(path)) != expected:
        raise ValueError(
            f'weights: {path}: SHA-256 is {actual}, models/weights.yaml says {expected}. '
            'The file is damaged or was replaced: get it again.'
        )
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, framework='pt') as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}
                meta = json.loads((file.metadata() or {}).get('vis_ros', '{}'))
        else:
            tensors, meta = torch.load(path, map_location='cpu', weights_only=True), {}
    except Exception as error:  # damaged bytes make torch raise anything, MemoryError too
        raise ValueError(
            f'weights: {path}: not a readable weights file ({_first_line(error)}). Expected '
            'safetensors, or a state dict saved by torch.save that loads with weights_only=True.'
        ) from error
    if not isinstance(meta, dict):
        raise ValueError(f'weights: {path}: vis_ros: expected a mapping, got {meta!r}')
    return LoadedWeights(_state_dict(path, tensors), str(path), meta)


def _state_dict(path: Path, loaded: Any) -> dict[str, torch.Tensor]:
    """Return the state dict of a loaded file, also where it lies under the usual keys."""
    for key in ('state_dict', 'model'):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        raise ValueError(f'weights: {path}: expected a state dict, got {type(loaded).__name__}')
    return loaded


def _from_torchvision(text: str) -> LoadedWeights:
    from torchvision.models import get_weight

    name = text.removeprefix('torchvision:')
    try:
        weight = get_weight(name)
        return LoadedWeights(weight.get_state_dict(progress=False, check_hash=True), text)
    except (ValueError, AttributeError, KeyError) as error:
        raise ValueError(f'weights: torchvision has no weights {name!r}: {error}') from error
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f'weights: {text} could not be downloaded ({_first_line(error)}). Download the '
            'file on a machine with internet, copy it here and give its full path.'
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
