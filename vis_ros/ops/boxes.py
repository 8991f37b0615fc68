# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes: float32 xyxy in source-image pixels, where pixel i spans [i, i + 1)."""

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (N,) of boxes (N, 4) in px^2; 0 where a box is turned inside out."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the intersection over union (N, M) of boxes a (N, 4) and b (M, 4), in [0, 1].

    The value of two boxes without area is 0.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    inter = sides[..., 0] * sides[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def clip(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return boxes (N, 4) cut off at the borders of an image."""
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))


def to_cxcyah(boxes: np.ndarray) -> np.ndarray:
    """Return (centre x, centre y, width / height, height) of boxes (N, 4); heights must be > 0."""
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + size / 2
    return np.stack((centre[:, 0], centre[:, 1], size[:, 0] / size[:, 1], size[:, 1]), axis=1)


def from_cxcyah(values: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) xyxy; inverse of `to_cxcyah`."""
    half = np.stack((values[:, 2] * values[:, 3], values[:, 3]), axis=1) / 2
    return np.concatenate((values[:, :2] - half, values[:, :2] + half), axis=1)
