# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The track memory for methods that segment after they have associated."""

from __future__ import annotations

import torch
from torch import Tensor

from vis_ros.memory.track_memory import Observations, TrackMemory
from vis_ros.ops.rows import surely_none
from vis_ros.structures.track import TrackState

_ZERO_AT_BIRTH = (
    'track_id',
    'hits',
    'misses',
    'box',
    'score',
    'velocity',
    'class_votes',
    'paused_ns',
)


class StagedMemory(TrackMemory):
    """A memory whose frame has two stages: slots for new tracks, then what is to be seen of them.

    Law, beyond that of `TrackMemory`: a track gets its id when its first pixel is seen. Until then
    it holds a slot as TENTATIVE, and is forgotten after the time-out of such tracks. A track that
    the method still follows but that shows no pixel counts as unobserved; it ages, but is not
    evicted in that frame. When all slots are taken, a new track evicts one that the method does
    not follow: first one without an id, then the one that was unobserved for longest.
    """

    def claim(
        self, stamp_ns: int | Tensor, scores: Tensor, birth: Tensor, is_held: Tensor
    ) -> Tensor:
        """Take the first stage of a frame: find slots for new tracks.

        Args:
            stamp_ns: Stamp of the frame [ns], not before the previous one.
            scores: float32 tensor (N,); better detections get a slot first, equal ones in order.
            birth: bool tensor (N,), detections that shall start a track.
            is_held: bool tensor (M,), slots whose track the method follows in this frame.

        Returns:
            int64 tensor (M,): for each slot the detection whose track starts there, or -1.
        """
        self._begin(stamp_ns)
        if surely_none(birth):
            return torch.full_like(self['state'], -1)
        is_available = ~(self.occupied & is_held)
        slot, index, is_born = self._find_places(is_available, scores, birth)
        values: dict[str, Tensor | int] = dict.fromkeys(_ZERO_AT_BIRTH, 0)
        values |= {
            'state': int(TrackState.TENTATIVE),
            'first_seen_ns': stamp_ns,
            'last_seen_ns': stamp_ns,
        }
        for name, value in (values | self._births).items():
            self._write(name, slot, is_born, value)
        nothing = torch.full_like(self['state'], -1)
        return nothing.scatter(0, slot, torch.where(is_born, index, -1))

    def observe(self, stamp_ns: int | Tensor, seen: Observations, is_visible: Tensor) -> None:
        """Take the second stage: what is to be seen in each slot.

        Args:
            stamp_ns: Stamp of the frame, as for `claim`.
            seen: One observation for each of the M slots; those of slots without a visible track
                do not matter. The class scores replace those of earlier frames: the method has a
                memory of its own for classes.
            is_visible: bool tensor (M,), slots whose track shows a pixel.
        """
        occupied = self.occupied
        is_visible = is_visible & occupied
        is_first = is_visible & (self['hits'] == 0)
        self._observe(stamp_ns, seen.boxes, seen.scores, is_visible)
        t = self.tensors
        t['class_votes'] = torch.where(is_visible[:, None], seen.class_scores, t['class_votes'])
        if not surely_none(is_first):
            t['velocity'] = torch.where(is_first[:, None], 0.0, t['velocity'])
            t['first_seen_ns'] = torch.where(is_first, stamp_ns, t['first_seen_ns'])
            ids = t['next_id'] + is_first.cumsum(0) - 1
            t['track_id'] = torch.where(is_first, ids, t['track_id'])
            t['next_id'] = t['next_id'] + is_first.sum()
        self._age(stamp_ns, is_visible, occupied)
