# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ways to run the dense parts of a network faster: shapes there only depend on the picture's.

What follows them, selections whose sizes depend on what is seen, stays outside by design: it would
be compiled anew all the time.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vis_ros.nn.cuda_graphs import RecordedCalls
from vis_ros.nn.weights import add_to_digest
from vis_ros.structures.options import option

ACCELERATORS = ('none', 'graphs', 'compile', 'tensorrt')
CACHE = 'VIS_ROS_CACHE'  # environment variable, folder of engines
_ENGINE_BYTES = 4 << 30  # of the engines of one network at most


class AccelerationWarning(RuntimeWarning):
    """What was asked for cannot be had here; the network runs as it is."""


def accelerate_option() -> str:
    """Return the option of a method or a detector."""
    chosen: str = option(
        'none',
        'How the dense parts of the network run. graphs: as CUDA graphs, and with them what else '
        'of a method has fixed sizes, such as the tracker of RGNNVIS; compile: torch.compile; '
        'tensorrt: Torch-TensorRT. All but compile need an NVIDIA GPU. The first frames of each '
        'size take seconds, or minutes if compiled, so set the sizes for the warm-up. Where it '
        'cannot be had there is a warning, and none is taken.',
        choices=ACCELERATORS,
        speed_only=True,
    )
    return chosen


def accelerate(model: nn.Module, parts: Sequence[str], how: str, device: torch.device) -> str:
    """Let the parts of a network be compiled or recorded, each when it is first called.

    Args:
        model: The network on its device, with its final parameters.
        parts: Names of modules; those that the network does not have are left out.
        how: One of `ACCELERATORS`.
        device: The network's.

    Returns:
        What is done: `how`, or `none` where there was a warning.

    Raises:
        ValueError: The accelerator is unknown.
    """
    if how not in ACCELERATORS:
        raise ValueError(f'accelerate: expected one of {", ".join(ACCELERATORS)}, got {how!r}')
    if how == 'none':
        return how
    if reason := _obstacle(how, device):
        text = f'accelerate: {how} cannot be had: {reason}. The network runs without it.'
        warnings.warn(text, AccelerationWarning, stacklevel=2)
        return 'none'
    known = dict(model.named_modules())
    for name in parts:
        if name in known and how == 'graphs':
            part: Any = known[name]
            part.forward = RecordedCalls(part.forward)
        elif name in known:
            known[name].compile(**_settings(how, known[name], name, device))
    return how


def _obstacle(how: str, device: torch.device) -> str:
    """Return why an accelerator cannot be had; nothing if it can."""
    if how == 'compile':
        return _compiler_fault(device)
    if device.type != 'cuda':
        return f'it needs an NVIDIA GPU, and the device is {device}'
    if how == 'tensorrt' and find_spec('torch_tensorrt') is None:
        return 'the package torch-tensorrt is not installed (pip install vis_ros[tensorrt])'
    return ''


@functools.cache
def _compiler_fault(device: torch.device) -> str:
    """Return what goes wrong when a small function is compiled: a compiler may be missing."""
    try:
        compiled = torch.compile(_small_function)
        compiled(torch.zeros(8, device=device))
    except Exception as error:
        lines = str(error).strip().splitlines() or ['']
        return f'{type(error).__name__}: {lines[0][:200]}'
    return ''


def _small_function(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x + 1) * 2


def _settings(how: str, part: nn.Module, name: str, device: torch.device) -> dict[str, Any]:
    """Return the arguments of `torch.compile`."""
    if how == 'compile':
        return {}
    import torch_tensorrt  # registers its backend

    folder = engine_folder(part, name, device, torch_tensorrt.__version__)
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        'use_explicit_typing': True,  # precision is that of the autocast around the call
        'min_block_size': 1,
        'immutable_weights': False,  # else there is no cache of engines
        'cache_built_engines': True,
        'reuse_cached_engines': True,
        'engine_cache_dir': str(folder),
        'engine_cache_size': _ENGINE_BYTES,
    }
    return {'backend': 'torch_tensorrt', 'dynamic': False, 'options': options}


def engine_folder(part: nn.Module, name: str, device: torch.device, version: str) -> Path:
    """Return where the engines of a part of a network are kept.

    Torch-TensorRT tells engines in a folder apart by graph, shapes and precision. Parameters, GPU
    and versions, of which it knows nothing, are in the folder's name.
    """
    home = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    root = Path(os.environ.get(CACHE) or home / 'vis_ros')
    gpu = torch.cuda.get_device_name(device)
    runtime = importlib.metadata.version('tensorrt')
    known = hashlib.sha256(repr((name, gpu, torch.__version__, version, runtime)).encode())
    add_to_digest(known, part.state_dict())
    return root / 'engines' / known.hexdigest()[:32]
