# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loss that trains the detector on single images, and parameters to start from.

Source: Bolya et al., "YOLACT", ICCV 2019, section 3, and its published code. Other than there, an
image without objects teaches too; objects are what is visible of them, for the truth names one
owner for each pixel; and there are no crowds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.yolact import Yolact, YolactOutput
from vis_ros.nn.yolact.anchors import encode_boxes
from vis_ros.nn.yolact.masks import crop_masks, mask_logits
from vis_ros.structures.options import option
from vis_ros.training.anchor_matching import NEGATIVE, match_anchors


@dataclass(frozen=True)
class YolactLossConfig:
    """Weights and limits of the detector's loss; the defaults are those of the published code."""

    boxes: float = option(1.5, 'Weight of the boxes.', minimum=0.0, maximum=1000.0)
    classes: float = option(1.0, 'Weight of the classes.', minimum=0.0, maximum=1000.0)
    masks: float = option(6.125, 'Weight of the masks.', minimum=0.0, maximum=1000.0)
    semantic: float = option(
        1.0, 'Weight of the auxiliary segmentation by class.', minimum=0.0, maximum=1000.0
    )
    positive_overlap: float = option(
        0.5, 'Anchors that overlap an object this much stand for it.', minimum=0.0, maximum=1.0
    )
    negative_overlap: float = option(
        0.4, 'Anchors that overlap no object this much are background.', minimum=0.0, maximum=1.0
    )
    negatives: float = option(
        3.0,
        'Background anchors for each one with an object; the hardest of the image.',
        minimum=0.0,
        maximum=1000.0,
    )
    empty_negatives: int = option(
        30,
        'Background anchors of an image in which no anchor has an object; the hardest of it. The '
        'published code takes none.',
        minimum=0,
        maximum=100000,
    )
    max_masks: int = option(
        100,
        'Masks of an image at most, drawn at random; they count for the others.',
        minimum=1,
        maximum=100000,
    )
    min_side: float = option(
        4 / 550,
        'Objects narrower or lower than this are left out, as a share of the input.',
        minimum=0.0,
        maximum=1.0,
    )


class _Batch(NamedTuple):
    """What the truth says about a batch.

    Args:
        owner: int64 tensor (B, A), see `match_anchors`.
        boxes: float32 tensor (B, J, 4), relative xyxy.
        class_ids: int64 tensor (B, J), 0 for padding and objects left out.
    """

    owner: Tensor
    boxes: Tensor
    class_ids: Tensor


def yolact_loss(
    network: Yolact, output: YolactOutput, truth: Truth, config: YolactLossConfig
) -> dict[str, Tensor]:
    """Return the terms of the loss, with their weights, and their sum.

    Args:
        network: Owner of the anchors and of the auxiliary segmentation.
        output: Its forward pass, of B images.
        truth: Clips of one frame, at the size of the network's input.
        config: Weights and limits.

    Returns:
        float32 scalars `boxes`, `classes`, `masks`, `semantic`, `total`; finite whatever the
        images show.

    Raises:
        ValueError: The truth is not of single frames, or of another size or number than the
            images.
    """
    size = (len(output.prototypes), 1, network.config.height, network.config.width)
    if tuple(truth.labels.shape) != size:
        raise ValueError(f'labels: expected {size}, got {tuple(truth.labels.shape)}')
    batch = _batch(network, truth, config)
    labels = truth.labels[:, 0]
    is_positive = batch.owner >= 0
    positives = is_positive.sum().clamp(min=1)
    terms = {
        'boxes': config.boxes * _box_loss(network, output, batch) / positives,
        'classes': config.classes * _class_loss(output.raw.logits.float(), batch, config),
        'masks': config.masks * _mask_loss(output, labels, batch, config.max_masks) / positives,
        'semantic': config.semantic
        * _semantic_loss(network.semantic_logits(output).float(), labels, batch.class_ids),
    }
    return {**terms, 'total': torch.stack(tuple(terms.values())).sum()}


