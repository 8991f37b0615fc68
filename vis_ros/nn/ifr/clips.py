# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Instances of overlapping clips, matched and averaged: clips of any length, and augmentation.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, sections 3.2 ("Test time augmentation") and A.1: results of one clip at several scales, and
results of clips that share frames, are matched by the cost of equation 4, and the probabilities of
classes and masks are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.ifr.decoder import Decoded, mask_logits
from vis_ros.nn.ifr.matching import best_pairs, logits_of, pair_costs

NOBODY = -1
_FORBIDDEN = 1e5  # more than any cost


class ClipInstances(NamedTuple):
    """The N instances of one clip of T frames.

    Args:
        probability: float tensor (N, K), of each class.
        masks: float tensor (N, T, h, w), probabilities.
    """

    probability: Tensor
    masks: Tensor


def instances_of(decoded: Decoded, features: Tensor) -> ClipInstances:
    """Return what a decoded clip shows, one instance for each query.

    Args:
        decoded: Of one clip.
        features: float tensor (1, n, C, h, w), its mask features.
    """
    said = decoded.layers[-1]
    masks = mask_logits(said.kernels, features)[0].sigmoid().transpose(0, 1)
    return ClipInstances(said.classes[0].sigmoid().mean(dim=0), masks)


def averaged(results: Sequence[ClipInstances], pivot: int = 0) -> ClipInstances:
    """Return the instances of one result, averaged with what the other results match to them.

    Args:
        results: Of one clip, with masks of one size.
        pivot: Which of them the others are matched to; the paper draws it.
    """
    chosen = results[pivot]
    probability, masks = chosen.probability.clone(), chosen.masks.clone()
    counts = torch.ones(len(probability), device=masks.device)
    for index, other in enumerate(results):
        if index == pivot:
            continue
        mine, theirs = _matched(chosen, other)
        probability[mine] += other.probability[theirs]
        masks[mine] += other.masks[theirs]
        counts[mine] += 1
    return ClipInstances(probability / counts[:, None], masks / counts[:, None, None, None])


def _matched(mine: ClipInstances, others: ClipInstances) -> tuple[Tensor, Tensor]:
    """Return pairs of instances, int64 (n,) each."""
    costs = _costs(others, mine)
    theirs, found = best_pairs(costs)
    return found, theirs


def _costs(new: ClipInstances, known: ClipInstances) -> Tensor:
    """Return equation 4 with the known instances in the place of annotated ones, (N, E)."""
    return pair_costs(
        new.probability,
        logits_of(new.masks.flatten(1)),
        known.probability.argmax(dim=1),
        known.masks.flatten(1),
    )


def overlaps(new: Tensor, known: Tensor) -> Tensor:
    """Return the soft intersection over union of masks (N, P) and (E, P), (N, E); 0 of nothing."""
    both = new @ known.T
    union = new.sum(dim=1)[:, None] + known.sum(dim=1) - both
    return both / union.clamp(min=1e-6)


