# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The matching cost of equation 4: of queries with annotated objects, and of results with others.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, section 3.2. Masks are P values each: points or pixels of all frames of a clip.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

CLASS_WEIGHT, MASK_WEIGHT, DICE_WEIGHT = 2.0, 5.0, 5.0  # section 4.1
_CERTAIN = 1e-4  # probabilities are kept this far from 0 and 1, so that their logits are finite


def pair_costs(
    probability: Tensor,
    logits: Tensor,
    class_ids: Tensor,
    targets: Tensor,
    weights: tuple[float, float, float] = (CLASS_WEIGHT, MASK_WEIGHT, DICE_WEIGHT),
) -> Tensor:
    """Return the cost of each pair, float (N, J).

    Args:
        probability: float tensor (N, K), of each class.
        logits: float tensor (N, P), of the masks.
        class_ids: int64 tensor (J,), class of each object.
        targets: float tensor (J, P), masks of the objects, in [0, 1].
        weights: Of class, mask and DICE.
    """
    by_class = -probability[:, class_ids]
    points = max(logits.shape[1], 1)
    # Of cross-entropy softplus(x) - x t, the first term is the same for all objects.
    outside = functional.softplus(logits).sum(dim=1)[:, None]
    by_mask = (outside - logits @ targets.T) / points
    share = logits.sigmoid()
    sizes = share.sum(dim=1)[:, None] + targets.sum(dim=1)
    by_dice = 1 - (2 * share @ targets.T + 1) / (sizes + 1)
    return weights[0] * by_class + weights[1] * by_mask + weights[2] * by_dice


def logits_of(probability: Tensor) -> Tensor:
    """Return finite logits of probabilities."""
    return probability.clamp(_CERTAIN, 1 - _CERTAIN).logit()


def best_pairs(costs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pairs (query, object) of least total cost, int64 (min(N, J),) each."""
    table = np.nan_to_num(costs.detach().float().cpu().numpy(), nan=1e6, posinf=1e6, neginf=-1e6)
    rows, columns = linear_sum_assignment(table)
    return torch.from_numpy(rows).to(costs.device), torch.from_numpy(columns).to(costs.device)
