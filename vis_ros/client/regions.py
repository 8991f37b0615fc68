# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of the image that a planner asks about: a box, a polygon, or any mask.

A track lies in a region by the share of its pixels that do. A LOST track has no pixels: then its
box stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vis_ros.client.masks import MAX_PIXELS, ImageShape, overlap_px
from vis_ros.client.record import TrackRecord


class Region(Protocol):
    """A part of the image."""

    def share_of(self, record: TrackRecord) -> float:
        """Return the share of the track that lies in the region, in [0, 1]."""


@dataclass(frozen=True)
class BoxRegion:
    """An upright box.

    Args:
        x_min: Left edge [px].
        y_min: Upper edge [px].
        x_max: Right edge [px], exclusive.
        y_max: Lower edge [px], exclusive.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def __post_init__(self) -> None:
        if not (self.x_min < self.x_max and self.y_min < self.y_max):
            raise ValueError(f'region: expected x_min < x_max and y_min < y_max, got {self}')

    def share_of(self, record: TrackRecord) -> float:
        """See `Region`; a pixel belongs to the region when its centre does."""
        if record.mask.area_px == 0:
            return _share_of_box(record, self)
        mask = record.mask
        columns = np.arange(mask.x, mask.x + mask.width) + 0.5
        rows = np.arange(mask.y, mask.y + mask.height) + 0.5
        is_column = (columns >= self.x_min) & (columns < self.x_max)
        is_row = (rows >= self.y_min) & (rows < self.y_max)
        inside = np.count_nonzero(record.pixels()[is_row][:, is_column])
        return float(inside / mask.area_px)


def _share_of_box(record: TrackRecord, region: BoxRegion) -> float:
    x_min, y_min, x_max, y_max = record.box
    area = (x_max - x_min) * (y_max - y_min)
    if area <= 0:
        return 0.0
    width = min(x_max, region.x_max) - max(x_min, region.x_min)
    height = min(y_max, region.y_max) - max(y_min, region.y_min)
    return max(0.0, width) * max(0.0, height) / area


class MaskRegion:
    """Any set of pixels of the source image.

    Args:
        pixels: bool array (H, W), True in the region, as large as the source image.

    Raises:
        ValueError: `pixels` has another type or shape.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        if pixels.dtype != np.bool_ or pixels.ndim != 2:
            raise ValueError(
                f'region: expected a bool array (H, W), got {pixels.dtype} '
                f'with shape {pixels.shape}'
            )
        self._pixels = pixels.copy()
        self._pixels.flags.writeable = False

    def share_of(self, record: TrackRecord) -> float:
        """See `Region`.

        Raises:
            ValueError: The source image has another size than the region.
        """
        return _share_of_pixels(record, self._pixels)


class PolygonRegion:
    """The inside of a polygon, by the even-odd rule; it may be concave or cross itself.

    Its pixels are found once for each size of the source image.

    Args:
        points: Corners (x, y) [px], at least three; they may lie outside of the image.

    Raises:
        ValueError: There are fewer than three corners, or one is not finite.
    """

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        corners = np.asarray(points, np.float64)
        if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != 2:
            raise ValueError(f'region: expected three points (x, y) or more, got {points}')
        if not np.isfinite(corners).all():
            raise ValueError(f'region: expected finite points, got {points}')
        self._corners = corners
        self._drawn: tuple[ImageShape, np.ndarray] | None = None  # of the latest image size

    def share_of(self, record: TrackRecord) -> float:
        """See `Region`; a pixel belongs to the region when its centre does."""
        drawn = self._drawn
        if drawn is None or drawn[0] != record.image_shape:
            drawn = self._drawn = (record.image_shape, self.pixels(record.image_shape))
        return _share_of_pixels(record, drawn[1])

    def pixels(self, image_shape: ImageShape) -> np.ndarray:
        """Return the region in an image of (height, width) as a bool array.

        Raises:
            ValueError: The image is too large.
        """
        height, width = image_shape
        if height * width > MAX_PIXELS:
            raise ValueError(f'image: expected at most {MAX_PIXELS} pixels, got {width}x{height}')
        columns = np.arange(width) + 0.5
        rows = np.arange(height) + 0.5
        inside = np.zeros((height, width), np.bool_)
        for start, end in zip(self._corners, np.roll(self._corners, -1, axis=0), strict=True):
            crossed = (start[1] <= rows) != (end[1] <= rows)
            if not crossed.any():
                continue
            slope = (end[0] - start[0]) / (end[1] - start[1])
            at = start[0] + slope * (rows[crossed] - start[1])  # where the edge cuts each row
            inside[crossed] ^= columns[None, :] >= at[:, None]
        return inside


def _share_of_pixels(record: TrackRecord, pixels: np.ndarray) -> float:
    if pixels.shape != record.image_shape:
        raise ValueError(
            f'region: expected pixels of the source image {record.image_shape}, got {pixels.shape}'
        )
    if (area := record.mask.area_px) > 0:
        return overlap_px(record.mask, pixels) / area
    height, width = pixels.shape
    x_min, x_max = (math.floor(min(max(x, 0), width)) for x in (record.box[0], record.box[2]))
    y_min, y_max = (math.floor(min(max(y, 0), height)) for y in (record.box[1], record.box[3]))
    window = pixels[y_min:y_max, x_min:x_max]
    return float(window.mean()) if window.size else 0.0
