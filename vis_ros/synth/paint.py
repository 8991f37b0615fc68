# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Puts objects and layers into pictures.

Pictures have four channels, which OpenCV resamples faster than three. What is put into them has
its colours multiplied by its alpha, so that blurring it is right at its edges too.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.synth.actors import Actor
from vis_ros.synth.backdrop import Layer
from vis_ros.synth.shapes import REACH

_FINE = 2  # outlines are filled at this resolution and then reduced, for soft edges
_SHIFT = 4  # fractional bits of the points of an outline
_UNIT = _FINE << _SHIFT
_LONGEST_BLUR_PX = 15
_SHADE = 0.6  # share of the light that edges lack, as of something round


@dataclass(frozen=True, eq=False)
class Stamp:
    """One object in its part of the picture.

    Args:
        x: First column of the part.
        y: First row of the part.
        alpha: uint8 array (h, w), how much of each pixel lies inside of the outline.
        affine: float64 array (2, 3), from object coordinates to the picture.
    """

    x: int
    y: int
    alpha: np.ndarray
    affine: np.ndarray

    def part(self, image: np.ndarray) -> np.ndarray:
        """Return the part of a picture or of labels."""
        height, width = self.alpha.shape
        return image[self.y : self.y + height, self.x : self.x + width]

    @property
    def is_inside(self) -> np.ndarray:
        """Pixels that belong to the object, bool (h, w)."""
        return self.alpha >= 128


def stamp_of(actor: Actor, camera: np.ndarray, height: int, width: int) -> Stamp | None:
    """Return where an object is in a picture, None if it is out of it.

    Args:
        actor: The object.
        camera: float64 array (2, 3), from world to picture.
        height: Rows of the picture.
        width: Columns of the picture.
    """
    pose = actor.pose()
    affine = camera[:, :2] @ pose
    affine[:, 2] += camera[:, 2]
    turn, offset = affine[:, :2].T * _UNIT, affine[:, 2] * _UNIT - 0.5 * (1 << _SHIFT)
    curves = [np.rint(curve @ turn + offset).astype(np.int32) for curve in actor.outline()]
    left, top, across, down = cv2.boundingRect(curves[0])
    x, y = max(left // _UNIT - 1, 0), max(top // _UNIT - 1, 0)
    columns = min((left + across) // _UNIT + 2, width) - x
    rows = min((top + down) // _UNIT + 2, height) - y
    if columns <= 0 or rows <= 0:
        return None
    corner = np.array((x * _UNIT, y * _UNIT), np.int32)
    fine = np.zeros((rows * _FINE, columns * _FINE), np.uint8)
    cv2.fillPoly(fine, [curve - corner for curve in curves], (255.0,), shift=_SHIFT)
    alpha = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA)
    return Stamp(x, y, alpha, affine)


def put_object(image: np.ndarray, actor: Actor, stamp: Stamp, way_px: np.ndarray) -> None:
    """Put an object into a picture.

    Args:
        image: uint8 array (H, W, 4); changed.
        actor: The object.
        stamp: Where it is.
        way_px: Its motion (x, y) while the shutter is open.
    """
    height, width = stamp.alpha.shape
    texture = actor.look.texture
    turn = stamp.affine[:, :2] * (2 * REACH / texture.shape[0])
    corner = stamp.affine @ np.array((-REACH, -REACH, 1.0)) - (stamp.x, stamp.y)
    offset = corner + turn.sum(axis=1) * 0.5 - 0.5
    affine = np.concatenate((turn, offset[:, None]), axis=1)
    pixels = cv2.warpAffine(texture, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
    reach = 2 * max(1, round(0.09 * actor.look.size_px)) + 1
    shade = cv2.blur(stamp.alpha, (reach, reach))
    shade = cv2.addWeighted(shade, _SHADE, shade, 0.0, 255 * (1 - _SHADE))
    shade = cv2.multiply(shade, stamp.alpha, scale=1 / 255)
    factors = cv2.merge((shade, shade, shade, stamp.alpha))
    pixels = cv2.multiply(pixels, factors, scale=1 / 255)
    _put(stamp.part(image), blur_along(pixels, way_px))


def put_layer(
    image: np.ndarray, labels: np.ndarray, layer: Layer, camera: np.ndarray, way_px: np.ndarray
) -> None:
    """Put a layer in front of all that is in a picture; what it hides belongs to nobody.

    Args:
        image: uint8 array (H, W, 4); changed.
        labels: uint8 array (H, W); changed.
        layer: The layer.
        camera: float64 array (2, 3), from world to picture.
        way_px: Motion (x, y) of the picture while the shutter is open.
    """
    affine = pixel_affine(camera, layer.origin)
    rows, columns = layer.pixels.shape[:2]
    corners = np.array([(0, 0, 1), (columns, 0, 1), (0, rows, 1), (columns, rows, 1)])
    places = corners @ affine.T
    left, top = np.maximum(np.floor(places.min(axis=0)) - 1, 0).astype(int).tolist()
    right, bottom = np.ceil(places.max(axis=0)).astype(int).tolist()
    width, height = min(right + 2, image.shape[1]) - left, min(bottom + 2, image.shape[0]) - top
    if width <= 0 or height <= 0:
        return
    affine[:, 2] -= (left, top)
    pixels = cv2.warpAffine(layer.pixels, affine, (width, height))
    part = np.s_[top : top + height, left : left + width]
    labels[part][pixels[..., 3] >= 128] = 0
    _put(image[part], blur_along(pixels, way_px))


def pixel_affine(affine: np.ndarray, origin: tuple[float, float]) -> np.ndarray:
    """Return the map between pixel indices of a layer and of the picture, as OpenCV counts."""
    turn = affine[:, :2]
    offset = turn @ (np.array(origin) + 0.5) + affine[:, 2] - 0.5
    return np.concatenate((turn, offset[:, None]), axis=1)


def blur_along(image: np.ndarray, way_px: np.ndarray) -> np.ndarray:
    """Return the image as it moves by `way_px` (x, y) while the shutter is open."""
    longest = float(np.abs(way_px).max())
    if longest < 1.5:
        return image
    scale = min(1.0, _LONGEST_BLUR_PX / longest)
    kernel = _kernel(round(float(way_px[0]) * scale), round(float(way_px[1]) * scale))
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)


@functools.cache  # at most 31 x 31 small arrays
def _kernel(x: int, y: int) -> np.ndarray:
    """Return the kernel of a straight way of so many pixels."""
    half = (max(abs(x), abs(y)) + 1) // 2
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    steps = np.linspace(-0.5, 0.5, max(abs(x), abs(y)) + 1)
    kernel[np.rint(steps * y).astype(int) + half, np.rint(steps * x).astype(int) + half] = 1.0
    return kernel / kernel.sum()


def _put(image: np.ndarray, pixels: np.ndarray) -> None:
    """Put pixels with alpha over a part of a picture."""
    rest = cv2.bitwise_not(cv2.extractChannel(pixels, 3))
    behind = cv2.multiply(image, cv2.merge((rest, rest, rest, rest)), scale=1 / 255)
    cv2.add(behind, pixels, dst=behind)
    image[:] = behind
