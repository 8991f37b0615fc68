# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the input of the network: scaled with their shape kept, and padded."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.ifr.config import IfrSizes
from vis_ros.nn.picture import Placement, pad_normalised, padded_size, scaled
from vis_ros.ops.transfer import upload

_MAX_ASPECT = 16  # of more slender images no row might be left: they are squeezed
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet
_DEVIATION = (0.229, 0.224, 0.225)


def place(height: int, width: int, sizes: IfrSizes, short_side: int = 0) -> Placement:
    """Return the placement of an image of height x width.

    Images that are small enough keep their size: nothing is seen better in a larger copy, and a
    frame would take longer. Where a side is asked for, as for test-time augmentation, they grow.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        sizes: Of the network.
        short_side: Used in the place of that of the network where above 0; the limit of the
            longer side grows or shrinks with it.
    """
    short = short_side or sizes.short_side
    long = round(sizes.long_side * short / sizes.short_side)
    scale = min(long / max(height, width), short / min(height, width))
    scale = scale if short_side else min(scale, 1.0)
    least = max(1, round(min(max(height, width) * scale, long)) // _MAX_ASPECT)
    rows, columns = (max(least, round(side * scale)) for side in (height, width))
    return Placement((height, width), (rows, columns), padded_size(rows, columns))


def prepare(image: np.ndarray, placement: Placement, device: torch.device | str) -> Tensor:
    """Return the input of the network, float32 (1, 3, rows, columns), of uint8 (H, W, 3), RGB."""
    picture = upload(scaled(image, placement), torch.device(device))
    return normalise(picture[None], placement.padded)


def normalise(pictures: Tensor, padded: tuple[int, int]) -> Tensor:
    """Return pictures, uint8 (B, h, w, 3), RGB, as float32 (B, 3, *padded), zeros around them."""
    x = pictures.permute(0, 3, 1, 2).float() / 255
    return pad_normalised(x, padded, _MEAN, _DEVIATION)
