# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the input of the network: scaled with their shape kept, and padded."""

from __future__ import annotations

from torch import Tensor

from vis_ros.nn.maskprop.config import MaskPropSizes
from vis_ros.nn.picture import Placement, pad_normalised, padded_size

_MAX_ASPECT = 16  # of more slender images no row might be left: they are squeezed
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet
_DEVIATION = (0.229, 0.224, 0.225)


def place(height: int, width: int, sizes: MaskPropSizes) -> Placement:
    """Return the placement of an image of height x width."""
    long, short = max(height, width), min(height, width)
    scale = min(sizes.long_side / long, sizes.short_side / short)
    least = max(1, sizes.long_side // _MAX_ASPECT)
    rows, columns = (max(least, round(side * scale)) for side in (height, width))
    return Placement((height, width), (rows, columns), padded_size(rows, columns))


def normalise(pictures: Tensor, padded: tuple[int, int]) -> Tensor:
    """Return pictures, uint8 (B, h, w, 3), RGB, as float32 (B, 3, *padded), zeros around them."""
    x = pictures.permute(0, 3, 1, 2).float() / 255
    return pad_normalised(x, padded, _MEAN, _DEVIATION)
