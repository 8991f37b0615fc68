# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses that train MaskProp on pairs of frames.

Source: Bertasius and Torresani, "Classifying, Segmenting, and Tracking Object Instances in Video
with Mask Propagation", CVPR 2020, sections 4.1 and 4.4: the losses of Mask R-CNN on the first
frame of a pair, and the soft IoU of its instances propagated to both (equation 2 of the pair). The
second frame is up to 25 frames before or after the first. Other than there, instances that the
second frame does not show are left out: equation 3 is constant for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.maskprop import MaskProp
from vis_ros.nn.maskprop.config import STRIDE, THRESHOLDS
from vis_ros.nn.maskprop.detector import Features
from vis_ros.nn.maskprop.masktrack import identity_logits
from vis_ros.nn.maskprop.overlap import soft_iou
from vis_ros.nn.maskprop.picture import normalise
from vis_ros.nn.maskprop.propagation import box_regions
from vis_ros.nn.maskprop.refinement import crop, crop_masks, windows
from vis_ros.nn.maskrcnn import learn_from, propose_among
from vis_ros.nn.picture import padded_size
from vis_ros.structures.options import option

MAX_GAP = 25  # frames between the two of a pair
_PAIR = 2


@dataclass(frozen=True)
class MaskPropLossConfig:
    """Weights of the terms; the paper adds them up as they are. 0 leaves a term out."""

    detection: float = option(
        1.0,
        'Weight of the five losses of Mask R-CNN, or of all those of the cascade.',
        minimum=0.0,
        maximum=1000.0,
    )
    stages: tuple[float, ...] = option(
        (1.0, 0.5, 0.25),
        'Only with a cascade: weight of the losses of each of its three stages.',
        minimum=0.0,
        maximum=1000.0,
    )
    semantic: float = option(
        0.1, 'Weight of the semantic branch, if there is one.', minimum=0.0, maximum=1000.0
    )
    propagation: float = option(
        1.0, 'Weight of the soft IoU, summed over instances.', minimum=0.0, maximum=1000.0
    )
    refinement: float = option(
        1.0,
        'Weight of the refined masks; the paper does not name their loss: cross-entropy, as of '
        'the mask head.',
        minimum=0.0,
        maximum=1000.0,
    )
    identity: float = option(
        1.0, "Weight of MaskTrack R-CNN's tracking branch.", minimum=0.0, maximum=1000.0
    )
    detect_both: bool = option(
        False,
        'The detector learns from both frames; the paper names the first one only.',
    )
    regions: int = option(
        512,
        'Proposals of a frame that the heads of each stage learn from, a quarter of them objects; '
        '512 in torchvision.',
        minimum=1,
        maximum=10000,
    )
    candidates: int = option(
        2000,
        'Boxes of each level among which the proposals of a frame are chosen; 2000 in '
        'torchvision. On small pictures a CPU is busy with that for a third of a step.',
        minimum=1,
        maximum=10000,
    )

    def __post_init__(self) -> None:
        if len(self.stages) != len(THRESHOLDS):
            raise ValueError(f'stages: expected {len(THRESHOLDS)} weights, got {self.stages}')


@dataclass(frozen=True)
class _Objects:
    """The J objects of one pair, that the truth pads to.

    Args:
        labels: uint8 tensor (2, H, W), owner of each pixel, j + 1 for object j.
        boxes: float32 tensor (2, J, 4).
        is_visible: bool tensor (2, J).
        class_ids: int64 tensor (J,), from 1 on.
    """

    labels: Tensor
    boxes: Tensor
    is_visible: Tensor
    class_ids: Tensor

    def masks(self, frame: int, index: Tensor) -> Tensor:
        """Return the masks of objects in a frame, bool (n, H, W)."""
        return self.labels[frame] == (index + 1).to(self.labels.dtype)[:, None, None]

    def target(self, frame: int) -> dict[str, Tensor]:
        """Return what torchvision wants to know of a frame."""
        index = torch.nonzero(self.is_visible[frame])[:, 0]
        masks = self.masks(frame, index).to(torch.uint8)
        boxes = self.boxes[frame, index]
        return {'boxes': boxes, 'labels': self.class_ids[index], 'masks': masks}


