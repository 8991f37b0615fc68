# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which annotated object a detection, and a track, stands for; everything is taught from this.

An identity is 0 for none and j + 1 for object j.

Source: Johnander et al., "Video Instance Segmentation with Recurrent Graph Neural Networks",
section 3.5.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vis_ros.nn.yolact.nms import pairwise_iou

_MIN_IOU = 0.5  # a detection must overlap its object more than this
_EPSILON = 1e-7


def detection_identities(
    boxes: Tensor, is_real: Tensor, truth_boxes: Tensor, is_visible: Tensor
) -> Tensor:
    """Return the identities of detections, int64 (..., N).

    A detection gets an object's identity when each is the other's best overlap, above a half. Of
    equal overlaps the first counts.

    Args:
        boxes: float tensor (..., N, 4), xyxy.
        is_real: bool tensor (..., N), detections that are no padding.
        truth_boxes: float tensor (..., J, 4), in the same unit.
        is_visible: bool tensor (..., J), objects that the frame shows.
    """
    count, objects = is_real.shape[-1], is_visible.shape[-1]
    if not count or not objects:
        return torch.zeros_like(is_real, dtype=torch.int64)
    overlap = pairwise_iou(boxes, truth_boxes, epsilon=_EPSILON)  # (..., N, J)
    is_pair = is_real[..., :, None] & is_visible[..., None, :]
    overlap = torch.where(is_pair, overlap, -1.0)
    most, best = overlap.max(dim=-1)  # (..., N)
    favourite = overlap.argmax(dim=-2).gather(-1, best)  # of each detection's best object
    is_mutual = favourite == torch.arange(count, device=boxes.device)
    return torch.where(is_mutual & (most > _MIN_IOU), best + 1, 0)


class TrackIdentities(NamedTuple):
    """M tracks of B clips; a slot is never given to a second track.

    Args:
        origin: int64 tensor (B, M), identity of the detection that started the track.
        is_owner: bool tensor (B, M), tracks that keep this identity: those with one that no
            earlier track has. The others are duplicates, or false.
        born: int64 tensor (B, M), frame in which the track started, T for empty slots.
    """

    origin: Tensor
    is_owner: Tensor
    born: Tensor

    def identity(self) -> Tensor:
        """Return the identities after duplicates lost theirs, int64 (B, M)."""
        return torch.where(self.is_owner, self.origin, 0)

    def is_duplicate(self) -> Tensor:
        """Return the tracks that an object started which had one, bool (B, M)."""
        return (self.origin > 0) & ~self.is_owner


def track_identities(is_new: Tensor, assigned: Tensor, detections: Tensor) -> TrackIdentities:
    """Return whom the tracks of a clip stand for.

    Args:
        is_new: bool tensor (T, B, M), tracks that start in each frame.
        assigned: int64 tensor (T, B, M), detection that each slot shows, or -1.
        detections: int64 tensor (T, B, N), identities, see `detection_identities`.
    """
    frames = is_new.shape[0]
    first = detections.gather(2, assigned.clamp(min=0))  # (T, B, M)
    origin = (first * is_new).sum(dim=0)
    when = torch.arange(frames, device=is_new.device)[:, None, None]
    born = torch.where(is_new, when, frames).amin(dim=0)
    return TrackIdentities(origin, owners(origin, born), born)


def owners(origin: Tensor, born: Tensor) -> Tensor:
    """Return which tracks keep their identity, bool (B, M): the first that claims it.

    Args:
        origin: int64 tensor (B, M), identity of the detection that started each track.
        born: int64 tensor (B, M), frame of it. Two tracks of one frame never have the same
            identity, but 0.
    """
    is_same = origin[:, :, None] == origin[:, None, :]  # (B, M, M)
    is_earlier = born[:, None, :] < born[:, :, None]
    return (origin > 0) & ~(is_same & is_earlier).any(dim=2)


def owner_slots(tracks: TrackIdentities, objects: int) -> Tensor:
    """Return slot + 1 of the track of each identity, or 0, int64 (B, J + 1); of 0 it is 0.

    Args:
        tracks: Identities of the tracks.
        objects: Number of objects J.
    """
    batch, slots = tracks.origin.shape
    slot = torch.arange(1, slots + 1, device=tracks.origin.device).expand(batch, -1)
    table = tracks.origin.new_zeros((batch, objects + 1))
    return table.scatter_add(1, tracks.identity(), slot * tracks.is_owner)
