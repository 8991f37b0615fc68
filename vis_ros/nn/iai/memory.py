# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What IAI remembers of a stream, as tensors of fixed size; the network itself holds no state.

Capacity: the previous frame, and `IaiOptions.stored_frames` others. When these places are taken,
the oldest frame goes all of whose living identities are shown by other stored frames, or by the
one that comes in; when each frame is the only one of some identity, the oldest frame.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CELL = 32  # pixels of the input per token
NOTHING = 255  # label of a pixel that shows neither an identity nor the background


class IaiMemory(NamedTuple):
    """Memory of B streams: M stored frames of T tokens with C channels; N identity channels.

    Args:
        short_key: float tensor (B, T, C), of the previous frame.
        short_value: float tensor (B, T, C).
        short_labels: uint8 tensor (B, H, W), identity of each pixel of the input; N is the
            background.
        long_key: float tensor (B, M, T, C), of the stored frames.
        long_value: float tensor (B, M, T, C).
        long_labels: uint8 tensor (B, M, H, W).
        shown: bool tensor (B, M, N), identities that the stored frames show.
        stored_at: int64 tensor (B, M), step at which a frame was stored; -1 where none is.
        step: int64 tensor (B,), frames so far.
        latest: int64 tensor (B,), step at which a frame was stored last.
    """

    short_key: Tensor
    short_value: Tensor
    short_labels: Tensor
    long_key: Tensor
    long_value: Tensor
    long_labels: Tensor
    shown: Tensor
    stored_at: Tensor
    step: Tensor
    latest: Tensor

    @property
    def is_filled(self) -> Tensor:
        """Bool tensor (B, M): places that hold a frame."""
        return self.stored_at >= 0

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the maps."""
        return self.short_labels.shape[-2] // CELL, self.short_labels.shape[-1] // CELL


class Impression(NamedTuple):
    """What is to be remembered of a frame.

    Args:
        key: float tensor (B, T, C).
        value: float tensor (B, T, C).
        labels: uint8 tensor (B, H, W).
    """

    key: Tensor
    value: Tensor
    labels: Tensor


def begin(seen: Impression, frames: int, ids: int) -> IaiMemory:
    """Return the memory after a first frame.

    Args:
        seen: The frame.
        frames: Places M of the long-term memory.
        ids: Identity channels N.
    """

    def bank(value: Tensor) -> Tensor:
        places = value.new_zeros(len(value), frames - 1, *value.shape[1:])
        return torch.cat((value[:, None], places), dim=1)

    zero = torch.zeros(len(seen.key), dtype=torch.int64, device=seen.key.device)
    stored_at = torch.full((len(zero), frames), -1, device=zero.device)
    stored_at[:, 0] = 0
    shown = shown_in(seen.labels, ids)
    banks = (bank(seen.key), bank(seen.value), bank(seen.labels), bank(shown))
    return IaiMemory(*seen, *banks, stored_at, zero + 1, zero)


def remember(
    memory: IaiMemory, seen: Impression, is_birth: Tensor, is_alive: Tensor, interval: int
) -> IaiMemory:
    """Return the memory after a frame.

    The first frame counts as step 0 for the interval but leaves the counter at 1, as in the
    official code: without births, frames 0, 2, 5, 8, ... are stored.

    Args:
        memory: Memory before the frame.
        seen: The frame.
        is_birth: bool tensor (B,), whether the frame shows a new identity.
        is_alive: bool tensor (B, N), identities that the choice of a place cares for.
        interval: Steps after which a frame is stored in any case.
    """
    step = memory.step + 1
    is_stored = is_birth | (step - memory.latest >= interval)
    shown = shown_in(seen.labels, is_alive.shape[1])
    place = _place(memory, shown, is_alive)
    slots = torch.arange(memory.stored_at.shape[1], device=step.device)
    here = (slots == place[:, None]) & is_stored[:, None]  # (B, M)

    def put(bank: Tensor, value: Tensor) -> Tensor:
        where = here.reshape(*here.shape, *[1] * (bank.ndim - 2))
        return torch.where(where, value[:, None], bank)

    return IaiMemory(
        *seen,
        put(memory.long_key, seen.key),
        put(memory.long_value, seen.value),
        put(memory.long_labels, seen.labels),
        put(memory.shown, shown),
        put(memory.stored_at, step),
        step,
        torch.where(is_stored, step, memory.latest),
    )


def _place(memory: IaiMemory, new: Tensor, is_alive: Tensor) -> Tensor:
    """Return the place (B,) that the next frame would take, see the top of this file.

    Args:
        memory: Memory before the frame.
        new: bool tensor (B, N), identities that the frame shows.
        is_alive: bool tensor (B, N).
    """
    shown = memory.shown & memory.is_filled[..., None] & is_alive[:, None]
    others = shown.sum(1, keepdim=True) - shown.long() + new[:, None].long()  # (B, M, N)
    is_spare = (~shown | (others > 0)).all(2)
    late = torch.iinfo(torch.int64).max // 2
    key = torch.where(is_spare, memory.stored_at, memory.stored_at + late)
    return torch.where(memory.is_filled, key, -1).argmin(1)


def shown_in(labels: Tensor, count: int) -> Tensor:
    """Return which of `count` identities some labels (..., H, W) show, bool (..., count)."""
    flat = labels.flatten(-2).long()
    marks = torch.zeros(*flat.shape[:-1], 256, dtype=torch.bool, device=labels.device)
    marks = marks.scatter(-1, flat, torch.ones_like(flat, dtype=torch.bool))
    return marks[..., :count]


def resized(memory: IaiMemory, size: tuple[int, int]) -> IaiMemory:
    """Return the memory for maps of another size: the camera was turned, or changed its mode."""
    if memory.size == size:
        return memory

    def tokens(x: Tensor) -> Tensor:
        grid = x.reshape(-1, *memory.size, x.shape[-1]).permute(0, 3, 1, 2)
        grid = functional.interpolate(grid, size, mode='bilinear', align_corners=False)
        return grid.flatten(2).transpose(1, 2).reshape(*x.shape[:-2], -1, x.shape[-1])

    def labels(x: Tensor) -> Tensor:
        grid = x.reshape(-1, 1, *x.shape[-2:])
        wanted = (size[0] * CELL, size[1] * CELL)
        grid = functional.interpolate(grid.float(), wanted, mode='nearest')
        return grid.to(x.dtype).reshape(*x.shape[:-2], *wanted)

    return memory._replace(
        short_key=tokens(memory.short_key),
        short_value=tokens(memory.short_value),
        short_labels=labels(memory.short_labels),
        long_key=tokens(memory.long_key),
        long_value=tokens(memory.long_value),
        long_labels=labels(memory.long_labels),
    )
