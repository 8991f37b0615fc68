# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy non-maximum suppression; on a GPU its results have one size, so that nothing waits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vis_ros.ops import kernels


def greedy_nms(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[Tensor, Tensor]:
    """Return the best candidates, none of which overlaps a better one of them too much.

    The rule is that of `torchvision.ops.nms` on a CPU, on every device: candidates are taken best
    first, those of equal score in the order given, and one is dropped when its intersection over
    union with one that was kept is above `max_overlap`. On a GPU it is a sort and two kernels, or
    without them `nms_in_steps`.

    Args:
        boxes: float32 tensor (N, 4), xyxy in any unit, finite.
        scores: float32 tensor (N,), no NaN.
        is_candidate: bool tensor (N,), the boxes that count.
        max_overlap: Largest allowed intersection over union.
        limit: How many are kept at most.

    Returns:
        int64 tensor (L,), the kept boxes, best first, then zeros; and bool tensor (L,), which of
        these are kept boxes. On a CPU L is their number, elsewhere the limit.

    Raises:
        ValueError: The limit is negative.
    """
    if limit < 0:
        raise ValueError(f'limit: expected 0 or more, got {limit}')
    if boxes.is_cpu:
        return _on_cpu(boxes, scores, is_candidate, max_overlap, limit)
    if not len(boxes) or not limit:
        index = torch.zeros(limit, dtype=torch.int64, device=boxes.device)
        return index, torch.zeros_like(index, dtype=torch.bool)
    work = nms_in_steps
    if kernels.can_run(boxes.device):
        from vis_ros.ops.kernels.nms import greedy_nms as work
    return work(boxes, scores, is_candidate, float32_below(max_overlap), limit)


def _on_cpu(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[Tensor, Tensor]:
    from torchvision.ops import nms  # slow to import

    pick = is_candidate.nonzero()[:, 0]
    best = pick[nms(boxes[pick], scores[pick], max_overlap)[:limit]]
    return best, torch.ones_like(best, dtype=torch.bool)


def nms_in_steps(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[Tensor, Tensor]:
    """Return what `greedy_nms` does, for at least one box, in plain torch and without waiting.

    Each of the steps, as many as the limit, compares one box with all: some 20 small operations,
    also when no candidate is left. That is slow for a limit of hundreds, unless it is recorded as
    a CUDA graph.

    Args:
        boxes: float32 tensor (N, 4).
        scores: float tensor (N,).
        is_candidate: bool tensor (N,).
        max_overlap: A float32 number.
        limit: At least 1.
    """
    order = torch.where(is_candidate, -scores, torch.nan).sort(stable=True).indices
    boxes, is_left = boxes[order], is_candidate[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    place = torch.arange(len(boxes), device=boxes.device)
    found, is_real = [], []
    for _ in range(limit):
        best = is_left.to(torch.uint8).argmax(0, keepdim=True)
        found.append(best)
        is_real.append(is_left.index_select(0, best))
        box = boxes.index_select(0, best)
        low, high = (
            torch.maximum(boxes[:, :2], box[:, :2]),
            torch.minimum(boxes[:, 2:], box[:, 2:]),
        )
        shared = (high - low).clamp(min=0).prod(dim=1)
        overlap = shared / (area.index_select(0, best) + area - shared)
        is_left = is_left & (place > best) & ~(overlap > max_overlap)
    kept = torch.cat(is_real)
    return torch.where(kept, order[torch.cat(found)], 0), kept


def float32_below(number: float) -> float:
    """Return the largest float32 that is not above a number.

    A float32 is above both or above none, so float32 is enough to compare as torchvision does on
    a CPU, in double precision.
    """
    near = np.float32(number)
    return float(near if float(near) <= number else np.nextafter(near, np.float32(-np.inf)))
