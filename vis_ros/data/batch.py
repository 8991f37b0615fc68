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
    frames = shapes[0][0]
    limit = max(1, *(clip.class_ids.size for clip in clips))
    labels = np.stack([clip.labels for clip in clips])  # (B, T, H, W)
    boxes = np.zeros((len(clips), frames, limit, 4), np.float32)
    is_visible = np.zeros((len(clips), frames, limit), np.bool_)
    class_ids = np.zeros((len(clips), limit), np.int64)
    for i, clip in enumerate(clips):
        count = clip.class_ids.size
        boxes[i, :, :count], is_visible[i, :, :count] = label_boxes(labels[i], count)
        class_ids[i, :count] = clip.class_ids + 1
    truth = Truth(
        labels=torch.from_numpy(labels),
        boxes=torch.from_numpy(boxes),
        is_visible=torch.from_numpy(is_visible),
        class_ids=torch.from_numpy(class_ids),
    )
    return torch.from_numpy(np.stack([clip.images for clip in clips])), truth
