# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What VisSTG learns from a pair of frames: to detect, to segment, to tell who is who.

Source: Wang et al., "End-to-end Video Instance Segmentation via Spatial-temporal Graph Neural
Networks", ICCV 2021, equations 3, 6 and 7. The weights are not in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst.head import Places, places
from vis_ros.nn.condinst.masks import mask_logits, soft_masks
from vis_ros.nn.visstg.heads import strides
from vis_ros.nn.visstg.network import Output, Past, Visstg
from vis_ros.structures.options import option
from vis_ros.training.visstg_association_loss import association_loss
from vis_ros.training.visstg_targets import (
    Positives,
    SeenFrame,
    gaussians,
    heat_of,
    mean_error,
    objects_of,
    positives_of,
    shapes_of,
)

_MASK_STRIDE = 4
_EPSILON = 1e-5
_FOCUS, _RELIEF = 2, 4  # alpha and beta of CenterNet's focal loss


@dataclass(frozen=True)
class VisstgLossConfig:
    """Weights and choices of the loss."""

    detection: float = option(
        1.0, 'lambda_1 of equation 7; all three are 1, as nothing speaks for other values.',
        minimum=0.0, maximum=1e3,
    )  # fmt: skip
    mask: float = option(1.0, 'lambda_2 of equation 7.', minimum=0.0, maximum=1e3)
    tracking: float = option(1.0, 'lambda_3 of equation 7.', minimum=0.0, maximum=1e3)
    size: float = option(
        1.0,
        'lambda_size of equation 3. CenterNet has 0.1 for sizes in cells; ours are in units of 8 '
        'cells.',
        minimum=0.0,
        maximum=1e3,
    )
    offset: float = option(
        1.0, 'lambda_offset of equation 3, as CenterNet.', minimum=0.0, maximum=1e3
    )
    reference_detection: float = option(
        1.0,
        'Share of the detection loss that the reference frame has too. 0 in the paper; but the '
        'first frame of each stream is seen without a past, which only this teaches.',
        minimum=0.0,
        maximum=1e3,
    )
    reference_mask: float = option(
        1.0,
        'Share of the mask loss that the reference frame has too, as in the paper.',
        minimum=0.0,
        maximum=1e3,
    )
    warped_mask: float = option(
        1.0,
        'Share of the mask loss of the warped mask networks (equation 5) beside that of the own '
        'ones (equation 4).',
        minimum=0.0,
        maximum=1e3,
    )
    radius: int = option(
        1,
        'Cells around that of a centre which learn size, offset and mask too. 0 as CenterNet; '
        'with 1 a peak beside the true place still has a good mask.',
        minimum=0,
        maximum=5,
    )
    min_overlap: float = option(
        0.7, 'Overlap that the radius of the Gaussians stands for.', minimum=0.1, maximum=0.95
    )
    edge_heat: float = option(
        0.01,
        'In the loss of the edges, places stand for an object that are within `radius` of its '
        'centre or have at least this much heat. Less than edge_score, since the heat map is '
        'taught to be above that around a centre.',
        minimum=0.001,
        maximum=1.0,
    )
    edge_score: float = option(
        0.1,
        'Other places count as foreground, and their edges are not pruned, when their best class '
        'is above this: what tracking may meet at test time.',
        minimum=0.0,
        maximum=1.0,
    )


def visstg_losses(
    model: Visstg, images: Tensor, truth: Truth, config: VisstgLossConfig
) -> dict[str, Tensor]:
    """Return the losses of pairs of frames and their sum.

    Args:
        model: Network.
        images: float32 tensor (B, 2, 3, H, W), reference and target frame, see
            `condinst.picture.normalise`.
        truth: Objects of both frames, in pixels of the input.
        config: Weights.

    Returns:
        Scalars `centre`, `size`, `offset`, `mask`, `warped_mask`, `tracking`, without weights and
        with both frames in them, and `total`; finite whatever the images show.

    Raises:
        ValueError: These are no pairs of this size; the text names the shapes.
    """
    size = tuple(images.shape[-2:])
    if images.shape[1] != 2 or tuple(truth.labels.shape) != (len(images), 2, *size):
        raise ValueError(
            f'labels: expected (B, 2, H, W) for images {tuple(images.shape)}, '
            f'got {tuple(truth.labels.shape)}'
        )
    where = places(images.shape[-2], images.shape[-1], images.device)
    both = model.look(images.flatten(0, 1))
    before, now = (tuple(level[k::2] for level in both) for k in (0, 1))
    reference = _frame(model, model.interpret(before, None, None), truth, 0, where, config)
    objects = reference.objects
    past = Past(objects.is_real, objects.centres, model.nodes(before, objects.boxes))
    output = model.interpret(now, past, reference.output.scene())
    target = _frame(model, output, truth, 1, where, config)
    frames = ((reference, config.reference_detection), (target, 1.0))
    losses: dict[str, Tensor] = {}
    for name, term in (('centre', centre_loss), ('size', size_loss), ('offset', offset_loss)):
        parts = [share * term(model, frame, where) for frame, share in frames]
        losses[name] = torch.stack(parts).sum()
    losses['mask'] = _mask_loss(target, where) + config.reference_mask * _mask_loss(
        reference, where
    )
    losses['warped_mask'] = _warped_loss(model, reference, target, where)
    losses['tracking'] = association_loss(
        model,
        reference,
        target,
        where,
        least_heat=config.edge_heat,
        least_score=config.edge_score,
    )
    detection = losses['centre'] + config.size * losses['size'] + config.offset * losses['offset']
    masks = losses['mask'] + config.warped_mask * losses['warped_mask']
    total = config.detection * detection + config.mask * masks
    return {**losses, 'total': total + config.tracking * losses['tracking']}


