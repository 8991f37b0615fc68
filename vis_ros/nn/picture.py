# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the input of a network: scaled with their shape kept, at the top left, and padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional

from vis_ros.ops.stretch import Axes, axes_through
from vis_ros.ops.transfer import constant

_GRID = 32  # the coarsest level must come out even


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the input: at the top left, scaled.

    Args:
        source: Rows and columns of the image.
        picture: Rows and columns of the scaled image.
        padded: Rows and columns of the input, multiples of 32.
    """

    source: tuple[int, int]
    picture: tuple[int, int]
    padded: tuple[int, int]

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Input pixels per image pixel along x and y."""
        return self.picture[1] / self.source[1], self.picture[0] / self.source[0]


def box_scale(placement: Placement, like: Tensor) -> Tensor:
    """Return pixels of the input per pixel of the image, (4,): x before y, twice."""
    return constant(placement.scale_xy * 2, like)


def boxes_at_source(boxes: Tensor, placement: Placement) -> Tensor:
    """Return boxes (N, 4), xyxy in pixels of the input, in those of the image; not clipped."""
    return boxes / box_scale(placement, boxes)


def axes_at_source(maps: Tensor, placement: Placement, *, is_aligned: bool = False) -> Axes:
    """Return how maps over the whole input are stretched to the image, by way of the input's size.

    Args:
        maps: Tensor (N, h, w).
        placement: Where the image lies in the input.
        is_aligned: See `axes_through`.
    """
    sizes = placement.padded, placement.picture, placement.source
    return axes_through((maps.shape[1], maps.shape[2]), *sizes, is_aligned=is_aligned)


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Return the next multiples of 32."""
    return -(-height // _GRID) * _GRID, -(-width // _GRID) * _GRID


def check_input(image: Tensor) -> None:
    """Check the shape of a network's input, (B, 3, H, W).

    Raises:
        ValueError: It is another one, or H or W is not a multiple of 32.
    """
    shape = tuple(image.shape)
    if len(shape) != 4 or shape[1] != 3 or shape[2] % _GRID or shape[3] % _GRID:
        raise ValueError(
            f'image: expected (B, 3, H, W), H and W multiples of {_GRID}, got {shape}'
        )


def scaled(image: np.ndarray, placement: Placement) -> np.ndarray:
    """Return the picture, uint8 (h, w, 3), of an image, uint8 (H, W, 3); it may be the image."""
    rows, columns = placement.picture
    if (rows, columns) == image.shape[:2]:
        return image
    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)


def pad_normalised(
    x: Tensor, padded: tuple[int, int], mean: Sequence[float], deviation: Sequence[float]
) -> Tensor:
    """Return pictures, float32 (B, 3, h, w), normalised, as (B, 3, *padded), zeros around them."""
    mean_, deviation_ = (constant(tuple(each), x)[:, None, None] for each in (mean, deviation))
    below, right = padded[0] - x.shape[-2], padded[1] - x.shape[-1]
    return functional.pad((x - mean_) / deviation_, (0, right, 0, below))
