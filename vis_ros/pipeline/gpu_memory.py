# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What to do when a GPU has no memory left: give back all that the failed frame held."""

from __future__ import annotations

import traceback

import torch


def free_gpu_memory(error: BaseException) -> None:
    """Give the memory of a failed frame back to the device, where it ran out of memory.

    The error's traceback keeps every tensor of the functions that failed; their local variables
    are cleared, and then torch's cache is emptied, so that the next frame, and other processes on
    the same GPU, find the memory free. Other errors are left alone: emptying the cache waits for
    the device.

    Args:
        error: What the method raised.
    """
    if isinstance(error, torch.cuda.OutOfMemoryError):
        traceback.clear_frames(error.__traceback__)
        torch.cuda.empty_cache()  # does nothing where no GPU was used
