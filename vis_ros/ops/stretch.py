# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of cells stretched to the pixels of an image on a CPU, each only where it counts.

A stretched value lies between those of the cells around it: where none is above a threshold, no
pixel is. What is left is a window for each map, and two products of matrices, one for each axis,
in which any number of bilinear steps are one. They are torch's: those of NumPy have threads of
their own, which wait by keeping a core busy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vis_ros.structures.masks import CropMask

_PIECE = 16  # cells of a product of matrices, about: twice as many take longer, and so do half


class Axis:
    """How cells are stretched to pixels along an axis.

    Args:
        weights: float array (N, n), share of each cell in each pixel; at least one is above 0, and
            neither the first nor the last of those moves back from pixel to pixel.

    Attributes:
        weights: The same, a float32 tensor.
    """

    def __init__(self, weights: np.ndarray) -> None:
        is_used = weights > 0
        self._low = is_used.argmax(axis=1)
        self._high = weights.shape[1] - 1 - is_used[:, ::-1].argmax(axis=1)
        self.weights = torch.from_numpy(weights.astype(np.float32))

    def reach(self, is_set: np.ndarray) -> slice:
        """Return the pixels that some cells, bool (n,), reach: none where they are far fewer."""
        cells = np.flatnonzero(is_set)
        start = int(np.searchsorted(self._high, cells[0]))
        stop = int(np.searchsorted(self._low, cells[-1], side='right'))
        return slice(start, max(start, stop))

    def pieces(self, pixels: slice) -> Iterator[tuple[slice, slice]]:
        """Yield neighbouring pixels, a piece at a time, and the cells that reach them."""
        cells, length = self.cells(pixels), pixels.stop - pixels.start
        count = max(1, min((cells.stop - cells.start) // _PIECE, length))
        ends = (pixels.start + length * n // count for n in range(count + 1))
        for start, stop in itertools.pairwise(ends):
            piece = slice(start, stop)
            yield piece, self.cells(piece)

    def cells(self, pixels: slice) -> slice:
        """Return the cells that reach some neighbouring pixels, at least one."""
        return slice(int(self._low[pixels.start]), int(self._high[pixels.stop - 1]) + 1)


class Axes(NamedTuple):
    """Both axes of an image."""

    rows: Axis
    columns: Axis

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return len(self.rows.weights), len(self.columns.weights)


def axes(cells: tuple[int, int], size: tuple[int, int]) -> Axes:
    """Return how maps are stretched to an image: bilinear, half-pixel centres.

    Args:
        cells: Rows and columns of the maps.
        size: Rows and columns of the image.
    """
    return axes_through(cells, size, size, size)


@lru_cache(maxsize=16)
def axes_through(
    cells: tuple[int, int],
    padded: tuple[int, int],
    picture: tuple[int, int],
    source: tuple[int, int],
    *,
    is_aligned: bool = False,
) -> Axes:
    """Return how maps of a network's input are stretched to the image that lies in it.

    Args:
        cells: Rows and columns of the maps.
        padded: Those of the input.
        picture: Those of the input that the image takes, at its top left.
        source: Those of the image.
        is_aligned: Cell i lies at pixel i * factor + factor // 2 of the input, as in CondInst's
            code; otherwise the centres of cells are those of their pixels.
    """
    found = []
    for own, whole, kept, pixels in zip(cells, padded, picture, source, strict=True):
        weights = (_aligned if is_aligned else _bilinear)(own, whole)[:kept]
        found.append(Axis(weights if kept == pixels else _bilinear(kept, pixels) @ weights))
    return Axes(*found)


def neighbours(cells: int, pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two cells between which each pixel of an axis lies: half-pixel centres.

    Returns:
        Lower and upper cell, int64 (N,), the same at the ends; share of the upper, float32 (N,).
    """
    half, pixel = np.float32(0.5), np.arange(pixels, dtype=np.float32)  # as torch's
    return _between((pixel + half) * np.float32(cells / pixels) - half, cells)


def _between(where: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    where = where.clip(0, cells - 1)
    low = where.astype(np.int64)
    return low, (low + 1).clip(max=cells - 1), (where - low).astype(np.float32)


def _bilinear(cells: int, pixels: int) -> np.ndarray:
    return _weights(*neighbours(cells, pixels), cells)


def _aligned(cells: int, pixels: int) -> np.ndarray:
    factor = pixels // cells
    return _weights(*_between((np.arange(pixels) - factor // 2) / factor, cells), cells)


def _weights(low: np.ndarray, high: np.ndarray, share: np.ndarray, cells: int) -> np.ndarray:
    pixel = np.arange(len(low))
    weights = np.zeros((len(low), cells))
    weights[pixel, low] = 1 - share
    weights[pixel, high] += share
    return weights


def windows(
    maps: Tensor, axes: Axes, threshold: float
) -> Iterator[tuple[int, slice, slice, np.ndarray]]:
    """Yield the window of each map outside of which no pixel is above a threshold.

    Args:
        maps: float32 tensor (N, h, w) on the CPU.
        axes: How they are stretched.
        threshold: Maps without a cell above it are left out.

    Yields:
        Index of the map; rows and columns of the window; and float32 (rows, columns), what the map
        has there, valid until the next one.
    """
    is_above = (maps > threshold).numpy()
    memory = torch.empty(axes.size[0] * axes.size[1])
    for n in np.flatnonzero(is_above.any((1, 2))).tolist():
        y = axes.rows.reach(is_above[n].any(1))
        x = axes.columns.reach(is_above[n].any(0))
        shape = (y.stop - y.start, x.stop - x.start)
        pixels = memory[: shape[0] * shape[1]].view(shape)
        if pixels.numel():
            _stretch(maps[n], axes, y, x, pixels)
            yield n, y, x, pixels.numpy()


def _stretch(cells: Tensor, axes: Axes, y: slice, x: slice, out: Tensor) -> None:
    """Write what a map, float32 (h, w), has in a window, a few cells at a time."""
    rows, columns = axes
    reached = columns.cells(x)
    tall = torch.empty(y.stop - y.start, reached.stop - reached.start)
    for pixels, near in rows.pieces(y):
        part = tall[pixels.start - y.start : pixels.stop - y.start]
        torch.mm(rows.weights[pixels, near], cells[near, reached], out=part)
    for pixels, near in columns.pieces(x):
        part = tall[:, near.start - reached.start : near.stop - reached.start]
        weights = columns.weights[pixels, near]
        torch.mm(part, weights.T, out=out[:, pixels.start - x.start : pixels.stop - x.start])


def labels_of_highest(
    maps: Tensor, axes: Axes, background: float, labels: Sequence[int] = ()
) -> np.ndarray:
    """Return the label of the map that is the highest in each pixel.

    Args:
        maps: float32 tensor (N, h, w) on the CPU.
        axes: How they are stretched.
        background: Height of the background.
        labels: Those of the maps, N integers up to 32767; n + 1 for map n where none are given.

    Returns:
        uint8 array (H, W), int16 where labels are above 255: 0 for the background; the first of
        equals.
    """
    labels = labels or range(1, len(maps) + 1)
    image, best = _background(axes, labels), np.full(axes.size, background, np.float32)
    memory = np.empty(best.size, np.bool_)
    for n, y, x, values in windows(maps, axes, background):
        before = best[y, x]
        is_higher = memory[: values.size].reshape(values.shape)
        np.copyto(image[y, x], labels[n], where=np.greater(values, before, out=is_higher))
        np.maximum(before, values, out=before)
    return image


def labels_of_first(
    maps: Tensor, axes: Axes, threshold: float, labels: Sequence[int]
) -> np.ndarray:
    """Return the label of the first map that is above a threshold in each pixel.

    Args:
        maps: float32 tensor (N, h, w) on the CPU.
        axes: How they are stretched.
        threshold: A map counts above it.
        labels: Those of the maps, N integers from 1 up to 32767.

    Returns:
        As `labels_of_highest`.
    """
    image = _background(axes, labels)
    for n, y, x, values in windows(maps, axes, threshold):
        before = image[y, x]
        np.copyto(before, labels[n], where=(values > threshold) & (before == 0))
    return image


def masks_above(
    maps: Tensor, axes: Axes, threshold: float, *, is_inclusive: bool = False
) -> list[CropMask]:
    """Return the pixels of each map above a threshold, in a crop that may be larger than needed.

    Args:
        maps: float32 tensor (N, h, w) on the CPU.
        axes: How they are stretched.
        threshold: Pixels above it belong to a mask.
        is_inclusive: Pixels that have just this value do too.
    """
    limit = np.float32(threshold)
    if is_inclusive:
        limit = np.nextafter(limit, np.float32(-np.inf))
    found = [CropMask(0, 0, np.zeros((1, 1), np.bool_))] * len(maps)
    for n, y, x, values in windows(maps, axes, float(limit)):
        found[n] = CropMask(x.start, y.start, values > limit)
    return found


def _background(axes: Axes, labels: Sequence[int]) -> np.ndarray:
    return np.zeros(axes.size, np.uint8 if max(labels, default=0) < 256 else np.int16)