def _frame(
    model: Visstg, output: Output, truth: Truth, t: int, where: Places, config: VisstgLossConfig
) -> SeenFrame:
    boxes, is_visible = truth.boxes[:, t], truth.is_visible[:, t]
    with torch.no_grad():
        objects = objects_of(boxes, is_visible, truth.class_ids, model.options.reach)
        shapes = shapes_of(output)
        heat = gaussians(objects, where, shapes, config.min_overlap)
        positives = positives_of(objects, where, shapes, config.radius)
    return SeenFrame(output, objects, heat, positives, truth.labels[:, t])


def centre_loss(model: Visstg, frame: SeenFrame, where: Places) -> Tensor:
    """Return CenterNet's focal loss of the heat map, for each object."""
    want = heat_of(frame.heat, frame.objects, model.config.num_classes)
    logits = frame.output.dense.heat
    share = logits.sigmoid()
    hit = -functional.logsigmoid(logits) * (1 - share) ** _FOCUS
    miss = -functional.logsigmoid(-logits) * share**_FOCUS * (1 - want) ** _RELIEF
    return torch.where(want == 1, hit, miss).sum() / frame.objects.is_real.sum().clamp(min=1)


def size_loss(model: Visstg, frame: SeenFrame, where: Places) -> Tensor:
    """Return the mean absolute error of widths and heights, in units of the level."""
    image, place, owner = frame.positives
    unit = strides(where.level[place])[:, None] * model.options.reach
    want = frame.objects.sides[image, owner] / unit
    return mean_error(frame.output.dense.sizes[image, place], want)


def offset_loss(model: Visstg, frame: SeenFrame, where: Places) -> Tensor:
    """Return the mean absolute error of the way from places to centres, in cells."""
    image, place, owner = frame.positives
    away = frame.objects.centres[image, owner] - where.xy[place]
    want = away / strides(where.level[place])[:, None]
    return mean_error(frame.output.dense.offsets[image, place], want)


def dice_loss(masks: Tensor, want: Tensor) -> Tensor:
    """Return the mean Dice loss of soft masks (N, h, w); 0 for none.

    Source: Milletari et al., "V-Net", 2016, as CondInst uses it.
    """
    masks, want = masks.flatten(1), want.flatten(1).to(masks.dtype)
    common = (masks * want).sum(dim=1)
    total = masks.square().sum(dim=1) + want.square().sum(dim=1)
    return (1 - 2 * common / (total + _EPSILON)).sum() / max(1, len(masks))


def _mask_loss(frame: SeenFrame, where: Places) -> Tensor:
    image, place, _ = frame.positives
    kernels = frame.output.dense.controllers[image, place]
    return _dice(frame, frame.positives, kernels, where)


def _warped_loss(model: Visstg, reference: SeenFrame, target: SeenFrame, where: Places) -> Tensor:
    """Return the mask loss of warped mask networks, for objects that both frames show."""
    if not model.options.propagation:
        return target.output.dense.heat.new_zeros(())
    image, _, owner = target.positives
    is_known = reference.objects.is_real[image, owner]
    known = Positives(*(part[is_known] for part in target.positives))
    kernels = model.propagate(
        target.output.levels, reference.output.scene(), known.image, known.place
    )
    return _dice(target, known, kernels, where)


def _dice(frame: SeenFrame, positives: Positives, kernels: Tensor, where: Places) -> Tensor:
    image, place, owner = positives
    logits = mask_logits(
        frame.output.dense.features, image, kernels, where.xy[place], where.level[place]
    )
    middle = _MASK_STRIDE // 2  # where the points of soft masks lie
    labels = frame.labels[:, middle::_MASK_STRIDE, middle::_MASK_STRIDE]
    want = labels[image] == (owner + 1)[:, None, None]
    return dice_loss(soft_masks(logits), want)


def pair_frames(length: int, draw: float, max_gap: int = 4) -> tuple[int, int]:
    """Return a reference frame and a later target frame; all pairs take equal parts of `draw`.

    Args:
        length: Frames of the video. With one frame it is both.
        draw: Number in [0, 1).
        max_gap: Largest distance; below 5 in the paper.
    """
    gaps = range(1, min(max_gap, length - 1) + 1)
    pairs = [(first, first + gap) for gap in gaps for first in range(length - gap)]
    return pairs[int(draw * len(pairs))] if pairs else (0, 0)
