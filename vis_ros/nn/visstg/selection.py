# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which places become detections: the peaks of the heat map, and their masks.

Source: Zhou et al., "Objects as Points", 2019, section 4; overlaps across levels: ours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.condinst.head import Places
from vis_ros.nn.condinst.masks import at_input, at_source, mask_logits, shown_masks, soft_masks
from vis_ros.nn.picture import Placement, axes_at_source
from vis_ros.nn.visstg.config import VisstgSelection
from vis_ros.nn.visstg.heads import decoded
from vis_ros.nn.visstg.network import Output, unflat
from vis_ros.ops.nms import greedy_nms
from vis_ros.ops.stretch import labels_of_highest
from vis_ros.ops.transfer import constant

_INSIDE = 0.5  # probability above which a pixel belongs to a mask


class Found(NamedTuple):
    """N detections of one image, best first.

    Args:
        place: int64 tensor (N,), index over the places of all levels.
        boxes: float tensor (N, 4), xyxy in pixels of the input, inside the picture.
        score: float tensor (N,), probability of the best class.
        classes: float tensor (N, K), probabilities of the classes.
        is_real: bool tensor (N,), False for padding, see `greedy_nms`.
    """

    place: Tensor
    boxes: Tensor
    score: Tensor
    classes: Tensor
    is_real: Tensor


def peaks(output: Output) -> Tensor:
    """Return the probability of the best class of each place, 0 but at its peaks, (B, P)."""
    share = output.dense.heat.float().sigmoid()
    tops = [
        functional.max_pool2d(level, 3, stride=1, padding=1).flatten(2).transpose(1, 2)
        for level in unflat(share, output.levels)
    ]
    best, class_id = share.max(dim=2)
    top = torch.cat(tops, dim=1).gather(2, class_id[..., None])[..., 0]
    return torch.where(best == top, best, 0.0)


def select(
    output: Output,
    image: int,
    where: Places,
    placement: Placement,
    config: VisstgSelection,
    reach: float,
) -> Found:
    """Return the detections of one image of a batch.

    Args:
        output: Of the network.
        image: Index into the batch.
        where: The places, see `condinst.head.places`.
        placement: Of the image in the input.
        config: Thresholds.
        reach: See `VisstgOptions.reach`.
    """
    score, place = peaks(output)[image].topk(min(config.top, len(where.xy)))
    index = torch.full_like(place, image)
    boxes = decoded(output.dense, index, place, where.xy[place], where.level[place], reach)
    limit = constant((placement.picture[1], placement.picture[0]) * 2, boxes)
    boxes = torch.minimum(boxes.clamp(min=0), limit)
    is_peak = score > config.min_score
    best, is_real = greedy_nms(boxes, score, is_peak, config.max_overlap, config.limit)
    classes = output.dense.heat[image, place[best]].float().sigmoid()
    return Found(place[best], boxes[best], score[best], classes, is_real)


def masks_of(
    output: Output, image: int, where: Places, place: Tensor, controllers: Tensor
) -> Tensor:
    """Return soft masks (N, h, w) of stride 4.

    Args:
        output: Of the network.
        image: Index into the batch.
        where: The places.
        place: int64 tensor (N,), places that the mask networks stand at.
        controllers: float tensor (N, 169), their parameters.
    """
    index = torch.full_like(place, image)
    logits = mask_logits(
        output.dense.features, index, controllers, where.xy[place], where.level[place]
    )
    return soft_masks(logits)


def pixel_owners(masks: Tensor, slot: Tensor, placement: Placement) -> Tensor:
    """Return the owner of each pixel of the image, slot + 1, or 0, integer (H, W).

    Args:
        masks: float tensor (N, h, w), soft masks of stride 4; the surest owns a pixel.
        slot: int64 tensor (N,), slots of the detections, or -1.
        placement: Of the image in the input.
    """
    soft, labels = shown_masks(masks, slot)
    if soft.is_cpu:
        axes = axes_at_source(soft, placement, is_aligned=True)
        return torch.from_numpy(labels_of_highest(soft, axes, _INSIDE, labels.tolist()))
    soft = at_source(at_input(soft), placement.picture, placement.source)
    ground = soft.new_full((1, *soft.shape[1:]), _INSIDE)
    owner = torch.cat((ground, soft)).max(dim=0).indices
    return torch.cat((labels.new_zeros(1), labels)).to(torch.int16)[owner]
