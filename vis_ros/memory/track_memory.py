# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who is who: identities, life cycle, capacity and eviction, in fixed-size tensors.

The step has static shapes, no Python loop over tracks and no synchronisation with the device, so
that learned methods can run it inside a captured graph. Methods on the CPU look at the same
tensors through NumPy views (`TrackMemory.view`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vis_ros.ops.rows import surely_none
from vis_ros.structures.options import option
from vis_ros.structures.track import TrackState

FREE = 0  # state of a slot that holds no track; the others are TrackState
_TENTATIVE, _ACTIVE, _LOST = map(int, TrackState)  # torch compares with an enumeration slowly
_NS = 1_000_000_000
RESTART_NS = _NS  # a longer gap after a restore is a restart, in which nothing ages


@dataclass(frozen=True)
class MemoryConfig:
    """Capacity and ageing of the track memory."""

    capacity: int = option(64, 'Tracks held at once, LOST ones included.', minimum=1, maximum=4096)
    confirm_hits: int = option(
        3, 'Observations after which a TENTATIVE track becomes ACTIVE.', minimum=1, maximum=1000
    )
    tentative_timeout_s: float = option(
        0.25,
        'A TENTATIVE track is forgotten when it was not observed for longer than this.',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
    )
    lost_timeout_s: float = option(
        3.0,
        'A LOST track is forgotten when it was not observed for longer than this.',
        unit='s',
        minimum=0.0,
        maximum=86400.0,
    )
    velocity_time_constant_s: float = option(
        0.3,
        'Smoothing of the published velocity: time constant of the exponential mean.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )


@dataclass(frozen=True)
class Observations:
    """The detections of one frame, as the memory needs them.

    Args:
        boxes: float32 tensor (N, 4), xyxy in source-image pixels.
        scores: float32 tensor (N,), confidence in [0, 1].
        class_scores: float32 tensor (N, K), share of each class.
    """

    boxes: Tensor
    scores: Tensor
    class_scores: Tensor


class TrackMemory:
    """At most `capacity` tracks in numbered slots.

    Law: an id is given once and never again (64-bit counter, starts at 1); a slot is used again
    after its track is forgotten. Forgotten is a TENTATIVE or LOST track that was not observed for
    longer than its time-out. When all slots are taken, a new track evicts the track that was
    unobserved for longest; a track that was observed in this frame is never evicted, and a new
    track that finds no place is refused and counted.

    Args:
        config: Capacity and ageing.
        num_classes: Number of classes K, at least 1.
        device: Where the tensors live.
        extras: Further tensors per slot that a method wants to keep, by name, each with the value
            that a slot gets at birth, without the slot dimension.
    """

    def __init__(
        self,
        config: MemoryConfig,
        *,
        num_classes: int,
        device: torch.device | str = 'cpu',
        extras: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.config = config
        slots = config.capacity
        int64: dict[str, Any] = {'dtype': torch.int64, 'device': device}
        float32: dict[str, Any] = {'dtype': torch.float32, 'device': device}
        self._is_restored = False
        self._births = {name: value.to(device) for name, value in (extras or {}).items()}
        self.tensors: dict[str, Tensor] = {
            'track_id': torch.zeros(slots, **int64),
            'state': torch.full((slots,), FREE, **int64),
            'hits': torch.zeros(slots, **int64),
            'misses': torch.zeros(slots, **int64),
            'first_seen_ns': torch.zeros(slots, **int64),
            'last_seen_ns': torch.zeros(slots, **int64),
            'box': torch.zeros(slots, 4, **float32),
            'score': torch.zeros(slots, **float32),
            'velocity': torch.zeros(slots, 2, **float32),
            'class_votes': torch.zeros(slots, num_classes, **float32),
            'paused_ns': torch.zeros(slots, **int64),
            'latest_ns': torch.zeros((), **int64),
            'next_id': torch.ones((), **int64),
            'refused': torch.zeros((), **int64),
        }
        for name, value in self._births.items():
            if name in self.tensors:
                raise ValueError(f'extras: {name!r} is a tensor of the memory itself')
            self.tensors[name] = value.expand(slots, *value.shape).clone()

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor of the memory; its first dimension is the slot."""
        return self.tensors[name]

    def view(self, name: str) -> np.ndarray:
        """Return a NumPy view of a tensor; only for memories on the CPU."""
        return self.tensors[name].numpy()

    @property
    def is_restored(self) -> bool:
        """Whether the next frame is the first one after a restore."""
        return self._is_restored

    @property
    def occupied(self) -> Tensor:
        """Bool tensor (M,): slots that hold a track."""
        return self['state'] != FREE

    def update(
        self, stamp_ns: int | Tensor, seen: Observations, match: Tensor, birth: Tensor
    ) -> Tensor:
        """Take one frame into the memory; one without detections counts too.

        Args:
            stamp_ns: Stamp of the frame [ns], not before the previous one.
            seen: The N detections.
            match: int64 tensor (M,), for each slot the index of its detection, or -1.
            birth: bool tensor (N,), detections that shall start a track. Better scores come first.

        Returns:
            int64 tensor (M,): for each slot the index of the detection that it shows now, born
            tracks included, or -1.
        """
        self._begin(stamp_ns)
        occupied = self.occupied
        shown = torch.where(occupied, match, -1)
        if len(seen.scores):
            is_seen, index = shown >= 0, shown.clamp(min=0)
            score = seen.scores[index]
            self._observe(stamp_ns, seen.boxes[index], score, is_seen)
            votes = torch.where(is_seen[:, None], seen.class_scores[index] * score[:, None], 0.0)
            self.tensors['class_votes'] = self['class_votes'] + votes
        self._age(stamp_ns, shown >= 0, occupied)
        if len(seen.scores):
            shown = self._bear(stamp_ns, seen, shown, birth)
        return shown

    def _begin(self, stamp_ns: int | Tensor) -> None:
        if self._is_restored:
            self._is_restored = False
            gap_ns = (stamp_ns - self['latest_ns'] - RESTART_NS).clamp(min=0)
            self.tensors['paused_ns'] = self['paused_ns'] + gap_ns
        self.tensors['latest_ns'] = torch.zeros_like(self['latest_ns']) + stamp_ns

    def _observe(
        self, stamp_ns: int | Tensor, boxes: Tensor, scores: Tensor, is_seen: Tensor
    ) -> None:
        """Let slots see their boxes (M, 4) and scores (M,), where they see something (M,)."""
        t = self.tensors
        elapsed_s = (stamp_ns - t['last_seen_ns']) / _NS
        change = boxes - t['box']
        moved = (change[:, :2] + change[:, 2:]) / 2
        speed = moved / elapsed_s.clamp(min=1e-9)[:, None]
        keep = torch.exp(elapsed_s * (-1 / max(self.config.velocity_time_constant_s, 1e-9)))
        keep = keep.masked_fill(t['hits'] <= 1, 0.0)[:, None]  # the second sighting sets it
        moves = (is_seen & (elapsed_s > 0))[:, None]
        t['velocity'] = torch.where(moves, speed.lerp(t['velocity'], keep), t['velocity'])
        t['box'] = torch.where(is_seen[:, None], boxes, t['box'])
        t['score'] = torch.where(is_seen, scores, t['score'])
        t['hits'] = t['hits'] + is_seen
        t['last_seen_ns'] = torch.where(is_seen, stamp_ns, t['last_seen_ns'])
        t['paused_ns'] = t['paused_ns'].masked_fill(is_seen, 0)

    def _age(self, stamp_ns: int | Tensor, is_seen: Tensor, occupied: Tensor) -> None:
        """Let time pass for slots that hold a track (M,), seen in this frame (M,) or not."""
        t, config = self.tensors, self.config
        state = t['state']
        t['misses'] = (t['misses'] + occupied).masked_fill(is_seen, 0)
        confirmed = is_seen
        if config.confirm_hits > 1:
            confirmed = is_seen & ((state != _TENTATIVE) | (t['hits'] >= config.confirm_hits))
        state = state.masked_fill(confirmed, _ACTIVE)
        state = state.masked_fill(~is_seen & (state == _ACTIVE), _LOST)
        unseen_ns = stamp_ns - t['last_seen_ns'] - t['paused_ns']
        tentative_ns = round(config.tentative_timeout_s * _NS)
        lost_ns = round(config.lost_timeout_s * _NS)
        # those that are ACTIVE now were seen now, and free slots stay as they are
        expired = unseen_ns > torch.where(state == _TENTATIVE, tentative_ns, lost_ns)
        t['state'] = state.masked_fill(expired, FREE)
        t['track_id'] = t['track_id'].masked_fill(expired, 0)

    def _bear(
        self, stamp_ns: int | Tensor, seen: Observations, shown: Tensor, birth: Tensor
    ) -> Tensor:
        if surely_none(birth):
            return shown
        t = self.tensors
        is_available = ~self.occupied | (t['misses'] > 0)
        slot, index, is_born = self._find_places(is_available, seen.scores, birth)
        ids = t['next_id'] + is_born.cumsum(0) - 1
        first_state = _ACTIVE if self.config.confirm_hits <= 1 else _TENTATIVE
        score = seen.scores[index]
        values: dict[str, Tensor | int] = {
            'track_id': ids,
            'state': first_state,
            'hits': 1,
            'misses': 0,
            'first_seen_ns': stamp_ns,
            'last_seen_ns': stamp_ns,
            'box': seen.boxes[index],
            'score': score,
            'velocity': 0,
            'paused_ns': 0,
            'class_votes': seen.class_scores[index] * score[:, None],
        }
        for name, value in (values | self._births).items():
            self._write(name, slot, is_born, value)
        t['next_id'] = t['next_id'] + is_born.sum()
        return shown.scatter(0, slot, torch.where(is_born, index, shown[slot]))

    def _find_places(
        self, is_available: Tensor, scores: Tensor, birth: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return slots, detections and which pairs of them are births, each (min(M, N),).

        Free slots come first, then tracks that were never observed, then those that were
        unobserved for longest; the best detections come first. Births without a place are counted
        as refused.
        """
        never = torch.iinfo(torch.int64).max
        since_ns = torch.where(self['hits'] == 0, 0, self['last_seen_ns'])
        key = torch.where(is_available, since_ns, never)
        key = torch.where(self.occupied, key, -1)
        wanted = torch.where(birth, -scores, torch.inf)
        count = min(len(wanted), len(key))
        slot = torch.argsort(key, stable=True)[:count]
        index = torch.argsort(wanted, stable=True)[:count]
        is_born = birth[index] & is_available[slot]
        self.tensors['refused'] = self['refused'] + birth.sum() - is_born.sum()
        return slot, index, is_born

    def _write(self, name: str, slot: Tensor, is_born: Tensor, value: Tensor | int) -> None:
        old = self.tensors[name][slot]
        new = value if isinstance(value, Tensor) else torch.full_like(old[:1], value)
        mask = is_born.reshape(-1, *[1] * (old.ndim - 1))
        self.tensors[name] = self.tensors[name].index_copy(0, slot, torch.where(mask, new, old))

    def skip_ids(self, highest_id: int) -> None:
        """Give no id up to `highest_id` any more."""
        self.tensors['next_id'] = self['next_id'].clamp(min=highest_id + 1)

    def sizes(self) -> dict[str, int]:
        """Return how full the memory is, for diagnostics."""
        return {
            'tracks': int(self.occupied.sum()),
            'capacity': self.config.capacity,
            'ids_given': int(self['next_id']) - 1,
            'refused': int(self['refused']),
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put tensors back that were taken from `tensors` of a memory of the same configuration.

        Tracks do not age while the tracker is down: of the gap before the next frame only the
        first second counts.

        Raises:
            ValueError: A tensor is missing, unknown, or of another shape or dtype. Nothing is
                changed then.
        """
        if set(tensors) != set(self.tensors):
            missing = sorted(set(self.tensors) - set(tensors))
            unexpected = sorted(set(tensors) - set(self.tensors))
            raise ValueError(f'tensors: missing {missing}, unexpected {unexpected}')
        for name, mine in self.tensors.items():
            other = tensors[name]
            if other.shape != mine.shape or other.dtype != mine.dtype:
                raise ValueError(
                    f'tensors: {name}: expected {mine.dtype} {tuple(mine.shape)}, '
                    f'got {other.dtype} {tuple(other.shape)}'
                )
        self._is_restored = True
        self.tensors = {n: v.to(self.tensors[n].device).clone() for n, v in tensors.items()}
