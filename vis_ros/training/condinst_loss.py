# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What CondInst learns from a frame: class, box, centerness and mask of places.

Source: Tian et al., "FCOS", ICCV 2019, and "Conditional Convolutions for Instance Segmentation",
ECCV 2020; details as in the published code of IAI.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.nn.condinst.head import Places
from vis_ros.nn.condinst.masks import mask_logits, soft_masks
from vis_ros.nn.condinst.network import CondInstOutput
from vis_ros.training.visstg_loss import dice_loss

_ALPHA, _GAMMA = 0.25, 2  # of focal losses
_ENDS = (-1.0, 64.0, 128.0, 256.0, 512.0, 1e8)  # distances that the levels are for [px]
_MASK_STRIDE = 4
_EPSILON = 1e-6


class FrameTruth(NamedTuple):
    """J objects of one frame of B streams.

    Args:
        labels: uint8 tensor (B, H, W), owner of each pixel, j + 1 for object j.
        boxes: float tensor (B, J, 4), xyxy in pixels of the input.
        is_real: bool tensor (B, J), objects that the frame shows.
        class_ids: int64 tensor (B, J), 0 is the first class; anything for padding.
    """

    labels: Tensor
    boxes: Tensor
    is_real: Tensor
    class_ids: Tensor


class Positives(NamedTuple):
    """N places that describe an object.

    Args:
        image: int64 tensor (N,).
        place: int64 tensor (N,), index over the places of all levels.
        owner: int64 tensor (N,), object j.
        distances: float tensor (N, 4), to the sides of its box in pixels of the input.
        centerness: float tensor (N,) in [0, 1], how near the middle of the box each is.
    """

    image: Tensor
    place: Tensor
    owner: Tensor
    distances: Tensor
    centerness: Tensor


def centroids(labels: Tensor, objects: int) -> Tensor:
    """Return the mean place of the pixels of each object, float (B, J, 2), x before y; 0 for none.

    Args:
        labels: uint8 tensor (B, H, W), see `FrameTruth`.
        objects: Number of objects J.
    """
    batch, height, width = labels.shape
    index = labels.flatten(1).long()
    rows = torch.arange(height, device=labels.device).repeat_interleave(width)
    columns = torch.arange(width, device=labels.device).repeat(height)
    sums = []
    for value in (torch.ones_like(rows), columns, rows):
        total = torch.zeros(batch, objects + 1, dtype=torch.int64, device=labels.device)
        sums.append(total.scatter_add(1, index, value.expand(batch, -1))[:, 1:])
    count, x, y = sums
    centre = torch.stack((x, y), dim=-1) / count.clamp(min=1)[..., None] + 0.5
    return centre * (count > 0)[..., None]


def positives_of(truth: FrameTruth, where: Places, radius: float) -> Positives:
    """Return which places describe which objects.

    Those inside a square around the centroid and inside the box, on the level for the largest
    distance to a side; of several objects the one with the smallest box.

    Args:
        truth: Objects.
        where: The places.
        radius: Half of the side of the square, in strides of the level.
    """
    boxes, xy = truth.boxes[:, :, None], where.xy  # (B, J, 1, 4), (P, 2)
    distances = torch.cat((xy - boxes[..., :2], boxes[..., 2:] - xy), dim=-1)  # (B, J, P, 4)
    reach = radius * xy.new_tensor(STRIDES)[where.level][:, None]  # (P, 1)
    away = xy - centroids(truth.labels, truth.boxes.shape[1])[:, :, None]
    is_inside = (distances > 0).all(dim=-1) & (away.abs() < reach).all(dim=-1)
    ends = xy.new_tensor(_ENDS)
    longest = distances.amax(dim=-1)
    is_level = (longest >= ends[where.level]) & (longest <= ends[where.level + 1])
    area = (truth.boxes[..., 2:] - truth.boxes[..., :2]).prod(dim=-1)
    is_candidate = is_inside & is_level & truth.is_real[..., None]
    least, owner = area[..., None].masked_fill(~is_candidate, torch.inf).min(dim=1)  # (B, P)
    image, place = torch.nonzero(least < torch.inf, as_tuple=True)
    owner = owner[image, place]
    own = distances[image, owner, place]
    return Positives(image, place, owner, own, centerness_of(own))


def centerness_of(distances: Tensor) -> Tensor:
    """Return the centerness (N,) of places with distances (N, 4) to the sides of their boxes."""
    across, along = distances[:, 0::2], distances[:, 1::2]
    ratio = across.amin(1) / across.amax(1) * (along.amin(1) / along.amax(1))
    return ratio.clamp(min=0).sqrt()


def focal_loss(logits: Tensor, want: Tensor) -> Tensor:
    """Return focal losses, without any sum.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 5.

    Args:
        logits: float tensor (...).
        want: float tensor (...) of 0 and 1.
    """
    share = logits.sigmoid()
    miss = torch.where(want > 0, 1 - share, share)
    weight = torch.where(want > 0, _ALPHA, 1 - _ALPHA)
    plain = functional.binary_cross_entropy_with_logits(logits, want, reduction='none')
    return weight * miss**_GAMMA * plain


def overlap_loss(found: Tensor, want: Tensor) -> Tensor:
    """Return 1 - GIoU of boxes around the same points, (N,).

    Source: Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019.

    Args:
        found: float tensor (N, 4), distances to left, top, right and bottom, 0 or more.
        want: Likewise.
    """
    both, either = torch.minimum(found, want), torch.maximum(found, want)
    common = (both[:, 0] + both[:, 2]) * (both[:, 1] + both[:, 3])
    around = (either[:, 0] + either[:, 2]) * (either[:, 1] + either[:, 3])
    areas = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (found, want)]
    union = areas[0] + areas[1] - common
    overlap = common / union.clamp(min=_EPSILON)
    return 1 - overlap + (around - union) / around.clamp(min=_EPSILON)


def condinst_losses(
    output: CondInstOutput, truth: FrameTruth, positives: Positives, where: Places
) -> dict[str, Tensor]:
    """Return the losses of frames.

    Args:
        output: Of the network, for B frames.
        truth: Their objects.
        positives: See `positives_of`.
        where: The places.

    Returns:
        Scalars `classes`, `boxes`, `centerness` and `masks`; 0 where nothing is to be learned.
    """
    dense, count = output.dense, max(1, len(positives.image))
    image, place, owner, distances, centerness = positives
    want = torch.zeros_like(dense.classes)
    want[image, place, truth.class_ids[image, owner]] = 1.0
    apart = overlap_loss(dense.boxes[image, place], distances)
    centres = functional.binary_cross_entropy_with_logits(
        dense.centerness[image, place], centerness, reduction='sum'
    )
    return {
        'classes': focal_loss(dense.classes, want).sum() / count,
        'boxes': (apart * centerness).sum() / centerness.sum().clamp(min=_EPSILON),
        'centerness': centres / count,
        'masks': mask_loss(output, truth, positives, where),
    }


def mask_loss(
    output: CondInstOutput, truth: FrameTruth, positives: Positives, where: Places
) -> Tensor:
    """Return the mean Dice loss of the masks of all positive places."""
    image, place, owner = positives[:3]
    kernels = output.dense.controllers[image, place]
    logits = mask_logits(output.features, image, kernels, where.xy[place], where.level[place])
    middle = _MASK_STRIDE // 2  # where the points of soft masks lie
    labels = truth.labels[:, middle::_MASK_STRIDE, middle::_MASK_STRIDE]
    want = labels[image] == (owner + 1)[:, None, None]
    return dice_loss(soft_masks(logits), want)
