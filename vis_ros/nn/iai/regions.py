# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI's selection among the proposals of Mask R-CNN: as among the places of CondInst.

Source: Zhu et al., ECCV 2022, section 3.2: NMS among all classes, on scores of class and identity.
A proposal is of its best class, whose box and mask count. It has no centerness.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vis_ros.nn.iai.config import IaiSelection
from vis_ros.nn.iai.maskrcnn import ImageMaskRcnn, MaskRcnnOutput, input_size
from vis_ros.nn.iai.selection import Found, competing
from vis_ros.nn.maskrcnn import paste_soft
from vis_ros.nn.picture import Placement, boxes_at_source
from vis_ros.ops.nms import greedy_nms

_MIN_SIDE = 0.01  # of boxes [px], torchvision's


def select_regions(
    output: MaskRcnnOutput,
    ids: Tensor | None,
    image: int,
    placement: Placement,
    config: IaiSelection,
    ranking: str,
) -> Found:
    """Return the detections of one image of a batch.

    How many proposals an image has depends on what is seen, so this waits for the device.

    Args:
        output: Of the image model.
        ids: float tensor (R, I), probabilities of the identities, or None.
        image: Index into the batch.
        placement: Of the image in the input.
        config: Thresholds.
        ranking: `first`, `later` or `average`, see `IaiOptions.ranking`.
    """
    place = torch.nonzero(output.image == image)[:, 0]
    classes = output.regions.classes[place].softmax(dim=1)[:, 1:]
    shares = classes.new_zeros(len(place), 0) if ids is None else ids[place]
    score, is_candidate = competing(classes, shares, config, ranking)
    boxes = boxes_of_class(output, place, classes)
    is_candidate &= ((boxes[:, 2:] - boxes[:, :2]) >= _MIN_SIDE).all(1)
    boxes = boxes_at_source(boxes, placement)
    pick, is_real = greedy_nms(boxes, score, is_candidate, config.max_overlap, config.limit)
    return Found(is_real, place[pick], boxes[pick], score[pick], classes[pick], shares[pick])


def boxes_of_class(output: MaskRcnnOutput, place: Tensor, classes: Tensor) -> Tensor:
    """Return the boxes (N, 4) of some proposals for their best classes [px of the input].

    Args:
        output: Of the image model.
        place: int64 tensor (N,), index over all proposals.
        classes: float tensor (N, K), their probabilities.
    """
    return output.boxes[place, classes.argmax(1) + 1]


def region_masks(model: ImageMaskRcnn, output: MaskRcnnOutput, image: int, found: Found) -> Tensor:
    """Return soft masks (N, H, W) of detections of an image, at the size of the input.

    Args:
        model: What made the output.
        output: Of the image model.
        image: Index into the batch.
        found: The detections.
    """
    boxes = boxes_of_class(output, found.place, found.classes)
    levels = {name: level[image : image + 1] for name, level in output.levels.items()}
    logits = model.mask_logits(levels, [boxes])  # (N, K + 1, 28, 28)
    index = torch.arange(len(boxes), device=boxes.device)
    masks = logits[index, found.classes.argmax(1) + 1].sigmoid()
    return paste_soft(masks, boxes, input_size(levels), 1)
