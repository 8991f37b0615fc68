# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Position and extent of one mask, from the depths on it.

The steps: look at the mask and the depths on one grid of at most 4096 points; shrink the
mask, because depths at an object's outline belong to neither side; take the largest cluster of the
remaining depths as the object; what has no depth inside the mask counts as the object, what has
another depth does not. Position and extent are quantiles of the points that are left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.ops.rle import decode
from vis_ros.spatial.camera_model import CameraModel, scale_of
from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.depth_image import DepthImage
from vis_ros.spatial.pose import Pose
from vis_ros.structures.masks import Rle
from vis_ros.structures.placement import Quality3d, Vector3

_GRID_POINTS = 4096  # most points that are looked at for one object
_LEAST_LEFT = 0.3  # share of the mask that must be left when its border is taken away
_BIN = 0.03  # width of the histogram's bins as a share of the depth
_DENSE = 0.05  # bins with less than this share of the fullest bin separate clusters
_ENDS = (0.005, 0.995)  # quantiles of the points between which the extent lies
_GOOD_PX, _GOOD_VALID, _GOOD_INLIER = 50, 0.5, 0.6
_LOW_PX, _LOW_VALID = 5, 0.05


@dataclass(frozen=True, slots=True)
class Measurement:
    """Position and extent of an object in one frame.

    Args:
        position_m: Centre of the visible surface [m].
        size_m: Extent of the visible surface along the axes [m].
        range_m: Distance of the position from the camera [m].
        quality: GOOD: the object's depth is known on at least 50 depth pixels inside the shrunk
            mask, half of its pixels have a depth, and 60 % of these agree. LOW: 5 pixels and 5 %.
    """

    position_m: Vector3
    size_m: Vector3
    range_m: float
    quality: Quality3d


@dataclass(frozen=True, slots=True)
class _Grid:
    """Every `step`-th depth pixel inside the crop of a mask.

    Args:
        rows: Rows of the depth image.
        columns: Columns of the depth image.
        step: Depth pixels from one point to the next.
        scale: Depth pixels per image pixel (x, y).
    """

    rows: slice
    columns: slice
    step: int
    scale: tuple[float, float]

    def image_rows(self) -> np.ndarray:
        """Rows of the image (pixel i spans [i, i + 1)) at the points."""
        return (np.arange(self.rows.start, self.rows.stop, self.step) + 0.5) / self.scale[1]

    def image_columns(self) -> np.ndarray:
        """Columns of the image at the points."""
        return (np.arange(self.columns.start, self.columns.stop, self.step) + 0.5) / self.scale[0]


def measure(
    mask: Rle,
    depth: DepthImage,
    camera: CameraModel,
    config: SpatialConfig,
    pose: Pose | None = None,
) -> Measurement | None:
    """Return where the object under a mask is, or None where too few depths tell.

    Args:
        mask: Mask in an image of the camera's size.
        depth: Depths that are registered to the image; of its size or a scaled version.
        camera: Model for the image that the mask belongs to.
        config: Limits.
        pose: From the camera's frame to the frame of the result; None for the camera's frame.

    Raises:
        ValueError: The aspect ratios of depth and image differ.
    """
    scale = scale_of((camera.width, camera.height), (depth.width, depth.height))
    if mask.area_px == 0:
        return None
    grid = _grid_of(mask, depth, scale)
    inside = _look_up(mask, grid)
    z = depth.metres(grid.rows, grid.columns)
    is_valid = (z >= config.min_m) & (z <= config.max_m)
    reach = math.ceil(config.border_px * max(scale) / grid.step)
    core, reach = _shrink(inside, reach)
    known = z[core & is_valid]
    if known.size == 0:
        return None
    low, high = _surface(known)
    is_surface = is_valid & (z >= low) & (z <= high)
    quality = _judge(
        core_count=int(np.count_nonzero(core)),
        known_count=known.size,
        surface_count=int(np.count_nonzero(is_surface & core)),
        step=grid.step,
    )
    if quality == Quality3d.NONE:
        return None
    kept = _spread(core & (is_surface | ~is_valid), reach) & inside
    middle = np.float32(np.median(known[(known >= low) & (known <= high)]))
    depths = np.where(is_surface, z, middle)
    return _describe(kept, depths, grid, camera, pose, quality)


def _grid_of(mask: Rle, depth: DepthImage, scale: tuple[float, float]) -> _Grid:
    first, last = _span(mask.x, mask.width, scale[0], depth.width)
    top, bottom = _span(mask.y, mask.height, scale[1], depth.height)
    step = math.ceil(math.sqrt((last - first) * (bottom - top) / _GRID_POINTS))
    first += (last - first - 1) % step // 2  # as much is left out on either side
    top += (bottom - top - 1) % step // 2
    return _Grid(slice(top, bottom, step), slice(first, last, step), step, scale)