@torch.no_grad()
def _batch(network: Yolact, truth: Truth, config: YolactLossConfig) -> _Batch:
    height, width = network.config.height, network.config.width
    boxes = truth.boxes[:, 0] / truth.boxes.new_tensor((width, height, width, height))
    sides = boxes[..., 2:] - boxes[..., :2]
    is_real = truth.is_visible[:, 0] & (truth.class_ids > 0) & (sides > config.min_side).all(-1)
    owner = match_anchors(
        network.anchors,
        boxes,
        is_real,
        positive_overlap=config.positive_overlap,
        negative_overlap=config.negative_overlap,
    )
    return _Batch(owner, boxes, torch.where(is_real, truth.class_ids, 0))


def _box_loss(network: Yolact, output: YolactOutput, batch: _Batch) -> Tensor:
    """Return the sum over anchors with an object and their four offsets."""
    image, anchor = torch.nonzero(batch.owner >= 0, as_tuple=True)
    boxes = batch.boxes[image, batch.owner[image, anchor]]
    target = encode_boxes(boxes, network.anchors[anchor])
    found = output.raw.offsets[image, anchor].float()
    return functional.smooth_l1_loss(found, target, reduction='sum')


def _class_loss(logits: Tensor, batch: _Batch, config: YolactLossConfig) -> Tensor:
    """Return the cross-entropy of anchors with an object and of the hardest without one.

    It is divided by the number of the former. An image without any counts as if it had as many as
    make up its `empty_negatives`.
    """
    is_positive, is_negative = batch.owner >= 0, batch.owner == NEGATIVE
    positives = is_positive.sum(dim=1)  # (B,)
    stand_in = config.empty_negatives / config.negatives if config.negatives else 0.0
    divisor = torch.where(positives > 0, positives, stand_in).sum().clamp(min=1)
    wanted = torch.where(positives > 0, config.negatives * positives, config.empty_negatives)
    is_taken = is_positive | _hardest(logits.detach(), is_negative, wanted.long())
    image, anchor = torch.nonzero(is_taken, as_tuple=True)
    owner = batch.owner[image, anchor]
    target = torch.zeros_like(owner)
    has_object = owner >= 0
    target[has_object] = batch.class_ids[image[has_object], owner[has_object]]
    return functional.cross_entropy(logits[image, anchor], target, reduction='sum') / divisor


def _hardest(logits: Tensor, is_negative: Tensor, wanted: Tensor) -> Tensor:
    """Return the `wanted` (B,) background anchors least taken for it, bool (B, A)."""
    hardness = torch.logsumexp(logits, dim=-1) - logits[..., 0]  # (B, A), above 0
    hardness = torch.where(is_negative, hardness, -1.0)
    count = min(int(wanted.max()), hardness.shape[1])
    anchor = hardness.topk(count, dim=1).indices  # (B, count)
    is_wanted = torch.arange(count, device=logits.device) < wanted[:, None]
    return torch.zeros_like(is_negative).scatter(1, anchor, is_wanted) & is_negative


def _mask_loss(output: YolactOutput, labels: Tensor, batch: _Batch, max_masks: int) -> Tensor:
    """Return the sum over anchors with an object of the mean error in its box.

    Each anchor's mask is compared in the box of its object, one pixel wider on each side, and the
    error is divided by the area of the box, in pixels of the mask, each side at least one.
    """
    prototypes = output.prototypes.float()
    rows, columns = prototypes.shape[-2:]
    labels = shrink_labels(labels, (rows, columns))  # (B, h, w)
    total = prototypes.sum() * 0.0  # so that gradients exist where no image has an object
    for image, owner in enumerate(batch.owner):
        anchor = torch.nonzero(owner >= 0)[:, 0]
        count = len(anchor)
        if count > max_masks:
            anchor = anchor[torch.randperm(count, device=anchor.device)[:max_masks]]
        item = owner[anchor]
        boxes = batch.boxes[image, item]  # (n, 4)
        coefficients = output.raw.coefficients[image, anchor].float()
        logits = mask_logits(prototypes[image][None], coefficients[None])[0]  # (n, h, w)
        target = (labels[image] == (item + 1).to(labels.dtype)[:, None, None]).float()
        inside = crop_masks(boxes, rows, columns).float()  # (n, h, w)
        error = functional.binary_cross_entropy_with_logits(
            logits, target, weight=inside, reduction='none'
        )
        sides = (boxes[:, 2:] - boxes[:, :2]) * boxes.new_tensor((columns, rows))
        area = sides.clamp(min=1).prod(dim=1)
        total = total + (error.sum(dim=(1, 2)) / area).sum() * (count / max(len(anchor), 1))
    return total


