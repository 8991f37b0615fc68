# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fast NMS: one matrix instead of a loop.

Source: Bolya et al., "YOLACT", ICCV 2019, section 3.3. A box falls when any better one overlaps
it, also one that falls itself.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def pairwise_iou(a: Tensor, b: Tensor, *, epsilon: float = 0.0) -> Tensor:
    """Return the overlaps (..., N, M) of xyxy boxes (..., N, 4) and (..., M, 4).

    Args:
        a: Boxes.
        b: Boxes in the same unit.
        epsilon: Added to intersection and union. With 0, two boxes without area give NaN.
    """
    # coordinates first: the innermost loops then run over boxes, several times as fast on a CPU
    (a_low, a_high), (b_low, b_high) = (x.mT.contiguous().split(2, dim=-2) for x in (a, b))
    low = torch.maximum(a_low[..., None], b_low[..., None, :])  # (..., 2, N, M)
    high = torch.minimum(a_high[..., None], b_high[..., None, :])
    inter = _product(high.sub_(low).clamp_(min=0), -3)
    areas = _product(a_high - a_low, -2)[..., None] + _product(b_high - b_low, -2)[..., None, :]
    union = areas.sub_(inter)
    return inter.add_(epsilon).div_(union.add_(epsilon))


def _product(sides: Tensor, dim: int) -> Tensor:
    """Return width times height; a reduction takes several times as long."""
    width, height = sides.unbind(dim)
    return width * height


def survivors(boxes: Tensor, max_overlap: float) -> Tensor:
    """Return which boxes survive, bool (..., N).

    Args:
        boxes: xyxy (..., N, 4), best first.
        max_overlap: Largest overlap with a better box. A box whose overlap is not a number, for
            want of area, falls too.
    """
    overlap = torch.triu(pairwise_iou(boxes, boxes), diagonal=1)
    return overlap.amax(dim=-2) <= max_overlap


class Best(NamedTuple):
    """Detections, best first.

    Args:
        anchor: int64 tensor (N,).
        class_id: int64 tensor (N,), 0 is the first class that is not background.
        score: float tensor (N,).
    """

    anchor: Tensor
    class_id: Tensor
    score: Tensor


def select_stock(
    boxes: Tensor,
    logits: Tensor,
    *,
    is_cross_class: bool = False,
    min_score: float = 0.05,
    max_overlap: float = 0.5,
    top: int = 200,
    limit: int = 100,
) -> Best:
    """Return the detections of one image as stock YOLACT selects them.

    The number of results depends on the values, so this one synchronises with the device.

    Args:
        boxes: float32 tensor (A, 4), xyxy.
        logits: float tensor (A, K), class 0 is the background.
        is_cross_class: Boxes compete with those of all classes, each with its best one.
        min_score: Anchors whose best probability is not above this are left out.
        max_overlap: Largest overlap with a better box.
        top: Boxes that compete, of each class or in all.
        limit: Largest number of results of the per-class variant.
    """
    shares = torch.softmax(logits.float(), dim=-1)[:, 1:]
    anchor = torch.nonzero(shares.amax(dim=1) > min_score)[:, 0]
    shares = shares[anchor].T  # (K - 1, n)
    if not len(anchor):
        none = anchor.new_empty(0)
        return Best(none, none, shares.new_empty(0))
    if is_cross_class:
        score, class_id = shares.max(dim=0)
        score, order = score.sort(descending=True)
        order, score = order[:top], score[:top]
        keep = survivors(boxes[anchor[order]], max_overlap)
        return Best(anchor[order][keep], class_id[order][keep], score[keep])
    score, order = shares.sort(dim=1, descending=True)
    score, order = score[:, :top], order[:, :top]  # (K - 1, top)
    keep = survivors(boxes[anchor[order]], max_overlap)
    class_id = torch.arange(len(order), device=order.device)[:, None].expand_as(order)
    found, rank = score[keep].sort(descending=True)
    rank = rank[:limit]
    return Best(anchor[order[keep][rank]], class_id[keep][rank], found[:limit])
