# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What methods on torchvision's Mask R-CNN share: its heads, what it knows of images, its masks.

Source: He et al., "Mask R-CNN", ICCV 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

_ASPECTS = (0.5, 1.0, 2.0)
_PRIOR = 0.01  # probability of all objects together, before any training
_OBJECTS = 0.25  # share of the proposals to learn from that are to be objects, torchvision's


class HeadSizes(Protocol):
    """What decides about the parameters of the heads, but the number of classes."""

    @property
    def channels(self) -> int:
        """Channels of the pyramid."""

    @property
    def box(self) -> int:
        """Width of the box head."""

    @property
    def anchor(self) -> int:
        """Side of the smallest anchor [px]; it doubles from level to level."""


def mask_rcnn(pyramid: nn.Module, sizes: HeadSizes, num_categories: int, **limits: Any) -> Any:
    """Return torchvision's network with random parameters, in which background is likely.

    Args:
        pyramid: Backbone and pyramid of five levels, the finest of stride 4; torchvision wants
            its channels as `out_channels`.
        sizes: Of the heads.
        num_categories: Number of classes, and one for the background.
        limits: Other arguments of `MaskRCNN`.
    """
    from torchvision.models.detection import MaskRCNN, anchor_utils, faster_rcnn
    from torchvision.models.detection import mask_rcnn as parts

    sides = tuple((sizes.anchor * 2**level,) for level in range(5))
    masks = sizes.channels
    model = MaskRCNN(
        pyramid,
        rpn_anchor_generator=anchor_utils.AnchorGenerator(sides, (_ASPECTS,) * len(sides)),
        box_head=faster_rcnn.TwoMLPHead(sizes.channels * 7**2, sizes.box),
        box_predictor=faster_rcnn.FastRCNNPredictor(sizes.box, num_categories),
        mask_head=parts.MaskRCNNHeads(sizes.channels, (masks,) * 4, 1),
        mask_predictor=parts.MaskRCNNPredictor(masks, masks, num_categories),
        **limits,
    )
    expect_background(model.roi_heads.box_predictor.cls_score)
    for part in (model.rpn.head, model.roi_heads.box_predictor):
        part.register_forward_hook(in_float32)
    return model


def in_float32(_part: nn.Module, _given: Any, found: Any) -> Any:
    """Return what a part found in float32, also under autocast: a hook.

    torchvision gives anchors, proposals and the boxes of the truth the type of what its heads
    find, and 16 bits are too few for pixels: boxes would be a pixel off, or empty.
    """
    if isinstance(found, Tensor):
        return found if found.dtype == torch.float32 else found.float()  # no operator if exported
    return type(found)(in_float32(_part, _given, each) for each in found)


def expect_background(scores: nn.Linear) -> None:
    """Draw the parameters of a layer of class logits anew, so that background is likely."""
    nn.init.zeros_(scores.bias)
    nn.init.normal_(scores.weight, std=0.01)  # Fast R-CNN's
    with torch.no_grad():
        scores.bias[0] = math.log((scores.out_features - 1) * (1 - _PRIOR) / _PRIOR)


def learn_from(heads: Any, regions: int) -> None:
    """Let torchvision's heads learn from so many proposals of a frame; it is no parameter."""
    from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

    heads.fg_bg_sampler = BalancedPositiveNegativeSampler(regions, _OBJECTS)


def propose_among(network: Any, boxes: int) -> None:
    """Let torchvision's proposals compete among so many boxes of a level in training."""
    network._pre_nms_top_n['training'] = boxes


def image_list(
    levels: Mapping[str, Tensor], padded: tuple[int, int], picture: tuple[int, int]
) -> Any:
    """Return what torchvision wants to know of images, without any pixel.

    Args:
        levels: Of the pyramid.
        padded: Rows and columns of the input.
        picture: Rows and columns of the pictures in it.
    """
    from torchvision.models.detection.image_list import ImageList

    first = next(iter(levels.values()))
    shape = (len(first), 3, *padded)
    return ImageList(first.new_empty(()).expand(shape), [picture] * len(first))


def paste_soft(masks: Tensor, boxes: Tensor, size: tuple[int, int], stride: float) -> Tensor:
    """Return masks over a map, 0 outside of their boxes.

    Args:
        masks: float tensor (N, S, S), probabilities over the boxes.
        boxes: float tensor (N, 4), xyxy in pixels of the input.
        size: Rows h and columns w of the map.
        stride: Pixels of the input per cell of the map. Cells are sampled in their centres.

    Returns:
        float tensor (N, h, w).
    """
    columns = torch.arange(size[1], device=boxes.device, dtype=boxes.dtype)
    rows = torch.arange(size[0], device=boxes.device, dtype=boxes.dtype)
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-6)
    x = ((columns + 0.5) * stride - boxes[:, 0:1]) / sides[:, 0:1] * 2 - 1  # (N, w)
    y = ((rows + 0.5) * stride - boxes[:, 1:2]) / sides[:, 1:2] * 2 - 1  # (N, h)
    grid = torch.stack(
        (x[:, None, :].expand(-1, size[0], -1), y[:, :, None].expand(-1, -1, size[1])), dim=3
    )
    soft = nn.functional.grid_sample(
        masks[:, None], grid, mode='bilinear', padding_mode='border', align_corners=False
    )[:, 0]
    inside = (x.abs() <= 1)[:, None, :] & (y.abs() <= 1)[:, :, None]
    return soft * inside
