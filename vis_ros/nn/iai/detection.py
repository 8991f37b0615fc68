# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what the network makes of a frame to its detections and their pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.condinst.head import places
from vis_ros.nn.iai.config import IaiSelection
from vis_ros.nn.iai.maskrcnn import MaskRcnnOutput
from vis_ros.nn.iai.model import Iai, Perception
from vis_ros.nn.iai.regions import region_masks, select_regions
from vis_ros.nn.iai.selection import Found, Owned, masks_of, owned_pixels, select
from vis_ros.nn.picture import Placement


class Detected(NamedTuple):
    """N detections of one image.

    Args:
        found: Best first.
        masks: float tensor (N, H, W), soft masks at the size of the input; 0 where padding is.
        owned: Who owns which pixel of the input, and who is kept.
    """

    found: Found
    masks: Tensor
    owned: Owned


def detect(
    model: Iai, seen: Perception, placement: Placement, config: IaiSelection, *, is_first: bool
) -> Detected:
    """Return the detections of the first image of a batch.

    Args:
        model: What perceived it.
        seen: What it perceived.
        placement: Of the image in the input.
        config: Thresholds.
        is_first: The stream starts here.
    """
    ranking = 'first' if is_first else 'later'
    if model.options.ranking == 'average':
        ranking = 'average'
    ids, output = model.shares(seen.id_logits), seen.output
    if isinstance(output, MaskRcnnOutput):
        found = select_regions(output, ids, 0, placement, config, ranking)
        masks = region_masks(model.image, output, 0, found)
    else:
        where = places(*placement.padded, output.features.device)
        found = select(output, ids, 0, where, placement, config, ranking)
        masks = masks_of(output, 0, where, found.place)
    masks = torch.where(found.is_real[:, None, None], masks, 0.0)
    return Detected(found, masks, owned_pixels(masks, config.min_own_share))
