# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of `vis_msgs/InstanceMask` messages: checked, then decoded, measured or asked.

A message comes from somebody else's process, so each function checks it before it takes memory.
The crop is read row by row, background first; see `vis_msgs/msg/InstanceMask.msg`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vis_ros.ops import rle as run_lengths
from vis_ros.structures import Rle

MAX_PIXELS = 1 << 28
"""Largest crop or image that is decoded [px]: four times an image of 8k x 8k."""

ImageShape = tuple[int, int]
"""Rows and columns of the source image [px]."""


def read_mask(mask: Any, image_shape: ImageShape | None = None) -> Rle:
    """Return the run lengths of a message, checked; they are a copy.

    Args:
        mask: `vis_msgs/InstanceMask` of any host.
        image_shape: (height, width) of the source image, in which the crop must lie.

    Raises:
        ValueError: The runs do not add up to the crop, the crop has one side only, it reaches out
            of the image, or it is larger than MAX_PIXELS. The text names the value.
    """
    x, y, width, height = (int(getattr(mask, name)) for name in ('x', 'y', 'width', 'height'))
    if min(x, y, width, height) < 0:
        raise ValueError(f'mask: expected no negative number, got {width}x{height} at ({x}, {y})')
    if (width == 0) != (height == 0):
        raise ValueError(f'mask: expected no crop with one side only, got {width}x{height}')
    _check_size('mask', width, height)
    counts = _counts(mask.counts)
    if (total := int(counts.sum(dtype=np.int64))) != width * height:
        raise ValueError(
            f'mask.counts: expected a sum of {width} x {height} = {width * height}, got {total}'
        )
    if image_shape is not None:
        _check_inside(x, y, width, height, image_shape)
    return Rle(x, y, width, height, counts)


def _counts(values: Any) -> np.ndarray:
    counts = np.asarray(values)
    if counts.size == 0:
        return np.empty(0, np.uint32)
    if counts.ndim != 1 or counts.dtype.kind not in 'iu':
        raise ValueError(
            f'mask.counts: expected a sequence of integers, got {counts.dtype} '
            f'of shape {counts.shape}'
        )
    low, high = int(counts.min()), int(counts.max())
    if low < 0 or high >= 1 << 32:
        raise ValueError(f'mask.counts: expected values in [0, 2**32), got {low} to {high}')
    if counts.size > MAX_PIXELS:
        raise ValueError(f'mask.counts: expected at most {MAX_PIXELS} runs, got {counts.size}')
    return counts.astype(np.uint32)


def _check_size(what: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f'{what}: expected at most {MAX_PIXELS} pixels, got {width}x{height}')


def _check_inside(x: int, y: int, width: int, height: int, image_shape: ImageShape) -> None:
    rows, columns = image_shape
    if x + width > columns or y + height > rows:
        raise ValueError(
            f'mask: crop {width}x{height} at ({x}, {y}) reaches out of the {columns}x{rows} image'
        )


def decode_mask(mask: Any, image_shape: ImageShape | None = None) -> np.ndarray:
    """Return the pixels of a mask, True on the instance.

    Args:
        mask: `vis_msgs/InstanceMask` of any host, or run lengths that were read before.
        image_shape: (height, width) of the source image [px], for a mask as large as that image;
            None for the crop alone, whose first pixel is (mask.x, mask.y) of the source image.

    Returns:
        bool array (mask.height, mask.width), or of `image_shape`.

    Raises:
        ValueError: See `read_mask`; also when the image is larger than MAX_PIXELS or has a
            negative side.
    """
    if image_shape is None:
        return run_lengths.decode(read_mask(mask))
    height, width = (int(side) for side in image_shape)
    if min(height, width) < 0:
        raise ValueError(f'image_shape: expected no negative side, got {image_shape}')
    _check_size('image_shape', width, height)
    return run_lengths.to_dense(read_mask(mask, (height, width)), height, width)


def mask_area_px(mask: Any) -> int:
    """Return the number of pixels on the instance, without decoding.

    Raises:
        ValueError: See `read_mask`.
    """
    return read_mask(mask).area_px


def mask_contains(mask: Any, u: float, v: float) -> bool:
    """Return whether a point of the source image lies on the instance, without decoding.

    Args:
        mask: `vis_msgs/InstanceMask` of any host, or run lengths that were read before.
        u: Column [px]; pixel i spans [i, i + 1).
        v: Row [px].

    Raises:
        ValueError: See `read_mask`.
    """
    rle = mask if isinstance(mask, Rle) else read_mask(mask)
    if not (rle.x <= u < rle.x + rle.width and rle.y <= v < rle.y + rle.height):
        return False  # also where one of them is NaN
    at = (int(v) - rle.y) * rle.width + int(u) - rle.x
    run = int(np.searchsorted(np.cumsum(rle.counts, dtype=np.int64), at, side='right'))
    return run % 2 == 1


def overlap_px(rle: Rle, pixels: np.ndarray) -> int:
    """Return how many pixels of a mask are set in `pixels`.

    Args:
        rle: Run lengths that were read before.
        pixels: bool array (H, W), in the pixels of the source image; outside of it nothing is set.
    """
    window = pixels[rle.y : rle.y + rle.height, rle.x : rle.x + rle.width]
    if window.size == 0:
        return 0
    crop = run_lengths.decode(rle)
    return int(np.count_nonzero(crop[: window.shape[0], : window.shape[1]] & window))
