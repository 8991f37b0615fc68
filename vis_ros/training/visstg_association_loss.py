# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What VisSTG learns about who is who: by edges, or as in the alternatives of table 2.

Source: Wang et al., ICCV 2021, equation 6; Yang et al., ICCV 2019 (MaskTrack R-CNN), section 4.2;
Zhou et al., "Tracking Objects as Points", ECCV 2020 (CenterTrack), section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.condinst.head import Places
from vis_ros.nn.visstg.heads import strides
from vis_ros.nn.visstg.network import Visstg
from vis_ros.training.visstg_targets import (
    SeenFrame,
    centre_places,
    mean_error,
    owners_of,
    shapes_of,
)


def association_loss(
    model: Visstg,
    reference: SeenFrame,
    target: SeenFrame,
    where: Places,
    *,
    least_heat: float,
    least_score: float,
) -> Tensor:
    """Return what the network's kind of association has to learn, a scalar.

    Args:
        model: Network.
        reference: First frame.
        target: Second frame.
        where: Places of both.
        least_heat: See `VisstgLossConfig.edge_heat`.
        least_score: See `VisstgLossConfig.edge_score`.
    """
    kind = model.options.association
    if kind == 'edge':
        return edge_loss(model, reference, target, least_heat, least_score)
    if kind == 'embedding':
        return embedding_loss(reference, target)
    image, place, owner = target.positives
    is_known = reference.objects.is_real[image, owner]
    image, place, owner = image[is_known], place[is_known], owner[is_known]
    back = reference.objects.centres[image, owner] - target.objects.centres[image, owner]
    unit = strides(where.level[place])[:, None] * model.options.reach
    return mean_error(target.output.dense.cues[image, place], back / unit)


def edge_loss(
    model: Visstg, reference: SeenFrame, target: SeenFrame, least_heat: float, least_score: float
) -> Tensor:
    """Return the binary cross-entropy of the edges that are left after pruning (equation 6).

    Left are edges to places near the centre of an object of the instance's class, and to other
    places that the network takes for one.
    """
    window, edges = target.output.window, target.output.edges
    assert window is not None
    assert edges is not None
    with torch.no_grad():
        owner = owners_of(target.heat, target.positives, least_heat)  # (B, P)
        score, guess = target.output.dense.heat.sigmoid().max(dim=2)
        guess = torch.where(score > least_score, guess, -1)
        true = target.objects.class_ids.gather(1, (owner - 1).clamp(min=0))
        class_id = torch.where(owner > 0, true, guess)
        row = torch.arange(len(owner), device=owner.device)[:, None, None]
        is_same_class = class_id[row, window.place] == reference.objects.class_ids[..., None]
        is_left = window.is_edge & is_same_class
        mine = torch.arange(1, edges.shape[1] + 1, device=owner.device)[:, None]
        is_same = owner[row, window.place] == mine
    logits = model.edge_logits(edges[is_left])
    want = is_same[is_left].to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, want, reduction='sum')
    return losses / max(1, len(want))


def embedding_loss(reference: SeenFrame, target: SeenFrame) -> Tensor:
    """Return the mean cross-entropy of the objects of the target frame: who, or new."""
    shapes = shapes_of(target.output)
    cues = []
    for frame in (reference, target):
        place = centre_places(frame.objects, shapes)
        cue = frame.output.dense.cues
        cues.append(cue.gather(1, place[..., None].expand(-1, -1, cue.shape[2])))
    dots = cues[0] @ cues[1].transpose(1, 2)  # (B, J, J): reference, target
    is_known = reference.objects.is_real
    dots = dots.masked_fill(~is_known[..., None], -torch.inf)
    logits = functional.pad(dots, (0, 0, 1, 0)).transpose(1, 2)  # (B, J, 1 + J)
    number = torch.arange(1, is_known.shape[1] + 1, device=dots.device)
    want = torch.where(is_known, number, 0)
    is_real = target.objects.is_real
    losses = functional.cross_entropy(logits[is_real], want[is_real], reduction='sum')
    return losses / is_real.sum().clamp(min=1)
