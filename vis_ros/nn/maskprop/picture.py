# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the input of the network: scaled with their shape kept, and padded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.maskprop.config import MaskPropSizes

_GRID = 32  # the coarsest level must come out even
_MAX_ASPECT = 16  # of more slender images no row might be left: they are squeezed
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet
_DEVIATION = (0.229, 0.224, 0.225)


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


def place(height: int, width: int, sizes: MaskPropSizes) -> Placement:
    """Return the placement of an image of height x width."""
    long, short = max(height, width), min(height, width)
    scale = min(sizes.long_side / long, sizes.short_side / short)
    least = max(1, sizes.long_side // _MAX_ASPECT)
    rows, columns = (max(least, round(side * scale)) for side in (height, width))
    return Placement((height, width), (rows, columns), padded_size(rows, columns))


def scaled(image: np.ndarray, placement: Placement) -> np.ndarray:
    """Return the picture, uint8 (h, w, 3), of an image, uint8 (H, W, 3)."""
    rows, columns = placement.picture
    if (rows, columns) == image.shape[:2]:
        return image.copy()  # torch takes no arrays that must not be written to
    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)


def normalise(pictures: Tensor, padded: tuple[int, int]) -> Tensor:
    """Return pictures, uint8 (B, h, w, 3), RGB, as float32 (B, 3, *padded), zeros around them."""
    x = pictures.permute(0, 3, 1, 2).float() / 255  # (B, 3, h, w)
    mean, deviation = (
        torch.tensor(values, dtype=x.dtype, device=x.device)[:, None, None]
        for values in (_MEAN, _DEVIATION)
    )
    below, right = padded[0] - x.shape[-2], padded[1] - x.shape[-1]
    return functional.pad((x - mean) / deviation, (0, right, 0, below))


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Return the next multiples of 32."""
    return -(-height // _GRID) * _GRID, -(-width // _GRID) * _GRID
