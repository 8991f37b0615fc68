# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes and run lengths of all instances of a label image, from one pass over its pixels."""

from __future__ import annotations

import numpy as np

from vis_ros.structures.masks import Rle


class LabelRuns:
    """The runs of a label image, owner by owner.

    A run is a piece of a row whose pixels have one owner. Whatever is asked for afterwards costs
    something for each run, and nothing for each pixel.

    Args:
        labels: Integer array (H, W): m + 1 for pixels of instance m, 0 for the background.
        count: Number of instances M; labels above it belong to nobody who is asked for.

    Attributes:
        boxes: int64 array (M, 4), tight boxes xyxy in pixels, pixel i spans [i, i + 1); zeros for
            instances without a pixel.
    """

    def __init__(self, labels: np.ndarray, count: int) -> None:
        width = labels.shape[1]
        flat = np.ascontiguousarray(labels).reshape(-1)
        marks = np.zeros(-(-flat.size // 8) * 8, np.bool_)
        is_start = marks[: flat.size]
        np.not_equal(flat[1:], flat[:-1], out=is_start[1:])
        is_start[:: max(width, 1)] = True  # no run goes on in the next row
        start = _set_places(marks)
        self._sort(start, flat[start], labels.shape, count)

    @classmethod
    def of_starts(
        cls, start: np.ndarray, owner: np.ndarray, size: tuple[int, int], count: int
    ) -> LabelRuns:
        """Return the runs of a label image of which only the starts are known.

        Args:
            start: Integer array (R,), pixel at which each run starts, ascending, row by row; a
                row begins with a start.
            owner: Integer array (R,), its label.
            size: Rows and columns of the image.
            count: Number of instances M.
        """
        runs = cls.__new__(cls)
        runs._sort(start.astype(np.int64), owner, size, count)
        return runs

    def _sort(
        self, start: np.ndarray, owner: np.ndarray, size: tuple[int, ...], count: int
    ) -> None:
        """Bring the runs in order of their owners."""
        width = size[1]
        end = np.append(start[1:], size[0] * width) if start.size else start
        mine = np.flatnonzero((owner > 0) & (owner <= count))
        mine = mine[np.argsort(owner[mine], kind='stable')]
        self._first = np.searchsorted(owner[mine], np.arange(1, count + 2))
        self._row = start[mine] // max(width, 1)
        self._left = start[mine] - self._row * width
        self._right = self._left + end[mine] - start[mine]
        self.boxes = np.zeros((count, 4), np.int64)
        if present := np.flatnonzero(self._first[1:] > self._first[:-1]).tolist():
            first, last = self._first[present], self._first[1:][present] - 1
            self.boxes[present, 0] = np.minimum.reduceat(self._left, first)
            self.boxes[present, 1] = self._row[first]
            self.boxes[present, 2] = np.maximum.reduceat(self._right, first)
            self.boxes[present, 3] = self._row[last] + 1

    def rle(self, index: int) -> Rle:
        """Return the mask of an instance, `Rle()` without a pixel; as `rle.encode` would.

        Args:
            index: Of the instance, 0 for label 1.
        """
        x1, y1, x2, y2 = self.boxes[index].tolist()
        if x1 == x2:
            return Rle()
        runs = slice(self._first[index], self._first[index + 1])
        width, size = x2 - x1, (x2 - x1) * (y2 - y1)
        offset = (self._row[runs] - y1) * width - x1
        starts, ends = offset + self._left[runs], offset + self._right[runs]
        is_apart = starts[1:] > ends[:-1]  # else the run goes on in the next row of the crop
        edges = np.empty(2 * int(is_apart.sum()) + 4, np.int64)
        edges[0] = 0
        edges[1] = starts[0]
        edges[2:-2:2] = ends[:-1][is_apart]
        edges[3:-2:2] = starts[1:][is_apart]
        edges[-2] = ends[-1]
        edges[-1] = size
        counts = np.diff(edges[:-1] if ends[-1] == size else edges).astype(np.uint32)
        return Rle(x1, y1, width, y2 - y1, counts)


def _set_places(marks: np.ndarray) -> np.ndarray:
    """Return where a bool vector of a multiple of 8 is set; most eights have no mark."""
    eights = np.flatnonzero(marks.view(np.uint64) != 0)
    place = np.flatnonzero(marks.reshape(-1, 8)[eights])
    return eights[place >> 3] * 8 + (place & 7)
