# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses that train IFR on clips.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, section 3.2, equations 4 to 7; points are sampled as in Mask2Former (Cheng et al., CVPR 2022,
section 3.3). Each layer of the decoder is taught, and what the queries say before the first one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.ifr import Features, Ifr, Prediction
from vis_ros.nn.ifr.matching import best_pairs, pair_costs
from vis_ros.nn.ifr.picture import normalise
from vis_ros.nn.picture import padded_size
from vis_ros.structures.options import option


@dataclass(frozen=True)
class IfrLossConfig:
    """Weights of the terms, and the points at which masks are compared."""

    classes: float = option(2.0, 'Weight of the class in the loss.', minimum=0.0, maximum=1000.0)
    match_classes: float = option(
        2.0,
        'Weight of the class in the matching. Where it is far above those of mask and DICE, each '
        'class soon has queries of its own, that show all its objects at once.',
        minimum=0.0,
        maximum=1000.0,
    )
    mask: float = option(
        5.0,
        "Weight of the masks' cross-entropy, in matching and loss.",
        minimum=0.0,
        maximum=1000.0,
    )
    dice: float = option(5.0, 'Weight of DICE, in matching and loss.', minimum=0.0, maximum=1000.0)
    cross_frame: float = option(
        0.3,
        "Weight of masks that a frame's queries predict in the other frames of the clip "
        '(equations 6 and 7); the best in figure 4. 0 for none.',
        minimum=0.0,
        maximum=10.0,
    )
    points: int = option(
        12544,
        'Points of each frame at which the loss compares masks; 112 x 112 as in Mask2Former.',
        minimum=1,
        maximum=1_000_000,
    )
    match_points: int = option(
        12544,
        'The same in the matching; 112 x 112 as in Mask2Former. With few, small objects have a '
        'handful each.',
        minimum=1,
        maximum=1_000_000,
    )
    oversample: float = option(
        3.0,
        'Points drawn, per point kept, of those that are chosen for being uncertain.',
        minimum=1.0,
        maximum=100.0,
    )
    uncertain: float = option(
        0.75,
        'Share of the points that are chosen so; the others are drawn at random.',
        minimum=0.0,
        maximum=1.0,
    )
    alpha: float = option(
        0.25, 'Weight of the right class in the focal loss.', minimum=0.0, maximum=1.0
    )
    gamma: float = option(2.0, 'Exponent of the focal loss.', minimum=0.0, maximum=10.0)


class Objects(NamedTuple):
    """The J objects of one clip.

    Args:
        class_ids: int64 tensor (J,), 0 is the first class.
        masks: float32 tensor (J, n, H, W), 0 or 1, padded as the images are.
    """

    class_ids: Tensor
    masks: Tensor


def ifr_loss(model: Ifr, images: Tensor, truth: Truth, config: IfrLossConfig) -> dict[str, Tensor]:
    """Return the terms of the loss, with their weights, and their sum.

    Args:
        model: In training mode.
        images: uint8 tensor (B, n, H, W, 3), RGB; the paper takes n = 2.
        truth: Their objects.
        config: Weights and points.

    Returns:
        See `decoder_loss`.

    Raises:
        ValueError: The truth is of another size.
    """
    shape = tuple(images.shape[:4])
    if images.ndim != 5 or tuple(truth.labels.shape) != shape:
        raise ValueError(
            f'images: expected clips (B, n, H, W, 3) and labels of that size, got '
            f'{tuple(images.shape)} and {tuple(truth.labels.shape)}'
        )
    features = features_of(model, images.flatten(0, 1))
    return decoder_loss(model, features, truth, config)


def features_of(model: Ifr, images: Tensor) -> Features:
    """Return what the network makes of images, uint8 (F, H, W, 3), before its decoder."""
    padded = padded_size(int(images.shape[1]), int(images.shape[2]))
    return model.see(normalise(images, padded))


def decoder_loss(
    model: Ifr, features: Features, truth: Truth, config: IfrLossConfig
) -> dict[str, Tensor]:
    """Return the terms of the loss, with their weights, and their sum.

    Args:
        model: In training mode; only its decoder is used.
        features: Of all B * n frames, see `features_of`.
        truth: Their objects.
        config: Weights and points.

    Returns:
        float32 scalars `classes`, `mask`, `dice` and `total`, over all layers, divided by the
        number of objects.
    """
    batch, frames, height, width = truth.labels.shape
    padded = padded_size(height, width)
    decoded = model.decode(features, frames=frames)
    masks = features.masks.float().unflatten(0, (batch, frames))
    clips = [_objects(truth, b, padded) for b in range(batch)]
    count = max(sum(len(clip.class_ids) for clip in clips), 1)
    terms = dict.fromkeys(('classes', 'mask', 'dice'), masks.sum() * 0.0)
    for said in decoded.layers:
        for b, clip in enumerate(clips):
            one = Prediction(said.classes[b].float(), said.kernels[b].float())
            for name, value in clip_loss(one, masks[b], clip, config).items():
                terms[name] = terms[name] + value / count
    return {**terms, 'total': torch.stack(list(terms.values())).sum()}


