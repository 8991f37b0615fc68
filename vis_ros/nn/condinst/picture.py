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

from vis_ros.nn.condinst.config import CondInstConfig

_GRID = 32  # the coarsest tap must come out even


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


def place(height: int, width: int, config: CondInstConfig) -> Placement:
    """Return the placement of an image of height x width."""
    long, short = max(height, width), min(height, width)
    scale = min(config.long_side / long, config.short_side / short)
    rows = max(1, int(height * scale + 0.5))
    columns = max(1, int(width * scale + 0.5))
    padded = (-(-rows // _GRID) * _GRID, -(-columns // _GRID) * _GRID)
    return Placement((height, width), (rows, columns), padded)


def prepare(image: np.ndarray, config: CondInstConfig, device: torch.device | str) -> Tensor:
    """Return the input of the network, float32 (1, 3, rows, columns), see `place`.

    The image is scaled on the host in whole numbers, as in the official code; only its bytes go
    to the device.

    Args:
        image: uint8 array (H, W, 3), RGB.
        config: Size, mean and deviation.
        device: Where the input shall be.
    """
    placement = place(image.shape[0], image.shape[1], config)
    rows, columns = placement.picture
    if (rows, columns) == image.shape[:2]:
        scaled = image.copy()  # torch takes no arrays that must not be written to
    else:
        scaled = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return normalise(torch.from_numpy(scaled).to(device)[None], placement.padded, config)


def normalise(image: Tensor, padded: tuple[int, int], config: CondInstConfig) -> Tensor:
    """Return scaled images, uint8 (B, h, w, 3), as float32 (B, 3, *padded), zeros around them."""
    x = image.permute(0, 3, 1, 2).float()  # (B, 3, h, w)
    mean, deviation = (
        torch.tensor(values, dtype=x.dtype, device=x.device)[:, None, None]
        for values in (config.mean, config.deviation)
    )
    below, right = padded[0] - x.shape[-2], padded[1] - x.shape[-1]
    return functional.pad((x - mean) / deviation, (0, right, 0, below))
