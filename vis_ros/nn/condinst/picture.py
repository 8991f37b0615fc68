# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the input of the network: scaled with their shape kept, and padded."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.picture import Placement, pad_normalised, padded_size, scaled
from vis_ros.ops.transfer import upload


class InputConfig(Protocol):
    """What decides about the input of a network; see `CondInstConfig`."""

    @property
    def long_side(self) -> int:
        """Largest length of the longer side of the picture [px]."""

    @property
    def short_side(self) -> int:
        """Largest length of the shorter side of the picture [px]."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of the input, RGB in 0..255."""

    @property
    def deviation(self) -> tuple[float, ...]:
        """Standard deviation of the input, RGB in 0..255."""


def place(height: int, width: int, config: InputConfig) -> Placement:
    """Return the placement of an image of height x width."""
    long, short = max(height, width), min(height, width)
    scale = min(config.long_side / long, config.short_side / short)
    rows = max(1, int(height * scale + 0.5))
    columns = max(1, int(width * scale + 0.5))
    return Placement((height, width), (rows, columns), padded_size(rows, columns))


def prepare(image: np.ndarray, config: InputConfig, device: torch.device | str) -> Tensor:
    """Return the input of the network, float32 (1, 3, rows, columns), see `place`.

    The image is scaled on the host in whole numbers, as in the official code; only its bytes go
    to the device.

    Args:
        image: uint8 array (H, W, 3), RGB.
        config: Size, mean and deviation.
        device: Where the input shall be.
    """
    placement = place(image.shape[0], image.shape[1], config)
    picture = upload(scaled(image, placement), torch.device(device))
    return normalise(picture[None], placement.padded, config)


def normalise(image: Tensor, padded: tuple[int, int], config: InputConfig) -> Tensor:
    """Return scaled images, uint8 (B, h, w, 3), as float32 (B, 3, *padded), zeros around them."""
    x = image.permute(0, 3, 1, 2).float()
    return pad_normalised(x, padded, config.mean, config.deviation)
