# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks as COCO's run lengths, checked, in the one form that pycocotools counts with.

Runs go down the columns of the whole image and start with background. Files write them as a
compressed string, as a list of integers, or as polygons; here all are compressed strings without
empty runs, so that pycocotools may be trusted with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.evaluation.json_input import Item
from vis_ros.ops import rle as rle_ops
from vis_ros.structures import Rle


@dataclass(frozen=True, slots=True)
class CocoMask:
    """The mask of one object in one frame.

    Args:
        height: Rows of the image [px].
        width: Columns of the image [px].
        counts: Compressed run lengths.
        area_px: Number of pixels on the object.
    """

    height: int
    width: int
    counts: bytes
    area_px: int

    def to_coco(self) -> dict[str, Any]:
        """Return the form that pycocotools takes."""
        return {'size': [self.height, self.width], 'counts': self.counts}

    def to_json(self) -> dict[str, Any]:
        """Return the form that files hold."""
        return {'size': [self.height, self.width], 'counts': self.counts.decode('ascii')}


Masks = tuple[CocoMask | None, ...]
"""The masks of one track, one entry for each frame of the video; None where it is not there."""


def from_rle(rle: Rle, height: int, width: int) -> CocoMask:
    """Return the mask of run lengths of a crop.

    Raises:
        ValueError: The crop reaches out of the image of height x width, or the runs are wrong.
    """
    counts = rle_ops.to_coco(rle, height, width)['counts']
    return _pack(np.asarray(counts, dtype=np.int64), height, width)


def to_rle(mask: CocoMask) -> Rle:
    """Return the run lengths of the mask's crop."""
    counts = decode_counts(mask.counts).tolist()
    return rle_ops.from_coco({'size': [mask.height, mask.width], 'counts': counts})


def boxes(masks: Sequence[CocoMask]) -> np.ndarray:
    """Return the tight boxes of masks that are not empty.

    Returns:
        int64 array (N, 4): x, y, width, height in pixels.
    """
    if not masks:
        return np.zeros((0, 4), dtype=np.int64)
    return np.rint(mask_utils.toBbox([mask.to_coco() for mask in masks])).astype(np.int64)


def read_mask(item: Item, height: int, width: int) -> CocoMask | None:
    """Return the mask that a file holds for one frame, None for null.

    Raises:
        DataError: It is none of COCO's forms, or not for an image of height x width.
    """
    if item.value is None:
        return None
    if isinstance(item.value, list):
        return _read_polygons(item, height, width)
    size = item.get('size')
    if size.value != [height, width]:
        size.fail(f"the video's height and width [{height}, {width}]")
    counts = item.get('counts')
    if isinstance(counts.value, str):
        try:
            text = counts.value.encode('ascii')
            runs = decode_counts(text)
        except ValueError as error:
            counts.fail(f'compressed run lengths ({error})')
    elif isinstance(counts.value, list):
        if not all(type(value) is int and value >= 0 for value in counts.value):
            counts.fail('integers of 0 or more')
        text, runs = None, np.asarray(counts.value, dtype=np.int64)
    else:
        counts.fail('a compressed string or a list of integers')
    if runs.size == 0 or int(runs.min()) < 0 or int(runs.sum()) != height * width:
        counts.fail(f'run lengths with a sum of {height} x {width} = {height * width}')
    return _pack(runs, height, width, text)


def decode_counts(text: bytes) -> np.ndarray:
    """Return the run lengths of a compressed string.

    Each number is written in groups of 5 bits, the lowest first, each with a bit that says whether
    another one follows; the last group carries the sign. From the fourth number on, they are
    differences from the number two places before.

    Returns:
        int64 array (R,); whether they make sense is not checked.

    Raises:
        ValueError: It is no such string.
    """
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        raise ValueError('the string is empty')
    if codes.min() < 0 or codes.max() > 63:
        raise ValueError('a character is outside of the code')
    goes_on = (codes & 32) != 0
    if goes_on[-1]:
        raise ValueError('the string ends within a number')
    ends = np.flatnonzero(~goes_on)
    starts = np.concatenate(((0,), ends[:-1] + 1))
    lengths = ends - starts + 1
    if int(lengths.max()) > 8:
        raise ValueError('a number is too long')
    group = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * group), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _pack(runs: np.ndarray, height: int, width: int, text: bytes | None = None) -> CocoMask:
    """Return a mask of checked runs; `text` is their compressed string where it is known."""
    area_px = int(runs[1::2].sum())
    if text is None or (runs[1:] == 0).any():
        plain = {'size': [height, width], 'counts': _without_empty_runs(runs).tolist()}
        text = mask_utils.frPyObjects(plain, height, width)['counts']
    return CocoMask(height, width, text, area_px)


def _without_empty_runs(runs: np.ndarray) -> np.ndarray:
    """Return the same pixels in runs of which only the first may be empty."""
    is_foreground = np.arange(runs.size) % 2 == 1
    runs, is_foreground = runs[runs > 0], is_foreground[runs > 0]
    first = np.flatnonzero(np.concatenate(((True,), is_foreground[1:] != is_foreground[:-1])))
    joined = np.add.reduceat(runs, first)
    return np.concatenate(((0,), joined)) if is_foreground[0] else joined


def _read_polygons(item: Item, height: int, width: int) -> CocoMask:
    polygons = [[point.number() for point in polygon.items()] for polygon in item.items()]
    if not polygons or any(len(points) < 6 or len(points) % 2 for points in polygons):
        item.fail('polygons with x and y of three points or more')
    parts = mask_utils.frPyObjects(polygons, height, width)
    runs = decode_counts(mask_utils.merge(parts)['counts'])
    return _pack(runs, height, width)
