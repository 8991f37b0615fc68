# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth out of label maps, and masks as the evaluation takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.evaluation.coco_masks import CocoMask
from vis_ros.evaluation.ytvis import Annotations, TruthTrack, Video


def annotations_of(
    videos: Sequence[tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
) -> Annotations:
    """Return the ground truth of videos whose pixels have one owner each.

    Args:
        videos: For each video, uint8 labels (T, H, W), 0 for none and j + 1 for object j; and
            int64 class_ids (J,), 0 is the first class.
        classes: Names of the classes; class k becomes category k + 1.

    Returns:
        Annotations with video ids and track ids from 1. Objects that are never visible are left
        out.
    """
    found: dict[int, Video] = {}
    tracks: list[TruthTrack] = []
    for video_id, (labels, class_ids) in enumerate(videos, start=1):
        length, height, width = labels.shape
        found[video_id] = Video(video_id, height, width, ('',) * length)
        masks = [_masks_of_frame(frame, len(class_ids)) for frame in labels]
        for j, class_id in enumerate(class_ids.tolist()):
            own = tuple(frame[j] for frame in masks)
            if any(own):
                areas = tuple(None if mask is None else float(mask.area_px) for mask in own)
                number = len(tracks) + 1
                tracks.append(TruthTrack(number, video_id, class_id + 1, False, own, areas))
    categories = {k + 1: name for k, name in enumerate(classes)}
    return Annotations(found, categories, tuple(tracks))


def _masks_of_frame(labels: np.ndarray, count: int) -> list[CocoMask | None]:
    masks = coco_masks(labels[None] == np.arange(1, count + 1, dtype=np.uint8)[:, None, None])
    return [mask if mask.area_px else None for mask in masks]


def coco_masks(masks: np.ndarray) -> list[CocoMask]:
    """Return the masks of one frame, bool array (N, H, W), as the evaluation takes them."""
    height, width = masks.shape[1:]
    if not len(masks):
        return []
    coded = mask_utils.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    areas = np.atleast_1d(mask_utils.area(coded)).tolist()
    return [
        CocoMask(height, width, item['counts'], int(area))
        for item, area in zip(coded, areas, strict=True)
    ]
