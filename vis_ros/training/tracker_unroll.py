# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker over the frames of a clip, as at test time, with a way back for gradients.

Only slots in use and places with a detection are computed, since the rest, padding, never reaches
what is real: the same result in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.rgnn.association import IMPOSSIBLE, Choice, official_slots
from vis_ros.nn.rgnn.graph import Graph
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.rgnn.network import Association, Look, Rgnn
from vis_ros.nn.rgnn.state import RgnnState, Tracks
from vis_ros.nn.yolact.selection import DetectionSet


class Unrolled(NamedTuple):
    """What the tracker did in T frames of B clips, with M slots and N detections.

    M and N are as small as the clips allow.

    Args:
        found: Detections, (T, B, N, ...) each.
        looks: float tensor (T, B, N, D), their appearances.
        is_alive: bool tensor (T, B, M), slots that held a track before the frame.
        means: float tensor (T, B, M, D), appearances of the tracks before the frame.
        match_logits: float tensor (T, B, M, N), `IMPOSSIBLE` where a track or detection is none.
        init_logits: float tensor (T, B, N), `IMPOSSIBLE` for padding.
        assigned: int64 tensor (T, B, M), detection that each slot shows, or -1.
        is_new: bool tensor (T, B, M), slots whose track started in this frame.
        embeddings: float tensor (T, B, M, E), of the tracks after the frame.
        class_logits: float tensor (T, B, M, K), of the tracks after the frame.
    """

    found: DetectionSet
    looks: Tensor
    is_alive: Tensor
    means: Tensor
    match_logits: Tensor
    init_logits: Tensor
    assigned: Tensor
    is_new: Tensor
    embeddings: Tensor
    class_logits: Tensor


def unroll_clip(tracker: Rgnn, frames: Sequence[Detected], slots: int) -> Unrolled:
    """Run the tracker over a clip with the official life cycle of tracks.

    Thresholds are those of the tracker's options.

    Args:
        tracker: Network.
        frames: T frames of B clips each.
        slots: Tracks of a clip at most.

    Raises:
        ValueError: There is no frame, or no slot.
    """
    if not frames or slots < 1:
        raise ValueError(f'expected frames and slots, got {len(frames)} and {slots}')
    found, look = _look(tracker, frames)
    state = tracker.initial(found.is_real.shape[1], 1)
    steps: list[_Step] = []
    for seen, shown, scene in zip(_frames(found), look.detections, look.scene, strict=True):
        state, step = _advance(tracker, state, seen, Look(shown, scene), slots)
        steps.append(step)
    size = state.tracks.is_alive.shape[1]
    impossible, none = IMPOSSIBLE, -1
    return Unrolled(
        found=found,
        looks=look.detections,
        is_alive=_stack([x.before.is_alive for x in steps], size, value=False),
        means=_stack([x.before.mean for x in steps], size),
        match_logits=_stack([x.match_logits for x in steps], size, value=impossible),
        init_logits=torch.stack([x.init_logits for x in steps]),
        assigned=_stack([x.assigned for x in steps], size, value=none),
        is_new=_stack([x.is_new for x in steps], size, value=False),
        embeddings=_stack([x.after.embedding for x in steps], size),
        class_logits=_stack([x.after.logits for x in steps], size),
    )


class _Step(NamedTuple):
    before: Tracks
    match_logits: Tensor
    init_logits: Tensor
    assigned: Tensor
    is_new: Tensor
    after: Tracks


def _advance(
    tracker: Rgnn, state: RgnnState, found: DetectionSet, look: Look, slots: int
) -> tuple[RgnnState, _Step]:
    """Return the memory after a frame, and what is kept of the frame."""
    pairs = tracker.associate(state, found, look)
    choice = tracker.choose(pairs, found)
    before, match_logits = state.tracks, pairs.match_logits
    more = min(_slots_needed(before.is_alive, choice), slots) - before.is_alive.shape[1]
    if more > 0:
        state, pairs = _with_slots(tracker, state, more), _with_pairs(pairs, more)
        choice = choice._replace(match=_pad(choice.match, more, -1))
    assigned, is_new = official_slots(state.tracks.is_alive, choice)
    state = tracker.update(state, found, look, pairs, assigned=assigned, is_new=is_new)
    step = _Step(before, match_logits, pairs.init_logits, assigned, is_new, state.tracks)
    return state, step


def _look(tracker: Rgnn, frames: Sequence[Detected]) -> tuple[DetectionSet, Look]:
    """Return detections (T, B, N, ...) and appearances (T, B, N, D), (T, B, D) of all frames."""
    shape = (len(frames), frames[0].found.is_real.shape[0])
    is_real = torch.stack([x.found.is_real for x in frames])
    used = is_real.flatten(0, 1).any(dim=0).nonzero()
    count = int(used.max()) + 1 if len(used) else 1  # the only wait for the device
    parts = zip(*(x.found for x in frames), strict=True)
    found = DetectionSet(*(torch.stack([x[:, :count] for x in part]) for part in parts))
    flat = DetectionSet(*(x.flatten(0, 1) for x in found))
    stride16 = torch.cat([x.stride16 for x in frames])
    stride32 = torch.cat([x.stride32 for x in frames])
    look = tracker.look(stride16, stride32, flat)
    return found, Look(look.detections.unflatten(0, shape), look.scene.unflatten(0, shape))


def _frames(found: DetectionSet) -> list[DetectionSet]:
    return [DetectionSet(*part) for part in zip(*found, strict=True)]


def _slots_needed(is_alive: Tensor, choice: Choice) -> int:
    """Return how many slots have a track after the frame; away from a CPU, which need not wait
    for the number, how many can have one."""
    if is_alive.device.type != 'cpu':
        return is_alive.shape[1] + choice.is_birth.shape[1]
    return int((is_alive.sum(dim=1) + choice.is_birth.sum(dim=1)).max())


def _with_slots(tracker: Rgnn, state: RgnnState, more: int) -> RgnnState:
    """Return the memory with that many free slots more."""
    batch = state.tracks.is_alive.shape[0]
    fresh = (x.expand(batch, more, *x.shape[2:]) for x in tracker.newborn())
    return state._replace(
        tracks=Tracks(*(torch.cat(pair, dim=1) for pair in zip(state.tracks, fresh, strict=True)))
    )


def _with_pairs(pairs: Association, more: int) -> Association:
    """Return the association with that many slots more, which are none's."""

    def padded(graph: Graph) -> Graph:
        tracks, edges = _pad(graph.tracks, more), _pad(graph.track_edges, more)
        return graph._replace(tracks=tracks, track_edges=edges)

    return pairs._replace(
        match_logits=_pad(pairs.match_logits, more, IMPOSSIBLE),
        before=padded(pairs.before),
        after=padded(pairs.after),
    )


def _pad(x: Tensor, more: int, value: float = 0.0) -> Tensor:
    """Return x (B, M, ...) with rows appended to its second dimension."""
    return functional.pad(x, (*(0, 0) * (x.ndim - 2), 0, more), value=value) if more else x


def _stack(parts: list[Tensor], size: int, value: float = 0.0) -> Tensor:
    """Return tensors (B, M', ...) with different M' as one (T, B, size, ...)."""
    return torch.stack([_pad(x, size - x.shape[1], value) for x in parts])
