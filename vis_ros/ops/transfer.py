# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Between host and device: one copy up, one copy down, and constants that are up already.

A copy from pageable memory, and each `torch.tensor(..., device=...)`, makes the host wait for all
that the device was given before. So a step uses these instead.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def upload(array: np.ndarray, device: torch.device) -> Tensor:
    """Return a copy of an array on a device; on a GPU through pinned memory, without waiting."""
    if device.type == 'cpu':
        return torch.from_numpy(array.copy())  # torch takes none that must not be written to
    dtype = torch.from_numpy(np.empty(0, array.dtype)).dtype
    staged = torch.empty(array.shape, dtype=dtype, pin_memory=device.type == 'cuda')
    np.copyto(staged.numpy(), array)
    return staged.to(device, non_blocking=True)


def download(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return tensors of one device as arrays: views of those on the host, else in one copy.

    Args:
        tensors: Of any shapes and dtypes, at least one.
    """
    if all(tensor.is_cpu for tensor in tensors.values()):
        return {name: tensor.numpy() for name, tensor in tensors.items()}
    return unpacked(packed(tensors).cpu().numpy(), tensors)


def packed(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return the bytes of tensors of one device one after the other, uint8 (n,)."""
    parts = [tensors[name].reshape(-1).view(torch.uint8) for name in _order(tensors)]
    return torch.cat(parts)


def unpacked(host: np.ndarray, like: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return views of what `packed` made of some tensors; only their forms are looked at."""
    found, start = {}, 0
    for name in _order(like):
        tensor = like[name]
        end = start + tensor.numel() * tensor.element_size()
        dtype = torch.empty(0, dtype=tensor.dtype).numpy().dtype
        found[name] = host[start:end].view(dtype).reshape(tensor.shape)
        start = end
    return found


def _order(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return names, those of the widest dtypes first: each begins at a multiple of its width."""
    return sorted(tensors, key=lambda name: -tensors[name].element_size())


def constant(values: tuple[Any, ...], like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return numbers as a tensor on the device of another one; made once, nobody may write to it.

    Args:
        values: Numbers, or tuples of numbers.
        like: Gives the device.
        dtype: None for that of `like`.
    """
    if torch.compiler.is_compiling():  # what is traced now has no values, and is not for later
        return torch.tensor(values, dtype=dtype or like.dtype, device=like.device)
    return _constant(values, dtype or like.dtype, like.device)


@functools.lru_cache(maxsize=256)
def _constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # or no training could use it
        return torch.tensor(values, dtype=dtype, device=device)
