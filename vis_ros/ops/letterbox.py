# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The transform between a source image and a network's input, with its inverse."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Scales an image into a fixed size, keeping its shape, and pads the rest.

    The picture sits at the top left, so that padding is only to the right and below. Geometry maps
    by the exact scale of the resized picture along each axis (the rounded size over the source
    size), so that forward and inverse agree for odd sizes too.

    Args:
        source_height: Rows of the source image.
        source_width: Columns of the source image.
        height: Rows of the network's input.
        width: Columns of the network's input.

    Raises:
        ValueError: A size is below 1.
    """

    source_height: int
    source_width: int
    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ('source_height', 'source_width', 'height', 'width'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}: expected 1 or more, got {getattr(self, name)}')

    @property
    def picture_size(self) -> tuple[int, int]:
        """Rows and columns of the picture inside the input, without the padding."""
        scale = min(self.height / self.source_height, self.width / self.source_width)
        return (
            min(self.height, max(1, round(self.source_height * scale))),
            min(self.width, max(1, round(self.source_width * scale))),
        )

    @property
    def scale_xy(self) -> np.ndarray:
        """float64 array (2,): input pixels per source pixel along x and y."""
        rows, columns = self.picture_size
        return np.array([columns / self.source_width, rows / self.source_height])

    def image(self, image: np.ndarray, *, fill: int = 114) -> np.ndarray:
        """Return the uint8 input (height, width, 3) of a source image (H, W, 3).

        Raises:
            ValueError: The image has another size than the transform was made for.
        """
        if image.shape[:2] != (self.source_height, self.source_width):
            raise ValueError(
                f'image: expected {self.source_height} x {self.source_width}, got {image.shape}'
            )
        rows, columns = self.picture_size
        out = np.full((self.height, self.width, image.shape[2]), fill, dtype=np.uint8)
        if (rows, columns) == image.shape[:2]:
            out[:rows, :columns] = image
        else:
            shrinks = rows < image.shape[0]
            method = cv2.INTER_AREA if shrinks and rows * 3 < image.shape[0] else cv2.INTER_LINEAR
            out[:rows, :columns] = cv2.resize(image, (columns, rows), interpolation=method)
        return out

    def boxes_to_input(self, boxes: np.ndarray) -> np.ndarray:
        """Return xyxy boxes (N, 4) of the source image in pixels of the input."""
        return (boxes * np.tile(self.scale_xy, 2)).astype(boxes.dtype)

    def boxes_to_source(self, boxes: np.ndarray) -> np.ndarray:
        """Return xyxy boxes (N, 4) of the input in pixels of the source image, clipped to it."""
        limit = np.array([self.source_width, self.source_height] * 2, np.float64)
        return np.clip(boxes / np.tile(self.scale_xy, 2), 0, limit).astype(boxes.dtype)

    def mask_to_source(self, mask: np.ndarray) -> np.ndarray:
        """Return a soft mask of the input, float32 (h', w'), at the source size.

        The mask may have any resolution that covers the input, such as a quarter of it.
        """
        rows, columns = self.picture_size
        mask_rows = max(1, round(rows * mask.shape[0] / self.height))
        mask_columns = max(1, round(columns * mask.shape[1] / self.width))
        return cv2.resize(
            np.ascontiguousarray(mask[:mask_rows, :mask_columns]),
            (self.source_width, self.source_height),
            interpolation=cv2.INTER_LINEAR,
        )
