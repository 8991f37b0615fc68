# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""RGNNVIS's selection: the best few detections of any class, in tensors of fixed size.

Source: the official code of Johnander et al., GCPR 2021; the thresholds also in the paper
("Video Instance Segmentation with Recurrent Graph Neural Networks", section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.yolact.anchors import decode_boxes, to_pixels
from vis_ros.nn.yolact.masks import box_masks, mask_logits
from vis_ros.nn.yolact.network import Yolact, YolactOutput
from vis_ros.nn.yolact.nms import survivors
from vis_ros.structures.options import option

PAD_LOGIT = -100.0
PAD_BOX = -1.0
PAD_MASK = -1e4  # no weight in any softmax, and still finite where a bilinear weight is 0


@dataclass(frozen=True)
class SelectionConfig:
    """Which anchors become detections."""

    min_score: float = option(
        -3.5,
        'Log-probability above which the best class of an anchor must lie; -3.5 is a probability '
        'of 0.03.',
        minimum=-100.0,
        maximum=0.0,
    )
    max_overlap: float = option(
        0.7,
        'Of two boxes that overlap more than this, of whatever classes, the weaker is dropped.',
        minimum=0.0,
        maximum=1.0,
    )
    top: int = option(200, 'Anchors that compete.', minimum=1, maximum=10000)
    limit: int = option(
        16, 'Detections of a frame at most, the best first.', minimum=1, maximum=1000
    )


class DetectionSet(NamedTuple):
    """At most N detections of each image, best first; the rest of the N places is padding.

    Args:
        is_real: bool tensor (B, N), False for padding.
        anchor: int64 tensor (B, N), -1 for padding.
        logits: float tensor (B, N, K), all classes with background; padding -100.
        boxes: float tensor (B, N, 4), xyxy in pixels of the input; padding -1.
        scores: float tensor (B, N), log-probability of the best class; padding -100.
        mask_logits: float tensor (B, N, h, w), raw mask scores; padding -1e4.
        box_masks: bool tensor (B, N, h, w), the boxes as masks.
    """

    is_real: Tensor
    anchor: Tensor
    logits: Tensor
    boxes: Tensor
    scores: Tensor
    mask_logits: Tensor
    box_masks: Tensor


def select(network: Yolact, output: YolactOutput, config: SelectionConfig) -> DetectionSet:
    """Return the detections, detached from the graph: nothing trains the detector from here.

    The shapes do not depend on the values, and nothing waits for the device.

    Args:
        network: Owner of the anchors.
        output: Its forward pass.
        config: Thresholds.
    """
    raw = output.raw
    logits = raw.logits.detach().float()
    score = best_log_probability(logits)
    score, anchor = score.topk(min(config.top, score.shape[1]), dim=1)  # (B, top)
    boxes = decode_boxes(_rows(raw.offsets.detach(), anchor), network.anchors[anchor])
    boxes = to_pixels(boxes, network.config.height, network.config.width)
    keep = (score > config.min_score) & survivors(boxes, config.max_overlap)
    place = torch.argsort((~keep).to(torch.uint8), dim=1, stable=True)[:, : config.limit]
    is_real = keep.gather(1, place)
    anchor = anchor.gather(1, place)
    boxes = torch.where(is_real[..., None], _rows(boxes, place), PAD_BOX)
    prototypes = output.prototypes.detach()
    masks = mask_logits(prototypes, _rows(raw.coefficients.detach(), anchor)).float()
    size = (masks.shape[-2], masks.shape[-1])
    inside = box_masks(boxes, size, network.config.height, network.config.width)
    return DetectionSet(
        is_real=is_real,
        anchor=torch.where(is_real, anchor, -1),
        logits=torch.where(is_real[..., None], _rows(logits, anchor), PAD_LOGIT),
        boxes=boxes,
        scores=torch.where(is_real, score.gather(1, place), PAD_LOGIT),
        mask_logits=torch.where(is_real[..., None, None], masks, PAD_MASK),
        box_masks=inside & is_real[..., None, None],
    )


def best_log_probability(logits: Tensor) -> Tensor:
    """Return the log-probability (...) of the best class but background of logits (..., K)."""
    return logits[..., 1:].amax(dim=-1) - torch.logsumexp(logits, dim=-1)


def _rows(x: Tensor, index: Tensor) -> Tensor:
    """Return rows (B, N, C) of x (B, A, C) by index (B, N)."""
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))
