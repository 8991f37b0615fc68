# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The last observed mask of each slot, and its form in a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from vis_ros.ops.rle import from_crop, to_crop
from vis_ros.structures import CropMask, Rle


class MaskStore:
    """One mask per slot, the latest observed; capacity is that of the track memory.

    A mask stays when its track is lost, and is replaced when the slot is used again.
    """

    def __init__(self, capacity: int) -> None:
        self.masks: list[CropMask | None] = [None] * capacity

    def put(self, shown: np.ndarray, masks: Sequence[CropMask]) -> None:
        """Store the masks of a frame.

        Args:
            shown: int64 array (M,), index into `masks` of what each slot shows, or -1.
            masks: Masks of the frame's detections.
        """
        for slot in np.flatnonzero(shown >= 0):
            self.masks[slot] = masks[shown[slot]]

    def rle(self, slot: int) -> Rle:
        """Return the run lengths of a slot's mask."""
        mask = self.masks[slot]
        return Rle() if mask is None else from_crop(mask)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return all masks: `place` (M, 4), and `counts` with a length before each."""
        rles = [self.rle(slot) for slot in range(len(self.masks))]
        counts = [np.concatenate(([rle.counts.size], rle.counts.astype(np.int64))) for rle in rles]
        place = [(rle.x, rle.y, rle.width, rle.height) for rle in rles]
        return {
            'place': torch.tensor(place, dtype=torch.int64),
            'counts': torch.from_numpy(np.concatenate(counts)),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], capacity: int) -> MaskStore:
        """Return the store that `to_tensors` wrote.

        Raises:
            ValueError: The tensors do not hold `capacity` whole masks.
        """
        store = cls(capacity)
        place, counts = tensors['place'], tensors['counts'].numpy()
        if tuple(place.shape) != (capacity, 4):
            raise ValueError(f'place: expected shape ({capacity}, 4), got {tuple(place.shape)}')
        start = 0
        for slot, (x, y, width, height) in enumerate(place.tolist()):
            size = int(counts[start]) if start < counts.size else -1
            if size < 0 or start + 1 + size > counts.size:
                raise ValueError(f'counts: slot {slot} is cut off')
            if size:
                runs = counts[start + 1 : start + 1 + size].astype(np.uint32)
                store.masks[slot] = to_crop(Rle(x, y, width, height, runs))
            start += 1 + size
        return store
