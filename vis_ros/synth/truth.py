# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth of a synthetic video in the forms that files and messages want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.evaluation.coco_masks import CocoMask, boxes
from vis_ros.evaluation.ytvis import OCCLUSION_LEVELS
from vis_ros.synth.scene import SynthFrame

_LEVELS = (0.9, 0.5)  # least visible shares of the first two levels of occlusion


def masks_of(labels: np.ndarray, visible_px: np.ndarray) -> list[CocoMask | None]:
    """Return the masks of all objects, None where one does not show.

    Args:
        labels: uint8 array (H, W), j + 1 on object j.
        visible_px: int64 array (J,), number of pixels of each label.
    """
    height, width = labels.shape
    found: list[CocoMask | None] = [None] * len(visible_px)
    seen = np.flatnonzero(visible_px)
    if seen.size == 0:
        return found
    # (N, W, H) in C order, which is (H, W, N) in the column order that pycocotools reads.
    by_column = np.ascontiguousarray(labels.T)
    dense = by_column[None] == (seen + 1).astype(np.uint8)[:, None, None]
    for index, coded in zip(seen, mask_utils.encode(dense.view(np.uint8).T), strict=True):
        found[index] = CocoMask(height, width, coded['counts'], int(visible_px[index]))
    return found


def occlusion_levels(visible_px: np.ndarray, full_px: np.ndarray) -> list[str | None]:
    """Return the level of OVIS of each object, None where it does not show.

    Levels are about what lies inside the picture: above 0.9 of it visible, above 0.5, or less.
    """
    levels: list[str | None] = []
    for visible, full in zip(visible_px.tolist(), full_px.tolist(), strict=True):
        share = visible / max(1, full)
        index = sum(share <= least for least in _LEVELS)
        levels.append(OCCLUSION_LEVELS[index] if visible else None)
    return levels


class TruthRecord:
    """Gathers the ground truth of one video as annotations of YouTube-VIS and OVIS.

    Args:
        class_ids: int64 array (J,), class of each object, 0 is the first.
    """

    def __init__(self, class_ids: np.ndarray) -> None:
        self._class_ids = class_ids.tolist()
        self._masks: list[list[CocoMask | None]] = [[] for _ in self._class_ids]
        self._levels: list[list[str | None]] = [[] for _ in self._class_ids]

    def add(self, frame: SynthFrame) -> None:
        """Take the next frame."""
        levels = occlusion_levels(frame.visible_px, frame.full_px)
        for index, mask in enumerate(masks_of(frame.labels, frame.visible_px)):
            self._masks[index].append(mask)
            self._levels[index].append(levels[index])

    def annotations(self) -> list[dict[str, Any]]:
        """Return one annotation for each object that ever shows; ids are still to be given."""
        found = []
        for class_id, masks, levels in zip(
            self._class_ids, self._masks, self._levels, strict=True
        ):
            if any(mask is not None for mask in masks):
                found.append({'category_id': class_id + 1, **_columns(masks), 'occlusion': levels})
        return found


def _columns(masks: Sequence[CocoMask | None]) -> dict[str, Any]:
    shown = [mask for mask in masks if mask is not None]
    tight = iter(boxes(shown).tolist())
    return {
        'iscrowd': 0,
        'height': shown[0].height,
        'width': shown[0].width,
        'length': len(masks),
        'segmentations': [None if mask is None else mask.to_json() for mask in masks],
        'bboxes': [None if mask is None else next(tight) for mask in masks],
        'areas': [None if mask is None else mask.area_px for mask in masks],
    }
