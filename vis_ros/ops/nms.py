# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy non-maximum suppression whose result has a fixed size, so that nothing waits for it."""

from __future__ import annotations

import torch
from torch import Tensor


def greedy_nms(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[Tensor, Tensor]:
    """Return the best boxes that do not overlap with better ones.

    Args:
        boxes: float tensor (P, 4), xyxy.
        scores: float tensor (P,), finite; of equal ones the first is the better.
        is_candidate: bool tensor (P,), boxes that take part.
        max_overlap: A box whose intersection over union with a kept one is above this is dropped.
        limit: Boxes that are kept at most.

    Returns:
        int64 tensor (N,), indices of the kept ones, best first, and bool tensor (N,), whether
        there is such a box; else the index is 0. On a CPU N is their number, elsewhere the limit.
    """
    if boxes.device.type == 'cpu':
        from torchvision.ops import nms  # slow to import, and not all methods need it

        place = torch.nonzero(is_candidate)[:, 0]
        kept = place[nms(boxes[place], scores[place], max_overlap)[:limit]]
        return kept, torch.ones_like(kept, dtype=torch.bool)
    return nms_in_steps(boxes, scores, is_candidate, max_overlap, limit)


def nms_in_steps(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[Tensor, Tensor]:
    """Return what `greedy_nms` does, in as many rounds as boxes may be kept; N is the limit."""
    left = torch.where(is_candidate, scores, -torch.inf)
    kept, is_real = [], []
    for _ in range(limit if len(boxes) else 0):
        score, index = left.max(dim=0, keepdim=True)
        is_found = score > -torch.inf
        overlap = _overlap(boxes[index], boxes)
        left = torch.where(overlap > max_overlap, -torch.inf, left)
        left = left.index_fill(0, index, -torch.inf)
        kept.append(torch.where(is_found, index, 0))
        is_real.append(is_found)
    if not kept:
        return boxes.new_zeros(limit, dtype=torch.int64), is_candidate.new_zeros(limit)
    return torch.cat(kept), torch.cat(is_real)


def _overlap(box: Tensor, boxes: Tensor) -> Tensor:
    """Return the overlaps (P,) of a box (1, 4) with others, as torchvision does."""
    low = torch.maximum(box[:, :2], boxes[:, :2])
    high = torch.minimum(box[:, 2:], boxes[:, 2:])
    inter = (high - low).clamp(min=0).prod(dim=1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    return inter / ((box[:, 2:] - box[:, :2]).prod(dim=1) + area - inter)
