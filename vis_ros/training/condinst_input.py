# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clips as the input of a CondInst, or of what has its input."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst.picture import InputConfig, normalise
from vis_ros.nn.picture import padded_size


def as_input(images: Tensor, truth: Truth, config: InputConfig) -> tuple[Tensor, Truth]:
    """Return images and objects as a CondInst sees them: normalised, padded to multiples of 32.

    Args:
        images: uint8 tensor (B, T, H, W, 3), RGB.
        truth: Their objects.
        config: Mean and deviation.

    Returns:
        float32 tensor (B, T, 3, rows, columns); the objects with labels of this size, in which
        the padding is background.
    """
    height, width = images.shape[2:4]
    padded = padded_size(height, width)
    x = normalise(images.flatten(0, 1), padded, config).unflatten(0, images.shape[:2])
    around = (0, padded[1] - width, 0, padded[0] - height)
    return x, truth._replace(labels=functional.pad(truth.labels, around))
