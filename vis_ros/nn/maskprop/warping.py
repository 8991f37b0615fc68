# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Deformable convolutions of many instances that share their offsets, in many frames at once.

A deformable convolution is linear in its input: weights first and sampling then is the same as
the other way round. The weighted maps of an instance serve all frames of a clip, and sampling is
a sum of few rows for each cell. On a CPU that is ten times as fast as the operator of torchvision,
which is used on other devices; a test compares the two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 3
TAPS = _SIDE * _SIDE


def warp(convolution: Any, instances: Tensor, offsets: Tensor) -> Tensor:
    """Return instance features carried to T frames, float (T, N, C, h, w).

    Args:
        convolution: torchvision's `DeformConv2d`, 3x3, without bias, padded by its dilation.
        instances: float tensor (N, C, h, w).
        offsets: float tensor (T, 18, h, w), (y, x) of each tap in cells.
    """
    if instances.device.type == 'cpu' and instances.dtype == torch.float32:
        return _gathered(convolution, instances, offsets)
    count = len(instances)
    return torch.stack(
        [convolution(instances, each.expand(count, -1, -1, -1)) for each in offsets]
    )


def _gathered(convolution: Any, instances: Tensor, offsets: Tensor) -> Tensor:
    count, channels, height, width = instances.shape
    weight = convolution.weight  # (D, C, 3, 3)
    outputs = len(weight)
    cells = instances.flatten(2).permute(2, 0, 1).reshape(-1, channels)  # (P * N, C)
    taps = weight.flatten(2).permute(2, 1, 0)  # (9, C, D)
    table = torch.matmul(cells, taps).reshape(TAPS * height * width, count * outputs)
    index, share = _samples(offsets, convolution.dilation[0], height, width)
    carried = functional.embedding_bag(index, table, per_sample_weights=share, mode='sum')
    carried = carried.reshape(len(offsets), height, width, count, outputs)
    return carried.permute(0, 3, 4, 1, 2)  # (T, N, D, h, w)


def _samples(offsets: Tensor, dilation: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the rows of the table that each cell sums, and their shares, (T * P, 36).

    Row k * P + y * width + x holds what tap k makes of cell (y, x).
    """
    device = offsets.device
    steps = (torch.arange(_SIDE, device=device) - _SIDE // 2) * dilation
    place = offsets.unflatten(1, (TAPS, 2))  # (T, 9, 2, h, w)
    y = place[:, :, 0] + torch.arange(height, device=device)[:, None]
    x = place[:, :, 1] + torch.arange(width, device=device)
    y = y + steps.repeat_interleave(_SIDE)[:, None, None]  # (T, 9, h, w)
    x = x + steps.repeat(_SIDE)[:, None, None]
    top, left = y.detach().floor(), x.detach().floor()
    base = torch.arange(TAPS, device=device)[:, None, None] * (height * width)
    rows, shares = [], []
    for row, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            cell = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            rows.append(base + cell.long())
            shares.append(torch.where(inside, share_y * share_x, 0.0))
    index, share = (torch.stack(parts, dim=-1) for parts in (rows, shares))  # (T, 9, h, w, 4)
    index = index.permute(0, 2, 3, 1, 4).reshape(-1, 4 * TAPS)
    return index, share.permute(0, 2, 3, 1, 4).reshape(-1, 4 * TAPS)
