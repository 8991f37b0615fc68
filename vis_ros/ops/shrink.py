# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Large images as small ones on a CPU: only pixels that count are looked at."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from vis_ros.ops.stretch import neighbours

_MOST = 32767  # rows and columns that OpenCV can take pixels from
_NONE = np.empty(0, np.uint16)  # fractions of pixels


def can_shrink(source: tuple[int, int], size: tuple[int, int]) -> bool:
    """Return whether `shrunk` takes an image of so many rows and columns, and is worth it."""
    return 4 * size[0] * size[1] <= source[0] * source[1] and max(source) <= _MOST


def shrunk(image: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return what `functional.interpolate` does of an image: bilinear, no antialias.

    That looks at four pixels for each of its own, so an image that is much larger need not become
    floats as a whole, nor come into the caches.

    Args:
        image: uint8 array (H, W, C).
        size: Rows h and columns w.

    Returns:
        float32 tensor (h, w, C).
    """
    grid = _grid((image.shape[0], image.shape[1]), size, image.shape[2])
    (height, width), channels = size, image.shape[2]
    found = cv2.remap(image, grid.where, _NONE, cv2.INTER_NEAREST)  # (2h, 2w, C)
    x = torch.from_numpy(found).view(2 * height, 2 * width * channels).float()
    x = torch.lerp(x[:height], x[height:], grid.down)
    x = torch.lerp(x[:, : width * channels], x[:, width * channels :], grid.across)
    return x.view(height, width, channels)


class _Grid(NamedTuple):
    """Which pixels count.

    Args:
        where: int16 array (2h, 2w, 2), column and row: in its quarters are the neighbours at the
            upper left, upper right, lower left and lower right of all pixels.
        down: float32 tensor (h, 1), share of the lower neighbours.
        across: float32 tensor (w * C,), share of those at the right, for each channel.
    """

    where: np.ndarray
    down: Tensor
    across: Tensor


@lru_cache(maxsize=16)
def _grid(source: tuple[int, int], size: tuple[int, int], channels: int) -> _Grid:
    upper, lower, down = neighbours(source[0], size[0])
    left, right, across = neighbours(source[1], size[1])
    where = np.empty((2 * size[0], 2 * size[1], 2), np.int16)
    where[..., 0] = np.concatenate((left, right))
    where[..., 1] = np.concatenate((upper, lower))[:, None]
    shares = np.repeat(across, channels)
    return _Grid(where, torch.from_numpy(down)[:, None], torch.from_numpy(shares))
