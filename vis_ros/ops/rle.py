# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run lengths of instance masks: the form that travels, and the way to COCO's and back.

Ours are row-major and cover the tight box of the mask; COCO's are column-major and cover the whole
image. Both start with a background run.
"""

from typing import Any

import numpy as np

from vis_ros.structures.masks import CropMask, Rle


def encode(pixels: np.ndarray, *, x: int = 0, y: int = 0) -> Rle:
    """Return the run lengths of a mask, cropped to its tight box.

    Args:
        pixels: bool array (h, w).
        x: Column of `pixels[:, 0]` in the source image [px].
        y: Row of `pixels[0]` in the source image [px].

    Returns:
        The run lengths; `Rle()` where no pixel is set.
    """
    if not pixels.size:
        return Rle()
    top, bottom = _extent(np.logical_or.reduce(pixels, axis=1))
    if top == bottom:
        return Rle()
    left, right = _extent(np.logical_or.reduce(pixels, axis=0))
    crop = np.ascontiguousarray(pixels[top:bottom, left:right])
    return Rle(x + left, y + top, right - left, bottom - top, _runs(crop.reshape(-1)))


def _extent(is_set: np.ndarray) -> tuple[int, int]:
    """Return the first and one past the last of what is set in a bool vector; zeros if nothing."""
    first = int(is_set.argmax())
    return (first, is_set.size - int(is_set[::-1].argmax())) if is_set[first] else (0, 0)


def _runs(flat: np.ndarray) -> np.ndarray:
    """Return the lengths of the runs of a non-empty bool vector, background first."""
    before = (flat[1:] != flat[:-1]).nonzero()[0]  # last pixels of all runs but the last one
    skips = int(flat[0])  # the background's first run has no pixel then
    counts = np.zeros(skips + before.size + 1, np.uint32)
    runs = counts[skips:]
    if not before.size:
        runs[0] = flat.size
        return counts
    runs[0] = before[0] + 1
    np.subtract(before[1:], before[:-1], out=runs[1:-1], casting='unsafe')
    runs[-1] = flat.size - 1 - before[-1]
    return counts


def decode(rle: Rle) -> np.ndarray:
    """Return the crop of the run lengths as a bool array (rle.height, rle.width).

    Raises:
        ValueError: The runs do not add up to the crop.
    """
    counts = rle.counts.astype(np.int64)
    if (total := int(counts.sum())) != rle.width * rle.height:
        raise ValueError(
            f'counts: expected a sum of {rle.width} x {rle.height} = {rle.width * rle.height}, '
            f'got {total}'
        )
    is_foreground = np.arange(counts.size) % 2 == 1
    return np.repeat(is_foreground, counts).reshape(rle.height, rle.width)


def to_crop(rle: Rle) -> CropMask:
    """Return the dense mask of the run lengths."""
    return CropMask(rle.x, rle.y, decode(rle))


def from_crop(mask: CropMask) -> Rle:
    """Return the run lengths of a dense mask."""
    return encode(mask.pixels, x=mask.x, y=mask.y)


def to_dense(rle: Rle, height: int, width: int) -> np.ndarray:
    """Return the mask in the whole image as a bool array (height, width).

    Raises:
        ValueError: The crop reaches out of the image.
    """
    if rle.x < 0 or rle.y < 0 or rle.x + rle.width > width or rle.y + rle.height > height:
        raise ValueError(
            f'crop {rle.width}x{rle.height} at ({rle.x}, {rle.y}) reaches out of the '
            f'{width}x{height} image'
        )
    image = np.zeros((height, width), dtype=np.bool_)
    image[rle.y : rle.y + rle.height, rle.x : rle.x + rle.width] = decode(rle)
    return image


def to_coco(rle: Rle, height: int, width: int) -> dict[str, Any]:
    """Return COCO's uncompressed run lengths of the mask in an image of height x width.

    Returns:
        `{'size': [height, width], 'counts': [...]}`, as `pycocotools.mask.frPyObjects` takes it.

    Raises:
        ValueError: The crop reaches out of the image.
    """
    if rle.area_px == 0:
        return {'size': [height, width], 'counts': [height * width]}
    if min(rle.x, rle.y) < 0 or rle.x + rle.width > width or rle.y + rle.height > height:
        to_dense(rle, height, width)  # raises with the numbers
    by_column = decode(rle).T  # (w, h): each row is a column of the image
    padded = np.zeros((rle.width, rle.height + 2), dtype=np.int8)
    padded[:, 1:-1] = by_column
    column, edge = np.nonzero(np.diff(padded, axis=1))  # starts and ends of the runs, in turns
    positions = (rle.x + column) * height + rle.y + edge
    if rle.height == height:  # a run that reaches the bottom goes on at the next column's top
        joins = np.flatnonzero(positions[1:-1:2] == positions[2::2])
        positions = np.delete(positions, np.concatenate((2 * joins + 1, 2 * joins + 2)))
    counts = np.diff(positions, prepend=0, append=height * width)
    return {'size': [height, width], 'counts': _without_empty_tail(counts).tolist()}


def _without_empty_tail(counts: np.ndarray) -> np.ndarray:
    return counts[:-1] if counts[-1] == 0 else counts


def from_coco(coco: dict[str, Any]) -> Rle:
    """Return our run lengths of COCO's uncompressed ones.

    Args:
        coco: `{'size': [height, width], 'counts': list of int}`.

    Raises:
        ValueError: The runs do not add up to the size.
    """
    height, width = coco['size']
    transposed = Rle(0, 0, height, width, np.asarray(coco['counts'], dtype=np.uint32))
    return encode(decode(transposed).T)