def maskprop_loss(
    model: MaskProp, images: Tensor, truth: Truth, config: MaskPropLossConfig
) -> dict[str, Tensor]:
    """Return the terms of the loss, with their weights, and their sum.

    Args:
        model: In training mode.
        images: uint8 tensor (B, 2, H, W, 3), RGB: pairs of frames.
        truth: Their objects.
        config: Weights.

    Returns:
        float32 scalars: `detection`, `total`, and those of `propagation`, `identity` and
        `refinement` for which the model has the parts; finite whatever the images show. With a
        cascade `detection` is that of the proposals only, the others are `stage_1` to `stage_3`
        and `semantic`.

    Raises:
        ValueError: These are no pairs, or the truth is of another size.
    """
    shape = tuple(images.shape[:4])
    if len(shape) != 4 or shape[1] != _PAIR or tuple(truth.labels.shape) != shape:
        raise ValueError(
            f'images: expected pairs (B, 2, H, W, 3) and labels of that size, got '
            f'{tuple(images.shape)} and {tuple(truth.labels.shape)}'
        )
    size = (int(shape[2]), int(shape[3]))
    x = normalise(images.flatten(0, 1), padded_size(*size))
    features = model.detector.features(x, size, _PAIR)  # frames of a pair follow each other
    pairs = [_objects(truth, b) for b in range(shape[0])]
    terms = _detection(model, features, pairs, config) if config.detection else {}
    if config.propagation and model.options.tracking == 'propagation':
        terms['propagation'] = config.propagation * _propagation(model, features, pairs)
    if config.identity and model.options.tracking == 'masktrack':
        terms['identity'] = config.identity * _identity(model, features, pairs)
    if config.refinement and model.options.refinement.enabled:
        terms['refinement'] = config.refinement * _refinement(model, x, features, pairs)
    zero = features.middle.sum() * 0.0  # so that gradients exist where no term is left
    return {**terms, 'total': sum(terms.values(), start=zero)}


def _objects(truth: Truth, b: int) -> _Objects:
    is_visible = truth.is_visible[b] & (truth.class_ids[b] > 0)
    return _Objects(truth.labels[b], truth.boxes[b], is_visible, truth.class_ids[b])


def _part(features: Features, index: slice) -> Features:
    return features._replace(levels={name: v[index] for name, v in features.levels.items()})


def _detection(
    model: MaskProp, features: Features, pairs: list[_Objects], config: MaskPropLossConfig
) -> dict[str, Tensor]:
    """Return the losses of the detector, with their weights, summed by stages."""
    propose_among(model.detector.rpn, config.candidates)
    for heads in model.detector.stages:
        learn_from(heads, config.regions)
    if config.detect_both:
        targets = [pair.target(frame) for pair in pairs for frame in range(_PAIR)]
        losses = model.detector.losses(features, targets)
    else:
        first = _part(features, slice(0, None, _PAIR))
        losses = model.detector.losses(first, [pair.target(0) for pair in pairs])
    groups: dict[str, list[Tensor]] = {}
    for name, value in losses.items():
        stage = name.rpartition('_')[2]
        if stage.isdecimal():
            group, weight = f'stage_{stage}', config.stages[int(stage) - 1]
        else:
            is_semantic = name == 'semantic'
            group, weight = (name, config.semantic) if is_semantic else ('detection', 1.0)
        groups.setdefault(group, []).append(weight * value)
    return {name: config.detection * torch.stack(each).sum() for name, each in groups.items()}


