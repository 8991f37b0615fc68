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
        marks = np.empty(flat.size // 8 * 8 + 8, np.bool_)
        marks[flat.size :] = False
        np.not_equal(flat[1:], flat[:-1], out=marks[1 : flat.size])
        marks[: flat.size + 1 : max(width, 1)] = True  # no run goes on in the next row
        bounds = _set_places(marks)
        self._sort(bounds, flat[bounds[:-1]], labels.shape, count)

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
        runs._sort(np.append(start, size[0] * size[1]).astype(np.int64), owner, size, count)
        return runs

    def _sort(
        self, bounds: np.ndarray, owner: np.ndarray, size: tuple[int, ...], count: int
    ) -> None:
        """Bring the runs in order of their owners.

        Args:
            bounds: int64 array (R + 1,), where each run starts, and how many pixels there are.
            owner: See `of_starts`.
            size: See `of_starts`.
            count: See `of_starts`.
        """
        width = size[1]
        order = np.argsort(owner, kind='stable')
        owner = owner[order]
        first = np.searchsorted(owner, np.arange(1, count + 2))
        mine, owner = order[first[0] : first[-1]], owner[first[0] : first[-1]]
        first -= first[0]  # (M + 1,), first run of each instance, and how many there are
        start, end = bounds[mine], bounds[mine + 1]
        row = start // max(width, 1)
        above = row * width
        self.boxes = np.zeros((count, 4), np.int64)
        present = np.flatnonzero(first[1:] > first[:-1])
        if present.size:
            begin = first[present]
            self.boxes[present, 0] = np.minimum.reduceat(start - above, begin)
            self.boxes[present, 1] = row[begin]
            self.boxes[present, 2] = np.maximum.reduceat(end - above, begin)
            self.boxes[present, 3] = row[first[present + 1] - 1] + 1
        x1, y1, wide = self.boxes[:, 0], self.boxes[:, 1], self.boxes[:, 2] - self.boxes[:, 0]
        # a crop lacks what is beside it in each row above, and what is above it
        index = owner - 1
        lacking = row * (width - wide)[index] + (y1 * wide + x1)[index]
        self._count(start - lacking, end - lacking, index, first, present)

    def _count(
        self,
        start: np.ndarray,
        end: np.ndarray,
        index: np.ndarray,
        first: np.ndarray,
        present: np.ndarray,
    ) -> None:
        """Write the run lengths of all instances, one after the other.

        Args:
            start: int64 array (R,), where each run starts in its instance's crop, instance by
                instance and ascending in each.
            end: int64 array (R,), where it ends there.
            index: Integer array (R,), its instance.
            first: int64 array (M + 1,), first run of each instance, and R.
            present: int64 array, instances with a run.
        """
        begins = np.ones(len(start) + 1, np.bool_)  # else it goes on with the row above it
        np.not_equal(start[1:], end[:-1], out=begins[1:-1])
        begins[first] = True
        piece = np.flatnonzero(begins)
        start, end = start[piece[:-1]], end[piece[1:] - 1]
        first = np.searchsorted(piece, first)
        gap = start.copy()
        gap[1:] -= end[:-1]
        gap[first[present]] = start[first[present]]
        after = 2 * first + np.arange(len(first))  # each has one more, for what is behind
        self._counts = np.zeros(after[-1], np.uint32)
        place = 2 * np.arange(len(start)) + index[piece[:-1]]
        self._counts[place], self._counts[place + 1] = gap, end - start
        sides = self.boxes[present, 2:] - self.boxes[present, :2]
        behind = sides[:, 0] * sides[:, 1] - end[first[present + 1] - 1]
        self._counts[after[present + 1] - 1] = behind
        self._begin, stop = after[:-1].tolist(), after[1:]
        stop[present] -= behind == 0
        self._stop = stop.tolist()

    def rle(self, index: int) -> Rle:
        """Return the mask of an instance, `Rle()` without a pixel; as `rle.encode` would.

        Args:
            index: Of the instance, 0 for label 1.
        """
        x1, y1, x2, y2 = self.boxes[index].tolist()
        if x1 == x2:
            return Rle()
        counts = self._counts[self._begin[index] : self._stop[index]]
        return Rle(x1, y1, x2 - x1, y2 - y1, counts)


def _set_places(marks: np.ndarray) -> np.ndarray:
    """Return where a bool vector of a multiple of 8 is set; most eights have no mark."""
    words = marks.view(np.uint64)
    eights = np.flatnonzero(words != 0)
    place = np.flatnonzero(words[eights].view(np.bool_))
    return eights[place >> 3] * 8 + (place & 7)
