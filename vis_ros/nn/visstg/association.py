# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which track each detection continues.

Source: Wang et al., ICCV 2021, section 3.5; the alternatives of table 2: Yang et al., ICCV 2019
(MaskTrack R-CNN), and Zhou et al., "Tracking Objects as Points", ECCV 2020 (CenterTrack).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.visstg.graph import Window
from vis_ros.nn.visstg.heads import strides
from vis_ros.nn.visstg.network import Output, Visstg
from vis_ros.nn.yolact.nms import pairwise_iou
from vis_ros.ops.assignment import assign_greedy
from vis_ros.ops.transfer import download

_EPSILON = 1e-7


class Pairs(NamedTuple):
    """All pairs of a track and a detection of one image.

    Args:
        score: float tensor (M, N) in [0, 1], how surely they are the same instance.
        is_positive: bool tensor (M, N), pairs that may be matched.
    """

    score: Tensor
    is_positive: Tensor


def edges_to(window: Window, place: Tensor) -> tuple[Tensor, Tensor]:
    """Return which edge leads from each track to each place.

    Args:
        window: Edges of B images.
        place: int64 tensor (B, N), without repeats.

    Returns:
        int64 tensor (B, M, N), index of the edge, or 0; bool tensor (B, M, N), whether there is
        one.
    """
    is_there = (window.place[..., None] == place[:, None, None]) & window.is_edge[..., None]
    has, index = is_there.to(torch.uint8).max(dim=2)
    return index, has > 0


def by_edges(model: Visstg, output: Output, place: Tensor, min_score: float) -> Pairs:
    """Return what the edges to the detected places of the first image say.

    All other edges lead to background and are pruned.

    Args:
        model: Owner of the classifier.
        output: Of a frame with a past.
        place: int64 tensor (N,), places of the detections.
        min_score: Probability from which on an edge is positive.
    """
    assert output.edges is not None
    assert output.window is not None
    index, is_edge = edges_to(output.window, place[None])
    edges = output.edges[0]  # (M, E, D)
    rows = torch.arange(len(edges), device=edges.device)[:, None]
    score = model.edge_logits(edges[rows, index[0]]).float().sigmoid()  # (M, N)
    return Pairs(score, is_edge[0] & (score >= min_score))


def by_embeddings(tracks: Tensor, detections: Tensor, is_real: Tensor) -> Pairs:
    """Return a soft-max for each detection over the tracks, and 0 for being new.

    Args:
        tracks: float tensor (M, E).
        detections: float tensor (N, E).
        is_real: bool tensor (M,), False for tracks that do not take part.
    """
    dots = tracks @ detections.T  # (M, N)
    dots = torch.where(is_real[:, None], dots, -torch.inf)
    score = torch.cat((torch.zeros_like(dots[:1]), dots)).softmax(dim=0)[1:]
    return Pairs(score, dots > 0)


def by_offsets(tracks: Tensor, boxes: Tensor, displacement: Tensor, min_overlap: float) -> Pairs:
    """Return the overlap of each box, moved to where it was, with the last box of each track.

    Args:
        tracks: float tensor (M, 4), xyxy in pixels of the input.
        boxes: float tensor (N, 4), likewise.
        displacement: float tensor (N, 2), from now to the last frame [px].
        min_overlap: From here on a pair is positive.
    """
    overlap = pairwise_iou(tracks, boxes + displacement.repeat(1, 2), epsilon=_EPSILON)
    return Pairs(overlap, overlap >= min_overlap)


def displacements(output: Output, place: Tensor, level: Tensor, reach: float) -> Tensor:
    """Return what the first image says about where places (N,) were, (N, 2) [px]."""
    return output.dense.cues[0, place].float() * strides(level)[:, None] * reach


def resolve(pairs: Pairs, is_possible: Tensor) -> np.ndarray:
    """Return the detection of each track, int64 (M,), or -1; on the host.

    Where an instance has several positive pairs, only the surest stays: pairs are taken in order
    of score, those of equal score in order of tracks.

    Args:
        pairs: Scores.
        is_possible: bool tensor (M, N), False for pairs that are pruned: those of different
            classes, and padding.
    """
    host = download({'is_left': pairs.is_positive & is_possible, 'score': pairs.score})
    cost = np.where(host['is_left'], -host['score'], np.inf)
    match = np.full(len(cost), -1)
    for track, detection in assign_greedy(cost, 0.0):
        match[track] = detection
    return match