def _propagation(model: MaskProp, features: Features, pairs: list[_Objects]) -> Tensor:
    """Return equation 2, the mean over pairs."""
    middle = features.middle.unflatten(0, (-1, _PAIR))  # (B, 2, C, h, w)
    total = middle.sum() * 0.0
    for pair, both in zip(pairs, middle, strict=True):
        index = torch.nonzero(pair.is_visible[0])[:, 0]
        if not len(index):
            continue
        size = (int(both.shape[-2]), int(both.shape[-1]))
        shares = [_shares(pair.masks(frame, index), size) for frame in range(_PAIR)]
        masks = model.propagation(both[0], both, _regions(model, pair, index, shares[0], size))
        target = (torch.stack(shares, dim=1) >= 0.5).to(masks.dtype)  # (n, 2, h, w)
        is_there = target.flatten(2).any(dim=2)
        total = total + torch.where(is_there, 1 - soft_iou(masks.float(), target), 0.0).sum()
    return total / len(pairs)


def _regions(
    model: MaskProp, pair: _Objects, index: Tensor, shares: Tensor, size: tuple[int, int]
) -> Tensor:
    """Return where the objects of the first frame are, as `MaskProp.regions` gives it."""
    options = model.options.propagation
    if not options.frame_masks:
        return box_regions(pair.boxes[0, index], size, STRIDE)
    return (shares > 0.5).to(shares.dtype) if options.region == 'binary' else shares


def _shares(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Return how much of each cell of the padded map masks (n, H, W) cover, float (n, h, w)."""
    below = size[0] * STRIDE - masks.shape[-2]
    right = size[1] * STRIDE - masks.shape[-1]
    whole = functional.pad(masks.float(), (0, right, 0, below))
    return functional.avg_pool2d(whole[:, None], STRIDE)[:, 0]


def _identity(model: MaskProp, features: Features, pairs: list[_Objects]) -> Tensor:
    """Return the cross-entropy of which object of the first frame each of the second one is."""
    total, count = features.middle.sum() * 0.0, 0
    seen = [torch.nonzero(pair.is_visible[f])[:, 0] for pair in pairs for f in range(_PAIR)]
    boxes = [
        pair.boxes[f, seen[_PAIR * b + f]] for b, pair in enumerate(pairs) for f in range(_PAIR)
    ]
    looks = model.tracking(features, boxes).split([len(index) for index in seen])
    for b in range(len(pairs)):
        known, found = seen[_PAIR * b], seen[_PAIR * b + 1]
        logits = identity_logits(looks[_PAIR * b + 1], looks[_PAIR * b])
        is_same = functional.pad(found[:, None] == known, (1, 0))  # (n, m + 1), 0 is new
        target = is_same.to(torch.int64).argmax(dim=1) if is_same.numel() else found
        total = total + functional.cross_entropy(logits.float(), target, reduction='sum')
        count += len(found)
    return total / max(count, 1)


def _refinement(model: MaskProp, x: Tensor, features: Features, pairs: list[_Objects]) -> Tensor:
    """Return the cross-entropy of refined masks of the first frames, the mean over pixels.

    The coarse masks are those of the mask head over the true boxes; it does not learn from here.
    """
    first = _part(features, slice(0, None, _PAIR))
    targets = [pair.target(0) for pair in pairs]
    side, total, count = model.sizes.crop, features.middle.sum() * 0.0, 0
    known = [[target[name] for target in targets] for name in ('boxes', 'labels')]
    with torch.no_grad():
        coarse = model.detector.masks(first, *known)
    for b, (target, masks) in enumerate(zip(targets, coarse, strict=True)):
        if not len(masks):
            continue
        boxes = target['boxes']
        squares = windows(boxes, model.sizes, model.options.refinement)
        crops = crop(x[_PAIR * b : _PAIR * b + 1], squares, side)
        logits = model.refinement(crops, crop_masks(masks, boxes, squares, side))
        wanted = crop(target['masks'][:, None].float(), squares, side)[:, 0]
        total = total + functional.binary_cross_entropy_with_logits(
            logits.float(), (wanted >= 0.5).float(), reduction='sum'
        )
        count += logits.numel()
    return total / max(count, 1)
