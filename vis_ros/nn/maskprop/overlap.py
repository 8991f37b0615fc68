# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Overlap of soft masks: of pairs, of clip-level tracks, and as a loss.

Source: MaskProp, equations 2 to 4; equation 1 is that of `vis_ros.evaluation`. Where neither mask
has any weight, equation 3 is 0 / 0: two tracks that agree that an object is out of sight say
nothing about whose it is, so the value is 0; in the loss, where the prediction is right, it is 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-9


def soft_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the soft IoU (...) of masks (..., h, w) in [0, 1] (equation 3)."""
    both = (a * b).sum(dim=(-2, -1))
    either = a.sum(dim=(-2, -1)) + b.sum(dim=(-2, -1)) - both
    return both / either.clamp(min=_TINY)


def propagation_loss(masks: Tensor, truth: Tensor) -> Tensor:
    """Return the sum of 1 - sIoU over all masks (..., h, w), a scalar (equation 2)."""
    is_empty = (truth.sum(dim=(-2, -1)) == 0) & (masks.detach().sum(dim=(-2, -1)) == 0)
    return torch.where(is_empty, 0.0, 1 - soft_iou(masks, truth)).sum()


def clip_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Return the matching scores of clip-level tracks (equation 4), float (N, M) in [0, 1].

    Args:
        a: float tensor (N, T, h, w), masks in the T frames that both clips have, T at least 1.
        b: float tensor (M, T, h, w).
    """
    first, second = a.flatten(2).transpose(0, 1), b.flatten(2).transpose(0, 1)  # (T, N, P)
    both = first @ second.transpose(1, 2)  # (T, N, M)
    either = first.sum(2)[:, :, None] + second.sum(2)[:, None, :] - both
    return (both / either.clamp(min=_TINY)).mean(dim=0)
