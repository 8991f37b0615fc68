# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which places become detections.

Source: Tian et al., "FCOS", ICCV 2019; details as in the published code of CondInst.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.condinst.head import Places, boxes_of
from vis_ros.nn.condinst.network import CondInstOutput
from vis_ros.ops.transfer import constant


class Found(NamedTuple):
    """N detections of one image, best first.

    Args:
        place: int64 tensor (N,), index over the places of all levels.
        class_id: int64 tensor (N,).
        score: float tensor (N,) in [0, 1].
        boxes: float tensor (N, 4), xyxy in pixels of the input.
    """

    place: Tensor
    class_id: Tensor
    score: Tensor
    boxes: Tensor


def strongest(scores: Tensor, counts: tuple[int, ...], limit: int) -> Tensor:
    """Return the best `limit` of each level, in order of levels.

    Args:
        scores: float tensor (P,).
        counts: Places of each level.
        limit: Of a level with no more than this all are returned, in their order.
    """
    start, kept = 0, []
    for count in counts:
        if count > limit:
            kept.append(scores[start : start + count].topk(limit).indices + start)
        else:
            kept.append(torch.arange(start, start + count, device=scores.device))
        start += count
    return torch.cat(kept)


def clipped_boxes(
    output: CondInstOutput, image: int, place: Tensor, where: Places, picture: tuple[int, int]
) -> Tensor:
    """Return the boxes (N, 4) of some places of an image, inside its picture [px of the input]."""
    boxes = boxes_of(where.xy[place], output.dense.boxes[image, place])
    limit = constant((picture[1], picture[0]) * 2, boxes)
    return torch.minimum(boxes.clamp(min=0), limit)


def select_stock(
    output: CondInstOutput,
    image: int,
    where: Places,
    picture: tuple[int, int],
    *,
    min_score: float = 0.05,
    max_overlap: float = 0.6,
    top: int = 1000,
    limit: int = 100,
) -> Found:
    """Return the detections of one image of a batch as published for COCO.

    Each class for itself: pairs of a place and a class, NMS among those of a class. The number of
    results depends on the values, so this synchronises with the device.

    Args:
        output: Of the network.
        image: Index into the batch.
        where: The places, see `head.places`.
        picture: Rows and columns of the picture in the input.
        min_score: Least product of the probabilities of a class and of centerness.
        max_overlap: Of two boxes of a class that overlap more than this the weaker is dropped.
        top: Pairs of a level that compete.
        limit: Detections at most.
    """
    from torchvision.ops import batched_nms  # slow to import, and not all methods need it

    dense = output.dense
    shares = dense.classes[image].float().sigmoid()
    shares = shares * dense.centerness[image].float().sigmoid()[:, None]  # (P, K)
    place, class_id = torch.nonzero(shares > min_score).unbind(1)
    share = shares[place, class_id]
    level = where.level[place]
    sizes = tuple(torch.bincount(level, minlength=len(where.counts)).tolist())
    kept = strongest(share, sizes, top)  # `nonzero` goes level by level
    place, class_id, score = place[kept], class_id[kept], share[kept].sqrt()
    boxes = clipped_boxes(output, image, place, where, picture).float()
    best = batched_nms(boxes, score, class_id, max_overlap)[:limit]
    return Found(place[best], class_id[best], score[best], boxes[best])
