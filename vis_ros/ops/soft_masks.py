# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks from maps of probabilities that cover the image at a resolution of their own."""

import math

import numpy as np

from vis_ros.structures.masks import CropMask


def paste_mask(soft: np.ndarray, size: tuple[int, int], threshold: float) -> CropMask:
    """Return a mask in the source image, in a crop of its own, which may be empty.

    The pixels are those of the whole map scaled to the image (bilinear, half-pixel centres) and
    then compared with the threshold, without a whole image for each mask.

    Args:
        soft: float32 array (h, w), probabilities.
        size: Rows and columns of the source image.
        threshold: Pixels above this probability belong to the mask.
    """
    is_inside = soft > threshold
    rows, columns = np.flatnonzero(is_inside.any(axis=1)), np.flatnonzero(is_inside.any(axis=0))
    if not len(rows):
        return CropMask(0, 0, np.zeros((1, 1), np.bool_))
    top, upper, lower, y = _samples(rows[0], rows[-1], soft.shape[0], size[0])
    left, first, second, x = _samples(columns[0], columns[-1], soft.shape[1], size[1])
    across = soft[:, first] * (1 - x) + soft[:, second] * x  # (h, columns of the crop)
    values = across[upper] * (1 - y[:, None]) + across[lower] * y[:, None]
    return CropMask(left, top, values > threshold)


def _samples(
    low: int, high: int, count: int, length: int
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Return where cells `low` to `high` of `count` lie among the `length` pixels of a side.

    Returns:
        First pixel that may be of the mask; and for it and all that follow up to the last: the two
        cells, int64, between which it lies, and the share of the second, float32.
    """
    scale = length / count
    start = max(math.floor((low - 0.5) * scale - 0.5), 0)
    stop = min(math.ceil((high + 1.5) * scale - 0.5) + 1, length)
    place = np.maximum((np.arange(start, stop) + 0.5) / scale - 0.5, 0.0)
    first = np.minimum(place.astype(np.int64), count - 1)
    second = np.minimum(first + 1, count - 1)
    return start, first, second, (place - first).astype(np.float32)