def _span(start: int, length: int, scale: float, limit: int) -> tuple[int, int]:
    """Return the depth pixels whose centres lie in pixels of the image, at least one."""
    first = math.ceil(start * scale - 0.5)
    last = math.ceil((start + length) * scale - 0.5)
    if first >= last:
        first = int((start + length / 2) * scale)
        last = first + 1
    first = min(max(first, 0), limit - 1)
    return first, max(min(last, limit), first + 1)


def _look_up(mask: Rle, grid: _Grid) -> np.ndarray:
    """Return whether the points are on the mask, bool (rows, columns)."""
    rows = np.clip(grid.image_rows().astype(np.int64) - mask.y, 0, mask.height - 1)
    columns = np.clip(grid.image_columns().astype(np.int64) - mask.x, 0, mask.width - 1)
    return decode(mask)[rows[:, None], columns[None, :]]


def _shrink(inside: np.ndarray, reach: int) -> tuple[np.ndarray, int]:
    """Take the border away, as much of it as the object can bear; return how much that was."""
    least = _LEAST_LEFT * np.count_nonzero(inside)
    while reach > 0:
        core = cv2.erode(
            inside.view(np.uint8),
            np.ones((2 * reach + 1, 2 * reach + 1), np.uint8),
            borderType=cv2.BORDER_CONSTANT,
            borderValue=0,
        ).view(np.bool_)
        if np.count_nonzero(core) >= max(least, 1):
            return core, reach
        reach //= 2
    return inside, 0


def _spread(points: np.ndarray, reach: int) -> np.ndarray:
    if reach == 0:
        return points
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.dilate(points.view(np.uint8), kernel).view(np.bool_)


def _surface(known: np.ndarray) -> tuple[float, float]:
    """Return the ends [m] of the largest cluster of depths: that of the object.

    A surface that recedes is one cluster as long as it has no gap; the background that shows
    through a bad mask is another one.
    """
    bins = (np.log(known) / _BIN).astype(np.int64)
    first = int(bins.min())
    counts = np.bincount(bins - first)
    smooth = np.convolve(np.pad(counts, 1), np.ones(3), 'same')  # a gap of one bin is none
    is_dense = np.concatenate(([False], smooth >= max(_DENSE * smooth.max(), 1), [False]))
    edges = np.flatnonzero(is_dense[1:] != is_dense[:-1]).reshape(-1, 2)  # [start, stop)
    sums = np.concatenate(([0.0], np.cumsum(np.pad(counts, 1))))
    start, stop = edges[np.argmax(sums[edges[:, 1]] - sums[edges[:, 0]])]
    shift = first - 1  # of the padding
    return math.exp(_BIN * (start + shift - 1)), math.exp(_BIN * (stop + shift + 1))


def _judge(*, core_count: int, known_count: int, surface_count: int, step: int) -> Quality3d:
    pixels = surface_count * step * step
    valid = known_count / core_count
    if pixels >= _GOOD_PX and valid >= _GOOD_VALID and surface_count >= _GOOD_INLIER * known_count:
        return Quality3d.GOOD
    is_low = pixels >= _LOW_PX and valid >= _LOW_VALID
    return Quality3d.LOW if is_low else Quality3d.NONE


def _describe(
    kept: np.ndarray,
    depths: np.ndarray,
    grid: _Grid,
    camera: CameraModel,
    pose: Pose | None,
    quality: Quality3d,
) -> Measurement | None:
    rows, columns = np.nonzero(kept)
    x, y = camera.rays(grid.image_columns()[columns] - 0.5, grid.image_rows()[rows] - 0.5)
    z = depths[rows, columns].astype(np.float64)
    points = np.stack((x * z, y * z, z), axis=1)
    points = points[np.isfinite(x)]  # the lens shows nothing at the others
    if not len(points):
        return None
    centre = np.median(points, axis=0)
    step_m = grid.step * centre[2]  # what one point stands for
    cell = np.array(
        (step_m / (grid.scale[0] * camera.focal[0]), step_m / (grid.scale[1] * camera.focal[1]), 0)
    )
    range_m = float(np.linalg.norm(centre))
    if pose is not None:
        turn = pose.matrix
        points, cell = points @ turn.T, np.abs(turn) @ cell
        centre = turn @ centre + pose.translation_m
    low, high = np.quantile(points, _ENDS, axis=0)
    return Measurement(_tuple(centre), _tuple(high - low + cell), range_m, quality)


def _tuple(values: np.ndarray) -> Vector3:
    x, y, z = values.tolist()
    return x, y, z
