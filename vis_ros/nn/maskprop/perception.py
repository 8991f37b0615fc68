# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an image to what the ring keeps of it: one pass of the detector for each frame.

On a GPU the host waits for what is in the frame, with refinement a second time for its masks.
Where a cascade, the tracking branch of MaskTrack R-CNN or optical flow take part, it waits more
often, within torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.batches import in_batches
from vis_ros.nn.maskprop.config import DetectionOptions, MaskPropSizes
from vis_ros.nn.maskprop.detector import Features, Instances
from vis_ros.nn.maskprop.model import MaskProp
from vis_ros.nn.maskprop.picture import normalise, place
from vis_ros.nn.maskprop.source import pasted_masks
from vis_ros.nn.picture import Placement, boxes_at_source, scaled
from vis_ros.nn.precision import running_in
from vis_ros.ops.transfer import download, upload
from vis_ros.structures import CropMask


class Perceived(NamedTuple):
    """What is in one frame.

    Args:
        placement: Of the image in the input.
        view: See `MaskProp.view`.
        found: N instances, on the host.
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


class Picture(NamedTuple):
    """An image as the networks take it.

    Args:
        placement: Of the image in the input.
        pixels: uint8 tensor (h, w, 3), RGB, without padding.
        input: float32 tensor (1, 3, rows, columns), see `normalise`.
    """

    placement: Placement
    pixels: Tensor
    input: Tensor


class Look(NamedTuple):
    """What is known of one frame by itself.

    Args:
        placement: Of the image in the input.
        picture: uint8 tensor (h, w, 3), without padding.
        taps: Stages of the backbone, see `VideoMaskRcnn.taps`.
    """

    placement: Placement
    picture: Tensor
    taps: dict[str, Tensor]


def picture_of(image: np.ndarray, sizes: MaskPropSizes, device: torch.device) -> Picture:
    """Return an image, uint8 (H, W, 3), RGB, scaled and on the device."""
    where = place(image.shape[0], image.shape[1], sizes)
    pixels = upload(scaled(image, where), device)
    return Picture(where, pixels, normalise(pixels[None], where.padded))


def look_at(
    model: MaskProp,
    pictures: Sequence[Picture],
    device: torch.device,
    precision: str | None = None,
) -> list[Look]:
    """Return what the backbone makes of pictures, of each for itself.

    Args:
        model: In evaluation mode, on `device`.
        pictures: On `device`.
        device: Where the networks run.
        precision: Of the backbone, see `running_in`.
    """

    def taps(x: Tensor) -> dict[str, Tensor]:
        with running_in(device, precision):
            found = model.detector.taps(x)
        return {name: tap.float() for name, tap in found.items()}

    found = in_batches([picture.input for picture in pictures], taps)
    return [
        Look(picture.placement, picture.pixels, stages)
        for picture, stages in zip(pictures, found, strict=True)
    ]


def understand(
    model: MaskProp,
    look: Look,
    supports: Mapping[str, Tensor] | None,
    options: DetectionOptions,
) -> Perceived:
    """Return what is in a frame.

    Args:
        model: See `look_at`; its detector has the `options`.
        look: At the frame.
        supports: Stages of supporting frames, see `SpatioTemporalSampling`; or None.
        options: Thresholds.
    """
    placement = look.placement
    features = model.detector.pyramid(look.taps, supports, placement.padded, placement.picture)
    (places,) = model.detector.detect(features, options)
    found, host = places.brought_down()
    view = model.view(look.picture, features)
    size = (features.middle.shape[-2], features.middle.shape[-1])
    regions = model.regions(found, size)
    looks = _looks(model, features, found)
    if model.options.refinement.enabled:
        masks, boxes = model.refine(normalise(look.picture[None], placement.padded), found)
        down = download({'masks': masks, 'boxes': boxes})
        masks, boxes = (torch.from_numpy(down[name]) for name in ('masks', 'boxes'))
    else:
        masks, boxes = host.masks, host.boxes
    boxes = boxes_at_source(boxes, placement)
    pasted = pasted_masks(masks, boxes, placement.source, options.mask_threshold)
    return Perceived(placement, view, host, regions, pasted, looks)


def _looks(model: MaskProp, features: Features, found: Instances) -> Tensor:
    if model.options.tracking != 'masktrack':
        return found.boxes.new_zeros((len(found.boxes), 0))
    looks: Tensor = model.tracking(features, [found.boxes])
    return looks
