# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Dense masks in crops of the source image."""

from collections.abc import Sequence

import numpy as np

from vis_ros.structures.masks import CropMask


def tight_box(mask: CropMask) -> tuple[float, float, float, float]:
    """Return the xyxy box [px] of a mask that encloses exactly its pixels; zeros for no pixel."""
    rows = np.flatnonzero(mask.pixels.any(axis=1))
    if rows.size == 0:
        return (0.0, 0.0, 0.0, 0.0)
    columns = np.flatnonzero(mask.pixels.any(axis=0))
    return (
        float(mask.x + columns[0]),
        float(mask.y + rows[0]),
        float(mask.x + columns[-1] + 1),
        float(mask.y + rows[-1] + 1),
    )


def iou_matrix(a: Sequence[CropMask | None], b: Sequence[CropMask]) -> np.ndarray:
    """Return the intersection over union of masks, float32 (N, M) in [0, 1].

    Only pairs whose crops overlap are looked at. A missing mask, and two masks without a pixel,
    give 0.
    """
    result = np.zeros((len(a), len(b)), dtype=np.float32)
    if not len(a) or not len(b):
        return result
    spans_a, spans_b = _spans(a), _spans(b)
    low = np.maximum(spans_a[:, None, :2], spans_b[None, :, :2])
    high = np.minimum(spans_a[:, None, 2:], spans_b[None, :, 2:])
    areas_a = [0 if mask is None else mask.area_px for mask in a]
    areas_b = [mask.area_px for mask in b]
    for i, j in np.argwhere((high > low).all(axis=2)):
        first, second = a[i], b[j]
        assert first is not None  # its span is empty otherwise
        inter = _overlap(first, second, low[i, j], high[i, j])
        union = areas_a[i] + areas_b[j] - inter
        result[i, j] = inter / union if union else 0.0
    return result


def _spans(masks: Sequence[CropMask | None]) -> np.ndarray:
    spans = [
        (0, 0, 0, 0)
        if mask is None
        else (mask.x, mask.y, mask.x + mask.pixels.shape[1], mask.y + mask.pixels.shape[0])
        for mask in masks
    ]
    return np.array(spans, dtype=np.int64)


def _overlap(a: CropMask, b: CropMask, low: np.ndarray, high: np.ndarray) -> int:
    def part(mask: CropMask) -> np.ndarray:
        return mask.pixels[low[1] - mask.y : high[1] - mask.y, low[0] - mask.x : high[0] - mask.x]

    return int(np.count_nonzero(part(a) & part(b)))
