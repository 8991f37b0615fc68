# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR's entries in the track memory: slots for new instances, and what is seen of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vis_ros.memory import Observations, StagedMemory
from vis_ros.memory.report import report_tracks
from vis_ros.memory.track_memory import FREE
from vis_ros.structures import Rle, Track

NOBODY = -1
SUMS, FRAMES = 'ifr_class_sums', 'ifr_frames'


@dataclass(frozen=True)
class Entry:
    """The n instances that a frame shows, on the CPU.

    Args:
        stamp_ns: Of the frame.
        probability: float32 tensor (n, K), of each class.
        masks: n masks in the source image, none of them empty, in tight crops.
        slots: int64 array (n,), slot of the track of each, or `NOBODY`.
    """

    stamp_ns: int
    probability: Tensor
    masks: list[Rle]
    slots: np.ndarray


def births(classes: int) -> dict[str, Tensor]:
    """Return the tensors per slot, with their values at birth."""
    return {SUMS: torch.zeros(classes), FRAMES: torch.zeros(())}


def seniority(memory: StagedMemory, owners: np.ndarray) -> np.ndarray:
    """Return int64 (N,): 0 without a track, and more the older the track is.

    Args:
        memory: Of the tracks.
        owners: int64 array (N,), slots, or `NOBODY`.
    """
    has_track = owners >= 0
    ids = memory.view('track_id')[owners[has_track]]
    found = np.zeros(len(owners), np.int64)
    found[has_track] = (ids[:, None] <= ids).sum(axis=1)  # ids are given in their order
    return found


def enter(
    memory: StagedMemory, entry: Entry, *, birth_score: float, min_score: float
) -> tuple[np.ndarray, np.ndarray, tuple[Track, ...]]:
    """Take a frame into the memory.

    Args:
        memory: Moves on by this frame.
        entry: What the frame shows.
        birth_score: Instances without a track start one from this score on.
        min_score: Tracks below it are not shown. Their score is the mean probability of the best
            class over all frames that showed them.

    Returns:
        int64 array (n,), slot of each instance or `NOBODY`; bool array (M,), slots that hold
        another track than before, or none; and the tracks of the frame.
    """
    capacity = memory.config.capacity
    ids = np.arange(capacity)
    is_held = torch.from_numpy(np.isin(ids, entry.slots))
    scores = entry.probability.amax(dim=1)
    birth = torch.from_numpy(entry.slots == NOBODY) & (scores >= birth_score)
    started = memory.claim(entry.stamp_ns, scores, birth, is_held).numpy()
    slots, born = entry.slots.copy(), np.flatnonzero(started >= 0)
    slots[started[born]] = born
    _count(memory, entry, slots)
    tracks = _observe(memory, entry, slots, min_score)
    is_other = (started >= 0) | (memory.view('state') == FREE)
    return slots, is_other, tracks


def _count(memory: StagedMemory, entry: Entry, slots: np.ndarray) -> None:
    owned = np.flatnonzero(slots >= 0)
    where, t = torch.from_numpy(slots[owned]), memory.tensors
    t[SUMS] = t[SUMS].index_add(0, where, entry.probability[owned])
    t[FRAMES] = t[FRAMES].index_add(0, where, torch.ones(len(owned)))


def _observe(
    memory: StagedMemory, entry: Entry, slots: np.ndarray, min_score: float
) -> tuple[Track, ...]:
    shares = memory[SUMS] / memory[FRAMES].clamp(min=1)[:, None]
    best = shares.amax(dim=1)
    masks = {int(slot): entry.masks[n] for n, slot in enumerate(slots) if slot >= 0}
    boxes = np.zeros((memory.config.capacity, 4), np.float32)
    is_visible = np.zeros(memory.config.capacity, np.bool_)
    for slot, mask in masks.items():
        x, y = mask.x, mask.y
        boxes[slot], is_visible[slot] = (x, y, x + mask.width, y + mask.height), True
    shown = torch.from_numpy(is_visible) & (best >= min_score)
    seen = Observations(torch.from_numpy(boxes), best, shares)
    memory.observe(entry.stamp_ns, seen, shown)
    return report_tracks(memory, lambda slot: masks[slot], has_probabilities=True)
