# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI's selection: the best few detections of any class, and the pixels that each of them owns.

Source: Zhu et al., ECCV 2022, section 3.2; details as in the official code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.condinst.head import Places
from vis_ros.nn.condinst.masks import at_input, at_source, mask_logits, shown_masks, soft_masks
from vis_ros.nn.condinst.network import CondInstOutput
from vis_ros.nn.condinst.selection import clipped_boxes, strongest
from vis_ros.nn.iai.config import IaiSelection
from vis_ros.nn.picture import Placement, axes_at_source, boxes_at_source
from vis_ros.ops.nms import greedy_nms
from vis_ros.ops.stretch import labels_of_first

_THRESHOLD = 0.5  # of masks
_WEIGHTS = {'first': (1.0, 0.5), 'later': (0.5, 1.0), 'average': (0.5, 0.5)}  # class, identity


class Found(NamedTuple):
    """N detections of one image, best first; off the CPU `IaiSelection.limit` with padding.

    Args:
        is_real: bool tensor (N,), whether a row is a detection.
        place: int64 tensor (N,), index over the places of all levels, or over all proposals.
        boxes: float tensor (N, 4), xyxy in pixels of the image.
        score: float tensor (N,), what they competed with.
        classes: float tensor (N, K), probabilities, times that of centerness if there is one.
        ids: float tensor (N, I), probabilities of the identities; I is 0 without identification.
    """

    is_real: Tensor
    place: Tensor
    boxes: Tensor
    score: Tensor
    classes: Tensor
    ids: Tensor


def select(
    output: CondInstOutput,
    ids: Tensor | None,
    image: int,
    where: Places,
    placement: Placement,
    config: IaiSelection,
    ranking: str,
) -> Found:
    """Return the detections of one image of a batch, without waiting for the device.

    Args:
        output: Of the image model.
        ids: float tensor (B, P, I), probabilities of the identities, or None.
        image: Index into the batch.
        where: The places, see `head.places`.
        placement: Of the image in the input.
        config: Thresholds.
        ranking: `first`, `later` or `average`, see `IaiOptions.ranking`.
    """
    dense = output.dense
    classes, centerness = dense.classes[image].sigmoid(), dense.centerness[image].sigmoid()
    place = strongest(classes.amax(1) * centerness, where.counts, config.top)
    classes, centerness = classes[place], centerness[place]
    shares = classes.new_zeros(len(place), 0) if ids is None else ids[image, place]
    score, is_candidate = competing(classes, shares, config, ranking)
    if ranking != 'average':
        score = score * centerness
    boxes = clipped_boxes(output, image, place, where, placement.picture)
    boxes = boxes_at_source(boxes, placement)
    pick, is_real = greedy_nms(boxes, score, is_candidate, config.max_overlap, config.limit)
    weighted = classes[pick] * centerness[pick, None]
    return Found(is_real, place[pick], boxes[pick], score[pick], weighted, shares[pick])


def competing(
    classes: Tensor, shares: Tensor, config: IaiSelection, ranking: str
) -> tuple[Tensor, Tensor]:
    """Return the score (P,) of candidates, and which of them (P,) are above the thresholds.

    Args:
        classes: float tensor (P, K), probabilities.
        shares: float tensor (P, I), probabilities of the identities; I is 0 without
            identification.
        config: Thresholds.
        ranking: See `select`.
    """
    best_class = classes.amax(1)
    is_candidate = best_class > config.min_class_score
    if not shares.shape[1]:
        return best_class, is_candidate
    best_id = shares.amax(1)
    weight_class, weight_id = _WEIGHTS[ranking]
    score = weight_class * best_class + weight_id * best_id
    return score, is_candidate & (best_id > config.min_id_score)


def masks_of(output: CondInstOutput, image: int, where: Places, place: Tensor) -> Tensor:
    """Return soft masks (N, H, W) of places (N,) of an image, at the size of the input."""
    index = torch.full_like(place, image)
    controllers = output.dense.controllers[image, place]
    logits = mask_logits(output.features, index, controllers, where.xy[place], where.level[place])
    return at_input(soft_masks(logits))


class Owned(NamedTuple):
    """Who owns the pixels of an image.

    Args:
        owner: int64 tensor (H, W), the first detection whose mask covers a pixel, or -1.
        is_kept: bool tensor (N,), detections that own enough of their mask. Those that do not
            still keep others from their pixels.
    """

    owner: Tensor
    is_kept: Tensor


def owned_pixels(masks: Tensor, min_share: float) -> Owned:
    """Return who owns which pixel.

    Args:
        masks: float tensor (N, H, W), soft masks, best detection first.
        min_share: A detection must own at least this share of its mask, and one pixel.
    """
    count = len(masks)
    inside = masks > _THRESHOLD
    owner = first_cover(inside)
    area = inside.flatten(1).sum(1)
    own = _areas(owner + 1, count + 1)[1:]
    is_kept = (area > 0) & (own / area.clamp(min=1) >= min_share)
    return Owned(owner, is_kept)


def _areas(labels: Tensor, count: int) -> Tensor:
    """Return the pixels of each label, int64 (count,); labels are int64 and below count."""
    if labels.device.type == 'cpu':
        return torch.bincount(labels.flatten(), minlength=count)
    areas = torch.zeros(count, dtype=torch.int64, device=labels.device)  # bincount would wait
    return areas.index_add(0, labels.flatten(), torch.ones_like(labels.flatten()))


def first_cover(inside: Tensor) -> Tensor:
    """Return the first of some masks that covers each pixel, or -1; int64 (H, W).

    Args:
        inside: bool tensor (N, H, W).
    """
    if not len(inside):
        return torch.full(inside.shape[1:], -1, device=inside.device)
    covers, first = inside.to(torch.uint8).max(dim=0)
    return torch.where(covers > 0, first, -1)


def labelled(owner: Tensor, values: Tensor, background: int) -> Tensor:
    """Return owners of pixels by their labels, uint8 of the shape of `owner`.

    Args:
        owner: int64 tensor, -1 for no owner.
        values: int64 tensor (N,), label of each owner.
        background: Label of pixels without an owner.
    """
    table = torch.cat((values.new_full((1,), background), values)).to(torch.uint8)
    return table[owner + 1]


def pixel_owners(masks: Tensor, slot: Tensor, placement: Placement) -> Tensor:
    """Return the owner of each pixel of the image, slot + 1, or 0, integer (H, W).

    Args:
        masks: float tensor (N, H, W), soft masks at the size of the input; the first owns a pixel.
        slot: int64 tensor (N,), slots of the detections, or -1.
        placement: Of the image in the input.
    """
    soft, labels = shown_masks(masks, slot)
    if soft.is_cpu:
        axes = axes_at_source(soft, placement)
        return torch.from_numpy(labels_of_first(soft, axes, _THRESHOLD, labels.tolist()))
    inside = at_source(soft, placement.picture, placement.source) > _THRESHOLD
    return labelled(first_cover(inside), labels, 0)
