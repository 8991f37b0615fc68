# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp's entries in the track memory: slots for clip-level tracks, scores, what is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory import Observations, StagedMemory
from vis_ros.memory.report import report_tracks
from vis_ros.nn.maskprop.clips import NOBODY
from vis_ros.nn.maskprop.identity import DUPLICATE, NEW, class_means
from vis_ros.ops.masks import tight_box
from vis_ros.ops.rle import from_crop
from vis_ros.structures import CropMask, Track

SUMS, COUNTS, FRAMES = 'maskprop_sums', 'maskprop_counts', 'maskprop_frames'
LOOK, LABEL = 'maskprop_look', 'maskprop_label'  # only MaskTrack R-CNN's


@dataclass(frozen=True)
class Entry:
    """The N instances of one frame, on the CPU.

    Args:
        stamp_ns: Of the frame.
        scores: float32 tensor (N,), probability of the class.
        class_ids: int64 tensor (N,).
        masks: N masks in the source image.
    """

    stamp_ns: int
    scores: Tensor
    class_ids: Tensor
    masks: tuple[CropMask, ...]


def births(classes: int, looks: int) -> dict[str, Tensor]:
    """Return the tensors per slot, with their values at birth; those of looks only if there."""
    values = {
        SUMS: torch.zeros(classes),
        COUNTS: torch.zeros(classes),
        FRAMES: torch.zeros(()),
    }
    if looks:
        values |= {LOOK: torch.zeros(looks), LABEL: torch.tensor(NEW)}
    return values


def claim(
    memory: StagedMemory, entry: Entry, wanted: np.ndarray, best: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the instances of a frame their slots.

    Args:
        memory: Its frame begins here.
        entry: The N instances.
        wanted: int64 array (N,), slot of each, NEW or DUPLICATE.
        best: int64 array (N,), slot that a duplicate doubles.

    Returns:
        int64 array (N,), slot of each or `NOBODY`; bool array (M,), slots with a new track.
    """
    capacity = memory.config.capacity
    is_held = np.zeros(capacity, np.bool_)
    is_held[wanted[wanted >= 0]] = True
    starts = memory.claim(
        entry.stamp_ns,
        entry.scores,
        torch.from_numpy(wanted == NEW),
        torch.from_numpy(is_held),
    ).numpy()
    slots = np.where(wanted == DUPLICATE, best, np.where(wanted == NEW, NOBODY, wanted))
    born = np.flatnonzero(starts >= 0)
    slots[starts[born]] = born
    return slots, starts >= 0


def observe(
    memory: StagedMemory,
    entry: Entry,
    slots: np.ndarray,
    is_shown: np.ndarray,
    *,
    rule: str,
    min_score: float,
) -> tuple[Track, ...]:
    """Take in what is seen of each track; return the tracks of the frame.

    Args:
        memory: After `claim`.
        entry: The N instances.
        slots: int64 array (N,), see `claim`.
        is_shown: bool array (N,), instances whose mask is that of their track: one of each.
        rule: See `class_means`.
        min_score: Tracks below it are not shown.
    """
    owned = np.flatnonzero(slots >= 0)
    where = torch.from_numpy(slots[owned])
    class_ids, scores = entry.class_ids[owned], entry.scores[owned]
    t = memory.tensors
    t[SUMS] = t[SUMS].index_put((where, class_ids), scores, accumulate=True)
    t[COUNTS] = t[COUNTS].index_put((where, class_ids), torch.ones_like(scores), accumulate=True)
    t[FRAMES] = t[FRAMES].index_add(0, where, torch.ones_like(scores))
    means = class_means(t[SUMS].numpy(), t[COUNTS].numpy(), t[FRAMES].numpy(), rule)
    masks = {int(slots[n]): entry.masks[n] for n in np.flatnonzero(is_shown & (slots >= 0))}
    boxes = np.zeros((memory.config.capacity, 4), np.float32)
    is_visible = np.zeros(memory.config.capacity, np.bool_)
    for slot, mask in masks.items():
        boxes[slot] = tight_box(mask)
        is_visible[slot] = boxes[slot, 2] > boxes[slot, 0]
    best = means.max(axis=1)
    seen = Observations(*(torch.from_numpy(value) for value in (boxes, best, means)))
    memory.observe(
        entry.stamp_ns, seen, torch.from_numpy(is_visible & (best >= np.float32(min_score)))
    )
    return report_tracks(memory, lambda slot: from_crop(masks[slot]), has_probabilities=True)


def learn_looks(memory: StagedMemory, slots: np.ndarray, looks: Tensor, class_ids: Tensor) -> None:
    """Keep the latest look and class of each track, as MaskTrack R-CNN does."""
    owned = np.flatnonzero(slots >= 0)
    where = torch.from_numpy(slots[owned])
    memory.tensors[LOOK] = memory[LOOK].index_copy(0, where, looks[owned])
    memory.tensors[LABEL] = memory[LABEL].index_copy(0, where, class_ids[owned])
