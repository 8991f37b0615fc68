# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tight boxes of the objects of label maps, and label maps of masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_OBJECTS = 254
"""Most objects of one video: labels are bytes, 0 is no object, 255 is kept free."""


def label_boxes(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tight boxes of all objects in all frames.

    Works on runs of equal labels along the rows, of which there are few, not on pixels.

    Args:
        labels: uint8 array (T, H, W), 0 for none, j + 1 for object j.
        count: Number of objects J.

    Returns:
        int64 array (T, J, 4), xyxy, pixel i spans [i, i + 1), 0 where there is no pixel; bool
        array (T, J), whether there is one.

    Raises:
        ValueError: A label is above `count`.
    """
    frames, height, width = labels.shape
    is_start = np.empty((frames * height, width), np.bool_)
    rows = labels.reshape(frames * height, width)
    is_start[:, :1] = True
    np.not_equal(rows[:, 1:], rows[:, :-1], out=is_start[:, 1:])
    start = np.flatnonzero(is_start)
    end = np.append(start[1:], labels.size)[: start.size]  # a run ends with its row at the latest
    owner = labels.ravel()[start].astype(np.int64)
    if owner.size and owner.max() > count:
        raise ValueError(f'labels: expected at most {count}, got {owner.max()}')
    start, end, owner = start[owner > 0], end[owner > 0], owner[owner > 0]
    row = start // width
    place = row // height * count + owner - 1
    boxes = np.zeros((4, frames * count), np.int64)
    boxes[:2] = max(height, width)
    np.minimum.at(boxes[0], place, start - row * width)
    np.minimum.at(boxes[1], place, row % height)
    np.maximum.at(boxes[2], place, end - row * width)
    np.maximum.at(boxes[3], place, row % height + 1)
    is_visible = boxes[2] > 0
    boxes *= is_visible
    return boxes.T.reshape(frames, count, 4), is_visible.reshape(frames, count)


def paint_labels(masks: Sequence[tuple[int, np.ndarray]], height: int, width: int) -> np.ndarray:
    """Return the label map of masks; where they overlap, the smaller object lies on top.

    Args:
        masks: Object j and its mask, bool or uint8 (H, W), in any order. Of two masks of equal
            area the later one lies on top.
        height: Rows [px].
        width: Columns [px].

    Returns:
        uint8 array (H, W), 0 for none, j + 1 for object j.
    """
    labels = np.zeros((height, width), np.uint8)
    for owner, mask in sorted(masks, key=lambda item: -np.count_nonzero(item[1])):
        np.copyto(labels, np.uint8(owner + 1), where=mask.astype(np.bool_, copy=False))
    return labels
