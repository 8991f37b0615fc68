# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random clips with objects for the tracker's training, without any detector or data set."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor

from vis_ros.data.clip import Truth
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.yolact.masks import box_masks
from vis_ros.nn.yolact.selection import PAD_BOX, PAD_LOGIT, PAD_MASK, DetectionSet

sys.path.append(str(Path(__file__).parents[1] / 'nn' / 'rgnn'))

from rgnn_world import H4, SIZES, VARIANTS, W4, detections, name_of, step, taps, tracker

__all__ = ['SIZES', 'VARIANTS', 'name_of', 'step', 'tracker']  # what tests take from here

OBJECTS = 3


def truth_of(boxes: Tensor, class_ids: Tensor) -> Truth:
    """Return the truth of boxes (B, T, J, 4) in whole pixels; later objects cover earlier ones.

    An object whose box is empty is not there.
    """
    batch, frames, objects = boxes.shape[:3]
    labels = torch.zeros(batch, frames, SIZES.height, SIZES.width, dtype=torch.uint8)
    for b in range(batch):
        for t in range(frames):
            for j in range(objects):
                x1, y1, x2, y2 = boxes[b, t, j].int().tolist()
                labels[b, t, y1:y2, x1:x2] = j + 1
    return Truth(labels, boxes, (boxes[..., 2:] > boxes[..., :2]).all(-1), class_ids)


def detected(boxes: Tensor, places: int, generator: torch.Generator) -> Detected:
    """Return a frame with detections at boxes (B, n, 4), and random masks and classes."""
    batch, count = boxes.shape[:2]
    found = detections(count, places=places, batch=batch, generator=generator)
    full = torch.full((batch, places, 4), PAD_BOX)
    full[:, :count] = boxes
    inside = box_masks(full, (H4, W4), SIZES.height, SIZES.width) & found.is_real[..., None, None]
    scores = torch.where(inside, 8.0, -8.0) + found.mask_logits.clamp(-12, 12)
    masks = torch.where(found.is_real[..., None, None], scores, PAD_MASK)
    found = found._replace(boxes=full, box_masks=inside, mask_logits=masks)
    return Detected(found, *taps(batch, generator))


def random_clip(
    frames: int = 5, *, batch: int = 2, places: int = 6, seed: int = 0
) -> tuple[list[Detected], Truth]:
    """Return frames and truth: moving objects, some of them found, and false detections."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(batch, 1, OBJECTS, 2, generator=generator) * torch.tensor([50.0, 30.0])
    size = torch.rand(batch, 1, OBJECTS, 2, generator=generator) * 10 + 14
    move = torch.randint(0, 3, (batch, frames, OBJECTS, 2), generator=generator).cumsum(1)
    low = (low + move).round()
    boxes = torch.cat((low, (low + size).round()), dim=-1)
    boxes[:, 0, -1] = 0  # the last object enters later
    classes = torch.randint(1, SIZES.num_classes, (batch, OBJECTS), generator=generator)
    clip = []
    for t in range(frames):
        near = boxes[:, t] + torch.randn(batch, OBJECTS, 4, generator=generator)
        false = torch.rand(batch, 2, 2, generator=generator) * 40
        extra = torch.cat((false, false + 12), dim=-1)
        clip.append(detected(torch.cat((near, extra), 1)[:, : 2 + t], places, generator))
    return clip, truth_of(boxes, classes)


def cut(frames: list[Detected], truth: Truth, k: int) -> tuple[list[Detected], Truth]:
    """Return one clip of a batch."""
    one = [
        Detected(
            DetectionSet(*(x[k : k + 1] for x in frame.found)),
            frame.stride16[k : k + 1],
            frame.stride32[k : k + 1],
        )
        for frame in frames
    ]
    return one, Truth(*(x[k : k + 1] for x in truth))


def padded(frame: Detected, places: int) -> Detected:
    """Return a frame with that many empty places more."""
    values = (False, -1, PAD_LOGIT, PAD_BOX, PAD_LOGIT, PAD_MASK, False)
    parts = [
        torch.cat((x, torch.full((x.shape[0], places, *x.shape[2:]), v, dtype=x.dtype)), dim=1)
        for x, v in zip(frame.found, values, strict=True)
    ]
    return frame._replace(found=DetectionSet(*parts))
