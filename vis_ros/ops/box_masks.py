# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small soft masks over boxes, as Mask R-CNN has them, put into the source image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.structures import CropMask


def paste_masks(
    masks: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float
) -> list[CropMask]:
    """Return the masks of boxes in the source image, each in a crop of its own.

    The pixels are those of torchvision's `paste_masks_in_image`, thresholded, without a whole
    image for each mask. A crop may be empty.

    Args:
        masks: float32 tensor (N, 28, 28) on the CPU, probabilities.
        boxes: float32 tensor (N, 4) on the CPU, xyxy in source-image pixels.
        size: Rows and columns of the source image.
        threshold: Pixels from this probability on belong to the mask.
    """
    side = masks.shape[-1]
    padded = functional.pad(masks, (1, 1, 1, 1))  # so that masks end inside of their boxes
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * ((side + 2) / side)
    centre = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    corners = torch.cat((centre - half, centre + half), dim=1).to(torch.int64).tolist()
    return [
        _paste(mask, corner, size, threshold) for mask, corner in zip(padded, corners, strict=True)
    ]


def _paste(mask: Tensor, corner: list[int], size: tuple[int, int], threshold: float) -> CropMask:
    x0, y0, x1, y1 = corner
    shape = (max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1))
    soft = functional.interpolate(mask[None, None], shape, mode='bilinear', align_corners=False)
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = max(left, min(x1 + 1, size[1])), max(top, min(y1 + 1, size[0]))
    visible = soft[0, 0, top - y0 : bottom - y0, left - x0 : right - x0]
    return CropMask(left, top, (visible >= threshold).numpy())
