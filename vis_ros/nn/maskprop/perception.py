# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an image to what the ring keeps of it: one pass of the detector for each frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.maskprop.config import DetectionOptions
from vis_ros.nn.maskprop.detector import Features, Instances
from vis_ros.nn.maskprop.model import MaskProp
from vis_ros.nn.maskprop.picture import normalise, place
from vis_ros.nn.maskprop.source import boxes_at_source, dense_masks, maps_at_source, pasted_masks
from vis_ros.nn.picture import Placement, scaled
from vis_ros.structures import CropMask


class Perceived(NamedTuple):
    """What is in one frame.

    Args:
        placement: Of the image in the input.
        view: See `MaskProp.view`.
        found: N instances.
        regions: float tensor (N, h, w), see `MaskProp.regions`.
        masks: N masks in the source image; empty ones too.
        looks: float tensor (N, D), embeddings of MaskTrack R-CNN; D is 0 without.
    """

    placement: Placement
    view: Tensor
    found: Instances
    regions: Tensor
    masks: tuple[CropMask, ...]
    looks: Tensor


def perceive(
    model: MaskProp, image: np.ndarray, options: DetectionOptions, device: torch.device
) -> Perceived:
    """Return what is in an image.

    Args:
        model: In evaluation mode, on `device`; its detector has the `options`.
        image: uint8 array (H, W, 3), RGB.
        options: Thresholds.
        device: Where the networks run.
    """
    placement = place(image.shape[0], image.shape[1], model.sizes)
    picture = torch.from_numpy(scaled(image, placement)).to(device)
    x = normalise(picture[None], placement.padded)
    features = model.detector.features(x, placement.picture)
    (found,) = model.detector.detect(features, options)
    view = model.view(picture, features)
    size = (features.middle.shape[-2], features.middle.shape[-1])
    regions = model.regions(found, size)
    masks = _frame_masks(model, x, placement, found, options.mask_threshold)
    return Perceived(placement, view, found, regions, masks, _looks(model, features, found))


def _frame_masks(
    model: MaskProp, x: Tensor, placement: Placement, found: Instances, threshold: float
) -> tuple[CropMask, ...]:
    """Return the masks of the mask head, refined if the model does so, in the source image."""
    masks, boxes = found.masks, found.boxes
    if model.options.refinement.enabled:
        masks, boxes = model.refine(x, found)
    boxes = boxes_at_source(boxes, placement).cpu()
    return pasted_masks(masks.cpu(), boxes, placement.source, threshold)


def propagated_masks(maps: Tensor, placement: Placement, threshold: float) -> tuple[CropMask, ...]:
    """Return maps (N, h, w) over the input as masks of the source image."""
    return dense_masks(maps_at_source(maps, placement), threshold)


def _looks(model: MaskProp, features: Features, found: Instances) -> Tensor:
    if model.options.tracking != 'masktrack':
        return found.boxes.new_zeros((len(found.boxes), 0))
    looks: Tensor = model.tracking(features, [found.boxes])
    return looks