def _semantic_loss(logits: Tensor, labels: Tensor, class_ids: Tensor) -> Tensor:
    """Return the mean over images and pixels of the sum over classes.

    Args:
        logits: float32 tensor (B, K - 1, h, w).
        labels: uint8 tensor (B, H, W).
        class_ids: int64 tensor (B, J).
    """
    small = shrink_labels(labels, (logits.shape[2], logits.shape[3])).long()
    table = functional.pad(class_ids, (1, 0))  # (B, J + 1), what belongs to nobody is background
    owner_class = table.gather(1, small.flatten(1)).view_as(small)  # (B, h, w)
    classes = torch.arange(1, logits.shape[1] + 1, device=logits.device)
    target = (owner_class[:, None] == classes[:, None, None]).float()
    error = functional.binary_cross_entropy_with_logits(logits, target, reduction='sum')
    return error / small.numel()


def shrink_labels(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the owner of each pixel at another size.

    The same as scaling the mask of each object (bilinear, half-pixel centres, no antialias) and
    keeping what is above 0.5, as the published code does; no two objects can be.

    Args:
        labels: uint8 tensor (B, H, W).
        size: Rows h and columns w.

    Returns:
        uint8 tensor (B, h, w).
    """
    top, bottom, y = _neighbours(labels.shape[1], size[0], labels.device)
    left, right, x = _neighbours(labels.shape[2], size[1], labels.device)
    y = y[:, None]
    upper, lower = labels[:, top], labels[:, bottom]  # (B, h, W)
    corners = (upper[..., left], upper[..., right], lower[..., left], lower[..., right])
    weights = ((1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x)
    result = torch.zeros_like(corners[0])
    for corner in corners:
        share = sum(
            torch.where(other == corner, weight, 0.0)
            for other, weight in zip(corners, weights, strict=True)
        )
        result = torch.where(torch.as_tensor(share) > 0.5, corner, result)
    return result


def _neighbours(length: int, count: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two neighbours of each of `count` samples, int64, and the second's weight."""
    place = (torch.arange(count, device=device) + 0.5) * (length / count) - 0.5
    place = place.clamp(min=0)
    first = place.long().clamp(max=length - 1)
    return first, (first + 1).clamp(max=length - 1), place - first


def init_for_training(network: Yolact, foreground: float = 0.01) -> None:
    """Set parameters to start from, where there are no trained ones.

    The backbone keeps torchvision's. All other convolutions get Xavier's uniform weights and no
    bias, as YOLACT has it. Other than there, the biases of the classes and of the auxiliary
    segmentation say that objects are rare, so that the many empty places do not rule the first
    steps.

    Args:
        network: Changed in place.
        foreground: Probability of an object, at any anchor and any pixel, to start with.

    Raises:
        ValueError: `foreground` is not between 0 and 1.
    """
    if not 0 < foreground < 1:
        raise ValueError(f'foreground: expected a value in (0, 1), got {foreground}')
    parts = (network.pyramid, network.prototypes, network.head, network.semantic)
    for module in (module for part in parts for module in part.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    others = network.config.num_classes - 1
    with torch.no_grad():
        if network.head.classes.bias is not None:
            by_anchor = network.head.classes.bias.view(-1, others + 1)
            by_anchor[:, 0] = math.log(others * (1 - foreground) / foreground)
        if network.semantic.bias is not None:
            network.semantic.bias.fill_(math.log(foreground / (others - foreground)))