def _objects(truth: Truth, b: int, padded: tuple[int, int]) -> Objects:
    """Return the objects that some frame of a clip shows."""
    is_there = truth.is_visible[b].any(dim=0) & (truth.class_ids[b] > 0)
    index = torch.nonzero(is_there)[:, 0]
    labels = truth.labels[b]
    masks = labels == (index + 1).to(labels.dtype)[:, None, None, None]
    below, right = padded[0] - labels.shape[1], padded[1] - labels.shape[2]
    return Objects(
        truth.class_ids[b, index] - 1, functional.pad(masks.float(), (0, right, 0, below))
    )


def clip_loss(
    said: Prediction, features: Tensor, clip: Objects, config: IfrLossConfig
) -> dict[str, Tensor]:
    """Return the terms of one layer for one clip, with their weights, summed over objects.

    Args:
        said: Logits (m, N, K), kernels (n, N, C).
        features: float tensor (n, C, h, w).
        clip: J objects.
        config: Weights and points.
    """
    query, which = match(said, features, clip, config)
    target = torch.zeros_like(said.classes)
    target[:, query, clip.class_ids[which]] = 1
    focal = focal_loss(said.classes, target, config.alpha, config.gamma) / len(said.classes)
    terms = {'classes': config.classes * focal}
    kernels = said.kernels[:, query]  # (n, J, C)
    # maps[j, t, s]: what the query of frame t says about frame s.
    maps = torch.einsum('tjc,schw->jtshw', kernels, features)
    masks = clip.masks if len(which) == len(clip.masks) else clip.masks[which]
    if not len(query):
        return {**terms, 'mask': maps.sum(), 'dice': maps.sum()}
    with torch.no_grad():
        points = chosen_points(maps.diagonal(dim1=1, dim2=2).movedim(-1, 1), config)
        wanted = at_points(masks.flatten(0, 1)[:, None], points)  # (J * n, 1, P)
    frames = maps.shape[1]
    logits = at_points(maps.transpose(1, 2).flatten(0, 1), points)  # (J * s, t, P)
    logits, wanted = (x.unflatten(0, (-1, frames)) for x in (logits, wanted))  # (J, s, t, P)
    wanted = wanted.expand_as(logits)
    same = torch.eye(frames, device=maps.device)
    weight = same + config.cross_frame * (1 - same)  # (s, t)
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction='none')
    terms['mask'] = config.mask * (weight * entropy.mean(dim=3)).sum()
    terms['dice'] = config.dice * (weight * dice_loss(logits, wanted)).sum()
    return terms


@torch.no_grad()
def match(
    said: Prediction, features: Tensor, clip: Objects, config: IfrLossConfig
) -> tuple[Tensor, Tensor]:
    """Return the query of each object and the object, int64 (min(N, J),) each; equation 4.

    The objects are in order.
    """
    point = torch.rand(1, config.match_points, 2, device=features.device)
    maps = torch.einsum('tqc,tchw->tqhw', said.kernels, features)
    points = point.expand(len(maps), -1, -1)
    logits = at_points(maps, points).transpose(0, 1).flatten(1)  # (N, n * P)
    targets = at_points(clip.masks.transpose(0, 1), points).transpose(0, 1).flatten(1)
    probability = said.classes.sigmoid().mean(dim=0)
    weights = (config.match_classes, config.mask, config.dice)
    costs = pair_costs(probability, logits, clip.class_ids, targets, weights)
    which, query = best_pairs(costs.T)  # in order of what comes first
    return query, which


def focal_loss(logits: Tensor, target: Tensor, alpha: float, gamma: float) -> Tensor:
    """Return the sum of the focal loss (Lin et al., ICCV 2017) of logits; targets are 0 or 1."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction='none')
    right = torch.where(target > 0, logits, -logits).sigmoid()
    share = alpha * target + (1 - alpha) * (1 - target)
    return (share * (1 - right) ** gamma * entropy).sum()


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return 1 - DICE over the last dimension; one is added above and below, as in Mask2Former."""
    share = logits.sigmoid()
    overlap = 2 * (share * target).sum(dim=-1) + 1
    return 1 - overlap / (share.sum(dim=-1) + target.sum(dim=-1) + 1)


def at_points(maps: Tensor, points: Tensor) -> Tensor:
    """Return maps (B, C, h, w) at points (B, P, 2), x and y in [0, 1], as (B, C, P)."""
    grid = (2 * points - 1)[:, :, None]  # (B, P, 1, 2)
    values: Tensor = functional.grid_sample(maps, grid, align_corners=False)[..., 0]
    return values


def chosen_points(maps: Tensor, config: IfrLossConfig) -> Tensor:
    """Return points of each object and frame, float (J * n, P, 2): most of them near its border.

    Args:
        maps: float tensor (J, n, h, w), logits.
        config: How many, and how.
    """
    flat = maps.flatten(0, 1)[:, None]
    near = int(config.uncertain * config.points)
    drawn = torch.rand(len(flat), int(config.points * config.oversample), 2, device=maps.device)
    doubt = -at_points(flat, drawn)[:, 0].abs()
    best = doubt.topk(near, dim=1).indices
    chosen = drawn.gather(1, best[..., None].expand(-1, -1, 2))
    others = torch.rand(len(flat), config.points - near, 2, device=maps.device)
    return torch.cat((chosen, others), dim=1)
