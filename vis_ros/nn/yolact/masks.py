# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of detections: raw scores for the tracker, and stock YOLACT's own at image size.

Source: Bolya et al., "YOLACT", ICCV 2019, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def mask_logits(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Return raw mask scores (B, N, h, w) of prototypes (B, D, h, w), coefficients (B, N, D)."""
    return torch.einsum('bdhw,bnd->bnhw', prototypes, coefficients)


def box_masks(boxes: Tensor, size: tuple[int, int], height: int, width: int) -> Tensor:
    """Return bool masks (..., h, w) of xyxy boxes (..., 4) in pixels of a height x width input.

    RGNNVIS samples at h rows from 0 to `height` and w columns from 0 to `width`, ends included,
    so not at pixel centres.

    Args:
        boxes: float tensor (..., 4).
        size: Rows h and columns w of the masks.
        height: Rows of the input that the boxes refer to [px].
        width: Columns of it [px].
    """
    y = torch.linspace(0, height, size[0], device=boxes.device)
    x = torch.linspace(0, width, size[1], device=boxes.device)
    inside_x = (boxes[..., 0:1] <= x) & (x <= boxes[..., 2:3])  # (..., w)
    inside_y = (boxes[..., 1:2] <= y) & (y <= boxes[..., 3:4])  # (..., h)
    return inside_y[..., :, None] & inside_x[..., None, :]


def stock_masks(
    prototypes: Tensor, coefficients: Tensor, boxes: Tensor, size: tuple[int, int]
) -> Tensor:
    """Return probabilities (N, H, W) at image size; pixels above 0.5 belong to a mask.

    Args:
        prototypes: float tensor (D, h, w).
        coefficients: float tensor (N, D).
        boxes: float tensor (N, 4), relative xyxy.
        size: Rows and columns of the image.
    """
    soft = torch.sigmoid(mask_logits(prototypes[None], coefficients[None])[0])  # (N, h, w)
    soft = soft * crop_masks(boxes, soft.shape[-2], soft.shape[-1])
    if not len(soft):
        return soft.new_zeros((0, *size))
    return functional.interpolate(soft[None], size, mode='bilinear', align_corners=False)[0]


def stock_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return boxes (N, 4) in whole pixels of the image, int64, of relative xyxy boxes."""
    x1, x2 = _span(boxes[:, 0], boxes[:, 2], size[1], 0)
    y1, y2 = _span(boxes[:, 1], boxes[:, 3], size[0], 0)
    return torch.stack((x1, y1, x2, y2), dim=1).long()


def _span(a: Tensor, b: Tensor, length: int, margin: int) -> tuple[Tensor, Tensor]:
    low, high = torch.minimum(a, b) * length, torch.maximum(a, b) * length
    return (low - margin).clamp(min=0), (high + margin).clamp(max=length)


def crop_masks(boxes: Tensor, rows: int, columns: int) -> Tensor:
    """Return bool masks (N, rows, columns) of relative boxes, one pixel wider on each side."""
    x1, x2 = _span(boxes[:, 0:1], boxes[:, 2:3], columns, 1)
    y1, y2 = _span(boxes[:, 1:2], boxes[:, 3:4], rows, 1)
    x = torch.arange(columns, device=boxes.device)
    y = torch.arange(rows, device=boxes.device)
    inside_x = (x >= x1) & (x < x2)  # (N, columns)
    inside_y = (y >= y1) & (y < y2)  # (N, rows)
    return inside_y[:, :, None] & inside_x[:, None, :]
