# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures brought to one size without distortion."""

import cv2
import numpy as np


def fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the image scaled into width x height, centred, with black bars.

    Args:
        image: uint8 array (H, W, 3).
        width: Columns of the result [px].
        height: Rows of the result [px].

    Returns:
        uint8 array (height, width, 3); `image` itself where it has that size already.
    """
    rows, columns = image.shape[:2]
    if (rows, columns) == (height, width):
        return image
    scale = min(width / columns, height / rows)
    inner = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    part = canvas[top : top + inner[1], left : left + inner[0]]
    part[...] = cv2.resize(image, inner, interpolation=method)
    return canvas
