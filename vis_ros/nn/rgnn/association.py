# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which detection a track takes, and which detections start tracks.

Source: Johnander et al., section 3.1.4; slots as in the official code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.yolact.selection import DetectionSet

IMPOSSIBLE = -1e5  # logit of pairs that do not exist
_CONFIDENCE_WEIGHT, _IOU_WEIGHT, _CLASS_WEIGHT = 1.0, 2.0, 10.0  # of MaskTrack R-CNN


class Choice(NamedTuple):
    """The hard decisions of a frame.

    Args:
        match: int64 tensor (B, M), detection of each track, or -1. Several tracks may share one.
        is_birth: bool tensor (B, N), detections that shall start a track.
    """

    match: Tensor
    is_birth: Tensor


def choose(
    match_logits: Tensor, init_logits: Tensor, is_real: Tensor, options: RgnnOptions
) -> Choice:
    """Return what follows from the logits; each track decides for itself.

    Args:
        match_logits: float tensor (B, M, N), `IMPOSSIBLE` where a track or detection is none.
        init_logits: float tensor (B, N).
        is_real: bool tensor (B, N), detections that are no padding.
        options: Thresholds.
    """
    is_learned = options.association == 'learned'
    best, index = match_logits.max(dim=-1)
    match = torch.where(best >= (options.match_threshold if is_learned else 0.0), index, -1)
    if is_learned and options.graph == 'joint':
        return Choice(match, (init_logits > options.birth_threshold) & is_real)
    if is_learned:  # without a graph: what no track takes
        taken = functional.one_hot(match + 1, is_real.shape[1] + 1).amax(dim=1)[:, 1:] > 0
        return Choice(match, ~taken & is_real)
    return Choice(match, (init_logits >= 0.0) & is_real)


def masktrack_logits(
    looks: Tensor,
    means: Tensor,
    iou: Tensor,
    found: DetectionSet,
    track_logits: Tensor,
    is_alive: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the association of MaskTrack R-CNN in the form of our logits; 0 is the threshold.

    A detection is a new object or one of the tracks, by a soft-max over dot products of
    appearances (0 for new), to whose logarithm confidence, overlap and equality of classes are
    added. Each detection has one winner, and each track keeps its best detection.

    Source: Yang et al., "Video Instance Segmentation", ICCV 2019, section 4.3, with the weights
    1, 2 and 10 of its code.

    Args:
        looks: float tensor (B, N, D).
        means: float tensor (B, M, D).
        iou: float tensor (B, M, N).
        found: The N detections.
        track_logits: float tensor (B, M, K).
        is_alive: bool tensor (B, M).

    Returns:
        Match logits (B, M, N) and init logits (B, N), differences between a score and the best
        of the others.
    """
    dots = torch.einsum('bmd,bnd->bmn', means.float(), looks.float())
    dots = dots.masked_fill(~is_alive[..., None], IMPOSSIBLE)
    chance = torch.cat((torch.zeros_like(dots[:, :1]), dots), dim=1).log_softmax(dim=1)
    is_same = (
        found.logits[..., 1:].argmax(-1)[:, None] == track_logits[..., 1:].argmax(-1)[..., None]
    )
    tracks = chance[:, 1:] + _IOU_WEIGHT * iou + _CLASS_WEIGHT * is_same.float()
    new = chance[:, 0] + _CLASS_WEIGHT  # the published code counts a new object as of its class
    confidence = _CONFIDENCE_WEIGHT * found.scores[:, None]
    tracks = (tracks + confidence).masked_fill(~is_alive[..., None], IMPOSSIBLE)
    new = new + confidence[:, 0]
    rivals = torch.cat((new[:, None], tracks), dim=1)  # (B, 1 + M, N)
    first, second = rivals.topk(min(2, rivals.shape[1]), dim=1).values.unbind(1)
    is_best = tracks == first[:, None]
    margin = torch.where(is_best, tracks - second[:, None], tracks - first[:, None])
    is_pair = is_alive[..., None] & found.is_real[:, None]
    return torch.where(is_pair, margin, IMPOSSIBLE), new - tracks.amax(dim=1)


def official_slots(is_alive: Tensor, choice: Choice) -> tuple[Tensor, Tensor]:
    """Return what the official life cycle makes of a choice: no slot is ever given back.

    New tracks take the free slots in order; when there are none left, they are dropped.

    Args:
        is_alive: bool tensor (B, M), slots that hold a track before this frame.
        choice: Decisions of this frame.

    Returns:
        int64 tensor (B, M), detection that each slot shows, or -1; and bool tensor (B, M), slots
        whose track starts now.
    """
    births = torch.argsort((~choice.is_birth).to(torch.uint8), dim=1, stable=True)  # (B, N)
    rank = (~is_alive).cumsum(dim=1) - 1  # of each free slot
    count = choice.is_birth.sum(dim=1, keepdim=True)
    is_new = ~is_alive & (rank < count)
    index = births.gather(1, rank.clamp(0, births.shape[1] - 1))
    assigned = torch.where(is_alive, choice.match, -1)
    return torch.where(is_new, index, assigned), is_new
