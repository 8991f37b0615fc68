# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which queries become instances of a frame, and their masks in its image."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.ifr.config import IfrSelection
from vis_ros.nn.picture import Placement, axes_at_source
from vis_ros.ops.rle import from_crop
from vis_ros.ops.run_starts import download_masks
from vis_ros.ops.stretch import masks_above
from vis_ros.ops.transfer import download
from vis_ros.structures import Rle

_LARGEST = 9.21  # of a logit, that of the largest probability that `logits_of` knows


class Shown(NamedTuple):
    """Queries that show something, the best first.

    Args:
        query: int64 array (n,).
        probability: float32 array (n, K), of each class.
    """

    query: np.ndarray
    probability: np.ndarray


def shown(
    probability: Tensor, logits: Tensor, seniority: np.ndarray, options: IfrSelection
) -> Shown:
    """Return the queries that show something; what decides comes down in one copy.

    Args:
        probability: float tensor (N, K), of each class.
        logits: float tensor (N, h, w), of the masks.
        seniority: int64 array (N,); of two alike stays that of the older track, any before none.
        options: Thresholds.
    """
    x = (logits.flatten(1) >= _logit(options.mask_threshold)).float()
    host = download({'probability': probability.float(), 'both': x @ x.T})
    score = host['probability'].max(axis=1)
    order = np.lexsort((-score, -seniority))
    is_seen = (score >= options.score_threshold) & (host['both'].diagonal() > 0)
    order = order[is_seen[order]]
    if len(order) > 1 and options.duplicate_overlap < 1:
        both = host['both'][np.ix_(order, order)]
        order = order[_first_of_twins(both, options.duplicate_overlap)]
    order = order[np.argsort(-score[order], kind='stable')]
    return Shown(order, host['probability'][order])


def _first_of_twins(both: np.ndarray, most: float) -> np.ndarray:
    """Return which masks, bool (n,), overlap no earlier one that stays by more than `most`.

    Args:
        both: float array (n, n), pixels that two masks share; those of each on the diagonal.
        most: Largest intersection over union.
    """
    sizes = both.diagonal()
    overlap = both / np.maximum(sizes[:, None] + sizes - both, 1)
    stays = np.zeros(len(both), np.bool_)
    for index in range(len(both)):
        stays[index] = not (overlap[index, :index][stays[:index]] > most).any()
    return stays


def masks_at_source(logits: Tensor, placement: Placement, threshold: float) -> list[Rle]:
    """Return masks in the image, each as large as it must be; from a GPU come their runs only.

    Args:
        logits: float tensor (n, h, w), of the whole input at stride 4.
        placement: Where the image lies in the input.
        threshold: Pixels from this probability on belong to a mask.
    """
    x = logits.float().clamp(-_LARGEST, _LARGEST)
    if x.is_cpu:
        axes = axes_at_source(x, placement)
        masks = masks_above(x, axes, _logit(threshold), is_inclusive=True)
        return [from_crop(mask) for mask in masks]
    x = functional.interpolate(
        x[:, None], size=placement.padded, mode='bilinear', align_corners=False
    )
    x = x[..., : placement.picture[0], : placement.picture[1]]
    if placement.picture != placement.source:
        x = functional.interpolate(x, size=placement.source, mode='bilinear', align_corners=False)
    return download_masks(x[:, 0] >= _logit(threshold))


def _logit(probability: float) -> float:
    if probability <= 0 or probability >= 1:
        return -math.inf if probability <= 0 else math.inf
    return math.log(probability / (1 - probability))


def aligned(maps: Tensor, own: Placement, other: Placement) -> Tensor:
    """Return maps of one input where they lie in another input of the same image.

    Args:
        maps: float tensor (N, T, h, w), of the whole input at some stride.
        own: Where the image lies in that input.
        other: Where it lies in the other one; both have the same source.

    Returns:
        float tensor (N, T, h', w'), at stride 4 of the other input.
    """
    rows, columns = (
        (torch.arange(size // 4, device=maps.device) + 0.5) * 4 / picture * mine / whole
        for size, picture, mine, whole in zip(
            other.padded, other.picture, own.picture, own.padded, strict=True
        )
    )
    size = (len(rows), len(columns))
    grid = torch.stack((columns.expand(size), rows[:, None].expand(size)), dim=2) * 2 - 1
    found: Tensor = functional.grid_sample(
        maps,
        grid.to(maps.dtype).expand(len(maps), -1, -1, -1),
        align_corners=False,
        padding_mode='border',
    )
    return found
