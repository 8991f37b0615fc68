# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Python door: a method by its name."""

from __future__ import annotations

import difflib
from typing import Any

import torch

from vis_ros.methods import METHODS, Method
from vis_ros.pipeline.weights import load_weights, shipped_for
from vis_ros.structures.options import build_config


def build_method(
    name: str, *, weights: str | None = None, device: str = 'cpu', **config: Any
) -> Method:
    """Return a method, ready to run.

    Args:
        name: Registered name, such as `deepsort`; `vis_ros methods` lists them.
        weights: Path or name of its weights, see `vis_ros.pipeline.weights`; None or empty for
            methods without any, and for those that ship with weights.
        device: `cpu`, `cuda` or `cuda:N`.
        config: Options of the method: nested (`memory={'capacity': 32}`) or flat
            (`**{'memory.capacity': 32}`).

    Raises:
        ValueError: The name, an option, the device or the weights are not right; the text names
            the value and what was expected.
    """
    method_class = find_method(name)
    options: Any = build_config(method_class.Config, config)
    check_device(device)
    needs_weights = method_class.needs_weights(options)
    loaded = load_weights(weights or (shipped_for(name) if needs_weights else ''))
    if loaded is None and needs_weights:
        raise ValueError(
            f'weights: {name!r} with this configuration needs trained weights. Give the path of a '
            'file, a name of models/weights.yaml, or torchvision:ENUM.NAME (see docs/weights.md).'
        )
    return method_class(options, weights=loaded, device=device)


def find_method(name: str) -> type[Method]:
    """Return the class of a registered method.

    Raises:
        ValueError: No method has that name; the text lists the known ones.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=1)
        hint = f'did you mean {near[0]!r}? ' if near else ''
        raise ValueError(f'method: {name!r} is unknown; {hint}known: {", ".join(sorted(METHODS))}')
    return METHODS[name]


def check_device(device: str) -> None:
    """Check that torch can use a device.

    Raises:
        ValueError: It is no device, or this machine does not have it.
    """
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f'device: expected cpu, cuda or cuda:N, got {device!r}') from error
    if wanted.type == 'cuda':
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= count:
            raise ValueError(f'device: {device!r} is not there; torch sees {count} CUDA devices')
    elif wanted.type != 'cpu':
        raise ValueError(f'device: expected cpu, cuda or cuda:N, got {device!r}')
