# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IoU of tracks in space and time, and who is matched with whom.

Source: the official evaluator of YouTube-VIS (youtubevos/cocoapi, PythonAPI/pycocotools/
ytvoseval.py), whose figures these rules give; written anew, over whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.evaluation.coco_masks import Masks


def track_ious(results: Sequence[Masks], truths: Sequence[Masks]) -> np.ndarray:
    """Return the IoU of each result with each true track of one video.

    Intersections and unions are summed over all frames, then divided. A frame in which only one of
    the two has a mask adds to the union; an empty mask counts as none.

    Returns:
        float64 array (D, G) in [0, 1]; 0 where the union is empty.
    """
    intersections = np.zeros((len(results), len(truths)), dtype=np.int64)
    unions = _total_areas(results)[:, None] + _total_areas(truths)[None]
    length = max(map(len, (*results, *truths)), default=0)
    for frame in range(length):
        rows, row_masks = _present(results, frame)
        columns, column_masks = _present(truths, frame)
        if rows and columns:
            found = _intersections(row_masks, column_masks)
            intersections[np.ix_(rows, columns)] += found
    unions -= intersections
    return np.divide(
        intersections, unions, out=np.zeros(unions.shape, dtype=np.float64), where=unions > 0
    )


def _total_areas(tracks: Sequence[Masks]) -> np.ndarray:
    totals = [sum(mask.area_px for mask in masks if mask is not None) for masks in tracks]
    return np.asarray(totals, dtype=np.int64)


def _present(tracks: Sequence[Masks], frame: int) -> tuple[list[int], list]:
    """Return the positions of the tracks with pixels in a frame, and their masks."""
    found = [
        (index, mask)
        for index, masks in enumerate(tracks)
        if (mask := masks[frame]) is not None and mask.area_px > 0
    ]
    return [index for index, _ in found], [mask for _, mask in found]


def _intersections(rows: list, columns: list) -> np.ndarray:
    """Return the common pixels of masks that are not empty, int64 (D, G).

    pycocotools gives the IoU i / (a + b - i) in double precision, from which the integer i follows
    exactly.
    """
    ious = mask_utils.iou(
        [mask.to_coco() for mask in rows], [mask.to_coco() for mask in columns], [0] * len(columns)
    )
    areas = np.add.outer([mask.area_px for mask in rows], [mask.area_px for mask in columns])
    return np.rint(ious * areas / (1.0 + ious)).astype(np.int64)


def match(
    ious: np.ndarray, thresholds: np.ndarray, is_ignored: np.ndarray, is_crowd: np.ndarray
) -> np.ndarray:
    """Return the true track that each result takes.

    Results choose in order. Each takes the free track with the highest IoU of at least the
    threshold, the later one among equals; an ignored track only where no other fits. A crowd may
    be taken again and again.

    Args:
        ious: float64 (D, G), the rows in order of falling score.
        thresholds: float64 (T,), ascending.
        is_ignored: bool (A, G), for each of A ranges of tracks.
        is_crowd: bool (G,).

    Returns:
        int64 array (A, T, D), the position of the track, -1 without one.
    """
    ranges, count = is_ignored.shape
    limits = np.minimum(thresholds, 1 - 1e-10)
    matched = np.full((ranges, limits.size, len(ious)), -1, dtype=np.int64)
    is_taken = np.zeros((ranges, limits.size, count), dtype=np.bool_)
    if count == 0:
        return matched
    counted = ~is_ignored[:, None]  # (A, 1, G)
    for index in np.flatnonzero(ious.max(axis=1) >= limits[0]):
        fits = (ious[index] >= limits[:, None]) & (~is_taken | is_crowd)  # (A, T, G)
        better = fits & counted
        candidates = np.where(better.any(axis=2, keepdims=True), better, fits)
        values = np.where(candidates, ious[index], -1.0)[..., ::-1]
        best = count - 1 - values.argmax(axis=2)  # (A, T); the last of the highest
        best[~candidates.any(axis=2)] = -1
        matched[..., index] = best
        area, limit = np.nonzero(best >= 0)
        is_taken[area, limit, best[area, limit]] = True
    return matched
