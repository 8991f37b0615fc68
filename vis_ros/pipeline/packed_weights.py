# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trained weights made small enough to ship: 16 bits a number."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml

from vis_ros.pipeline.weights import load_weights, sha256_of, write_weights

_LARGEST = 6e4  # of what 16 bits can hold


def write_packed(source: Path, target: Path) -> None:
    """Write a copy of a weights file in float16; what runs it computes in float32 as before.

    Raises:
        ValueError: The file is not one of a training, or a number does not fit into 16 bits.
    """
    weights = load_weights(str(source))
    if weights is None or 'training' not in weights.meta:
        raise ValueError(f'{source}: expected weights that `vis_ros train` wrote')
    tensors = {}
    for name, value in weights.tensors.items():
        if value.is_floating_point():
            if float(value.abs().max()) > _LARGEST:
                raise ValueError(f'{source}: {name}: {float(value.abs().max())} is too large')
            value = value.to(torch.float16)
        tensors[name] = value
    write_weights(target, tensors, weights.meta)


def packed_entry(name: str, path: Path) -> str:
    """Return the entry of `models/weights.yaml` for a file that `write_packed` wrote."""
    weights = load_weights(str(path))
    assert weights is not None
    meta = weights.meta
    training = meta['training']
    folders = ', '.join(training['recipe']['data.folders'])
    whole = 'tracker' if meta['method'].startswith('rgnnvis') else meta['method']
    stage = 'detector' if meta['part'] == 'detector' else whole
    entry = {
        'method': meta['method'],
        'part': meta['part'],
        'file': path.name,
        'sha256': sha256_of(path),
        'licence': 'Apache-2.0',
        'trained': f'vis_ros train {stage}, seed {training["seed"]}, step {training["step"]} of '
        f'{training["steps"]}, on {folders}; the whole recipe is in the file',
        'validation': training['validation'],
    }
    text: str = yaml.safe_dump({name: entry}, sort_keys=False, width=200)
    return text
