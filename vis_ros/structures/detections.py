# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a detector found in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vis_ros.structures.masks import CropMask


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Instances of one frame; all fields have the same length N.

    Args:
        boxes: float32 array (N, 4), xyxy in source-image pixels, tight around the mask.
        scores: float32 array (N,), confidence in [0, 1].
        class_ids: int64 array (N,), index into the detector's `classes`.
        masks: N masks.
        features: float32 array (N, D), appearance of each instance with unit L2 norm; D may be 0.

    Raises:
        ValueError: The lengths differ, or a field has another shape.
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    masks: tuple[CropMask, ...]
    features: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.masks)
        expected: dict[str, tuple[int, ...]] = {
            'boxes': (n, 4),
            'scores': (n,),
            'class_ids': (n,),
            'features': (n, self.features.shape[-1]),
        }
        for name, shape in expected.items():
            got = getattr(self, name).shape
            if got != shape:
                raise ValueError(f'{name}: expected shape {shape} for {n} masks, got {got}')

    @staticmethod
    def empty(feature_size: int = 0) -> Detections:
        """No detection at all."""
        return Detections(
            np.empty((0, 4), np.float32),
            np.empty(0, np.float32),
            np.empty(0, np.int64),
            (),
            np.empty((0, feature_size), np.float32),
        )

    def __len__(self) -> int:
        return len(self.masks)

    def select(self, index: np.ndarray | Sequence[int]) -> Detections:
        """Return the detections of `index`, an int or bool array, in that order."""
        rows = np.asarray(index)
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        masks = tuple(self.masks[int(i)] for i in rows)
        fields: dict[str, Any] = {
            name: getattr(self, name)[rows]
            for name in ('boxes', 'scores', 'class_ids', 'features')
        }
        return Detections(masks=masks, **fields)
