# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An appearance for each instance: the mean of the backbone's features over its mask."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def pool_features(level: Tensor, soft: Tensor) -> Tensor:
    """Return the mean feature of each instance, weighted by its mask, with unit L2 norm.

    Args:
        level: float32 tensor (C, h, w).
        soft: float32 tensor (N, H, W), probabilities, over the same image.

    Returns:
        float32 tensor (N, C); 0 for a mask that is 0.
    """
    weight = functional.adaptive_avg_pool2d(
        soft[:, None], (level.shape[1], level.shape[2])
    ).flatten(1)
    mean = weight @ level.flatten(1).T / weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
    return functional.normalize(mean, dim=1)
