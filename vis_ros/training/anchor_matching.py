# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which anchor stands for which object, when a detector is trained.

Source: Bolya et al., "YOLACT", ICCV 2019, and its published code; after SSD (Liu et al., ECCV
2016): by overlap, and every object has at least one anchor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vis_ros.nn.yolact.nms import pairwise_iou

NEGATIVE = -1
NEUTRAL = -2


def match_anchors(
    anchors: Tensor,
    boxes: Tensor,
    is_real: Tensor,
    *,
    positive_overlap: float = 0.5,
    negative_overlap: float = 0.4,
) -> Tensor:
    """Return the object of each anchor.

    An anchor takes the object that it overlaps most, if that is at least `positive_overlap`; it is
    background below `negative_overlap`, and neither in between. Besides, each object claims the
    anchor that overlaps it most, whatever the overlap, provided there is any. Of two objects that
    claim the same anchor the one with the larger overlap gets it, and the other one its next best.

    Args:
        anchors: float32 tensor (A, 4), centre x, centre y, width, height.
        boxes: float32 tensor (B, J, 4), xyxy in the unit of the anchors.
        is_real: bool tensor (B, J), False for padding.
        positive_overlap: IoU.
        negative_overlap: IoU, at most `positive_overlap`.

    Returns:
        int64 tensor (B, A): object, or NEGATIVE, or NEUTRAL.
    """
    if not boxes.shape[1]:
        return torch.full((len(boxes), len(anchors)), NEGATIVE, device=anchors.device)
    half = anchors[:, 2:] / 2
    corners = torch.cat((anchors[:, :2] - half, anchors[:, :2] + half), dim=1)
    overlap = pairwise_iou(boxes, corners)  # (B, J, A)
    overlap = torch.where(is_real[..., None], overlap, 0.0)
    best, owner = overlap.max(dim=1)  # (B, A)
    owner = torch.where(best < positive_overlap, NEUTRAL, owner)
    owner = torch.where(best < negative_overlap, NEGATIVE, owner)
    image, item, anchor = _claims(overlap)
    owner[image, anchor] = item
    return owner


def _claims(overlap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return image, object and anchor of all claims, each (n,).

    Deferred acceptance: all objects ask for the anchor that they like best; whoever loses asks for
    his next one, and may drive another object away. As both sides order by overlap, the result is
    that of giving away the largest overlap of all first, then the next. J candidates of each
    object are enough, for no more than J - 1 can be taken.
    """
    count = overlap.shape[1]
    value, candidate = overlap.topk(min(count, overlap.shape[2]), dim=2)  # (B, J, J)
    place = torch.zeros_like(candidate[..., :1])  # (B, J, 1)
    order = torch.arange(count, device=overlap.device)
    while True:
        mine = value.gather(2, place)[..., 0]  # (B, J)
        anchor = candidate.gather(2, place)[..., 0]
        has_claim = mine > 0
        is_rival = (anchor[:, :, None] == anchor[:, None, :]) & has_claim[:, None, :]
        is_earlier = order[None, :] < order[:, None]  # (J, J), decides between equals
        difference = mine[:, None, :] - mine[:, :, None]
        is_better = (difference > 0) | ((difference == 0) & is_earlier)
        is_beaten = (is_rival & is_better).any(dim=2) & has_claim
        if not is_beaten.any():
            break
        place = place + is_beaten[..., None]
    image, item = torch.nonzero(has_claim, as_tuple=True)
    return image, item, anchor[image, item]