@dataclass
class ClipTracks:
    """Instances that go on from clip to clip; only frames that are still due are kept.

    Args:
        first: Number of the first frame that is kept.
        classes: float tensor (E, K), sums over clips.
        clips: float tensor (E,), in how many clips each was found.
        masks: float tensor (E, F, h, w), sums over clips.
        counts: float tensor (E, F), how many were added up in each frame.
        slots: int64 array (E,), slot in the track memory, or `NOBODY`.
        is_hint: The masks are what was seen before a restart: the next clip is matched with them,
            and then they are forgotten.
    """

    first: int = 0
    classes: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    clips: Tensor = field(default_factory=lambda: torch.zeros(0))
    masks: Tensor = field(default_factory=lambda: torch.zeros(0, 0, 0, 0))
    counts: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    slots: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    is_hint: bool = False

    def add(self, start: int, found: ClipInstances, link_overlap: float) -> None:
        """Take in the instances of the next clip.

        Args:
            start: Number of its first frame, not before `first`.
            found: N instances.
            link_overlap: Soft IoU in the shared frames below which two are not the same.
        """
        if self.masks.shape[2:] != found.masks.shape[2:]:
            self._clear()
        offset = start - self.first
        shared = self.masks.shape[1] - offset
        pairs = self._pairs(offset, found, link_overlap) if shared > 0 and len(self.slots) else {}
        if self.is_hint:
            self.masks, self.counts = torch.zeros_like(self.masks), torch.zeros_like(self.counts)
            self.is_hint = False
        order = [n for n in range(len(found.masks)) if n not in pairs]
        places = {n: len(self.slots) + k for k, n in enumerate(order)} | pairs
        self._grow(len(order), offset + found.masks.shape[1], found)
        index = torch.tensor([places[n] for n in range(len(found.masks))], dtype=torch.int64)
        index = index.to(self.masks.device)
        self.classes[index] += found.probability
        self.clips[index] += 1
        self.masks[index, offset : offset + found.masks.shape[1]] += found.masks
        self.counts[index, offset : offset + found.masks.shape[1]] += 1

    def _clear(self) -> None:
        """Forget everybody: masks of another size cannot be compared."""
        self.classes, self.clips, self.counts = self.classes[:0], self.clips[:0], self.counts[:0]
        self.masks, self.slots, self.is_hint = self.masks[:0], self.slots[:0], False

    def _pairs(self, offset: int, found: ClipInstances, link_overlap: float) -> dict[int, int]:
        """Return the known instance of each new one that has one."""
        shared = min(self.masks.shape[1] - offset, found.masks.shape[1])
        span = slice(offset, offset + shared)
        counts = self.counts[:, span, None, None].clamp(min=1)
        known = ClipInstances(self.classes, self.masks[:, span] / counts)
        new = found._replace(masks=found.masks[:, :shared])
        agree = overlaps(new.masks.flatten(1), known.masks.flatten(1)) >= link_overlap
        costs = torch.where(agree, _costs(new, known), _FORBIDDEN)
        rows, columns = (part.tolist() for part in best_pairs(costs))
        is_pair = agree.cpu().numpy()
        return {n: e for n, e in zip(rows, columns, strict=True) if is_pair[n, e]}

    def _grow(self, more: int, frames: int, like: ClipInstances) -> None:
        old_count, old_frames = self.masks.shape[:2]
        count, frames = old_count + more, max(old_frames, frames)
        classes = like.probability.new_zeros(count, like.probability.shape[1])
        clips = like.probability.new_zeros(count)
        masks = like.masks.new_zeros(count, frames, *like.masks.shape[2:])
        counts = like.masks.new_zeros(count, frames)
        if old_count:
            classes[:old_count], clips[:old_count] = self.classes, self.clips
            masks[:old_count, :old_frames] = self.masks
            counts[:old_count, :old_frames] = self.counts
        self.classes, self.clips, self.masks, self.counts = classes, clips, masks, counts
        self.slots = np.concatenate((self.slots, np.full(more, NOBODY)))

    def at(self, number: int) -> tuple[np.ndarray, Tensor, Tensor]:
        """Return who is there in a frame: instances, their classes, and their mask logits.

        Returns:
            int64 array (n,); float tensors (n, K), probabilities, and (n, h, w).
        """
        frame = number - self.first
        index = torch.nonzero(self.counts[:, frame] > 0)[:, 0]
        probability = self.classes[index] / self.clips[index, None]
        masks = self.masks[index, frame] / self.counts[index, frame, None, None]
        return index.cpu().numpy(), probability, logits_of(masks)

    def forget(self, number: int) -> None:
        """Drop all frames before `number`, and instances that none of the others shows."""
        drop = number - self.first
        masks, counts = self.masks[:, drop:], self.counts[:, drop:]
        stays = (counts > 0).any(dim=1)
        self.first, self.masks, self.counts = number, masks[stays], counts[stays]
        self.classes, self.clips = self.classes[stays], self.clips[stays]
        self.slots = self.slots[stays.cpu().numpy()]
