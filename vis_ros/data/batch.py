# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clips of one size as tensors of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vis_ros.data.clip import Clip, Truth
from vis_ros.data.label_boxes import label_boxes


def collate(clips: Sequence[Clip]) -> tuple[Tensor, Truth]:
    """Return the images and the objects of clips.

    J is the largest number of objects of a clip, at least 1; the rest is padding.

    Args:
        clips: Clips of the same number of frames and the same size.

    Returns:
        uint8 tensor (B, T, H, W, 3), RGB; the objects.

    Raises:
        ValueError: There is no clip, their shapes differ, or a label has no object.
    """
    shapes = sorted({clip.images.shape for clip in clips})
    if len(shapes) != 1:
        raise ValueError(f'clips: expected one or more of the same shape, got {shapes}')
    labels = np.stack([clip.labels for clip in clips])
    truth = truth_of_labels(labels, [clip.class_ids for clip in clips])
    return torch.from_numpy(np.stack([clip.images for clip in clips])), truth


def truth_of_labels(labels: np.ndarray, class_ids: Sequence[np.ndarray]) -> Truth:
    """Return the objects of B clips.

    Args:
        labels: uint8 array (B, T, H, W), owner of each pixel, 0 for none, j + 1 for object j.
        class_ids: For each clip int64 (J,), 0 is the first class of the data set.

    Raises:
        ValueError: A label has no object.
    """
    limit = max(1, *(own.size for own in class_ids))
    boxes = np.zeros((*labels.shape[:2], limit, 4), np.float32)
    is_visible = np.zeros(boxes.shape[:3], np.bool_)
    classes = np.zeros((len(labels), limit), np.int64)
    for i, own in enumerate(class_ids):
        boxes[i, :, : own.size], is_visible[i, :, : own.size] = label_boxes(labels[i], own.size)
        classes[i, : own.size] = own + 1
    return Truth(
        labels=torch.from_numpy(labels),
        boxes=torch.from_numpy(boxes),
        is_visible=torch.from_numpy(is_visible),
        class_ids=torch.from_numpy(classes),
    )
