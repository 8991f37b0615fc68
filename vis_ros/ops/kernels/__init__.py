# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kernels of our own for GPUs, in Triton.

The modules of this folder need Triton. Import them inside functions, where `can_run` agrees.
"""

from __future__ import annotations

import functools
import warnings

import torch


class KernelWarning(RuntimeWarning):
    """Triton is there, but a kernel does not start; plain torch takes its place."""


def can_run(device: torch.device) -> bool:
    """Return whether the kernels run on a device: a GPU that Triton has code for.

    The first call for a GPU starts a kernel on trial, as Triton also needs a C compiler and
    Python's headers. Where that fails there is a `KernelWarning`, once. Without Triton there is
    none.
    """
    return device.type == 'cuda' and _starts(device)


@functools.lru_cache(maxsize=16)
def _starts(device: torch.device) -> bool:
    try:
        from vis_ros.ops.kernels.label_image import label_image
    except ImportError:
        return False
    try:
        label_image(torch.zeros(1, 2, 2, device=device), (2, 2), 0.0)
    except Exception as error:  # of many kinds: compilers, drivers, old GPUs
        text = f'own kernels cannot run on {device}: {error}. Plain torch takes their place.'
        warnings.warn(text, KernelWarning, stacklevel=3)
        return False
    return True
