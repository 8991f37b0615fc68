# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Colour histograms of masked objects: an appearance that needs no network."""

import itertools

import cv2
import numpy as np

from vis_ros.structures.masks import CropMask

_BINS = (12, 4, 4)  # hue, saturation, value
_BANDS = 2  # upper and lower half of the object are described apart
HISTOGRAM_SIZE = _BANDS * _BINS[0] * _BINS[1] * _BINS[2]


def colour_histogram(image: np.ndarray, mask: CropMask) -> np.ndarray:
    """Return the colours of an object as a vector of unit length.

    The scalar product of two such vectors is the mean Bhattacharyya coefficient of their bands:
    1 for equal colours, 0 for colours without overlap.

    Args:
        image: uint8 array (H, W, 3), RGB.
        mask: Mask of the object in the image.

    Returns:
        float32 array (HISTOGRAM_SIZE,), not negative, L2 norm 1; zeros for an empty mask.
    """
    height, width = mask.pixels.shape
    crop = image[mask.y : mask.y + height, mask.x : mask.x + width]
    hsv = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2HSV)
    pixels = mask.pixels.view(np.uint8)
    edges = np.linspace(0, height, _BANDS + 1).round().astype(int)
    bands = [
        _band(hsv[top:bottom], pixels[top:bottom]) for top, bottom in itertools.pairwise(edges)
    ]
    vector = np.concatenate(bands)
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 0 else vector


def _band(hsv: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    size = _BINS[0] * _BINS[1] * _BINS[2]
    if hsv.size == 0 or not pixels.any():
        return np.zeros(size, np.float32)
    limits = [0, 180, 0, 256, 0, 256]
    counts = cv2.calcHist(
        [np.ascontiguousarray(hsv)], [0, 1, 2], np.ascontiguousarray(pixels), _BINS, limits
    ).reshape(-1)
    return np.sqrt(counts / counts.sum()).astype(np.float32)
