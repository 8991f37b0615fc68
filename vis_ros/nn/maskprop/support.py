# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a stream that support each other: those that wait for later ones, and those before.

Only for a backbone with spatiotemporal sampling. A frame is looked at once; it is understood when
the frames after it that support it are there, and then it enters the clips like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from vis_ros.nn.maskprop.clips import from_numbers, to_numbers
from vis_ros.nn.maskprop.perception import Look

_STAGES = ('0', '1', '2', '3')  # of the backbone
# Channels lie last in memory, as in a snapshot: sums over another layout end with other digits.
_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True)
class Glimpse:
    """One frame.

    Args:
        stamp_ns: Of the frame.
        frame_id: Of the frame.
        look: What the backbone made of it; of frames that were understood, only the stages that
            support others, and no pixels.
        is_owed: Its result is waited for; not so after a restart.
    """

    stamp_ns: int
    frame_id: str
    look: Look
    is_owed: bool = True


@dataclass
class Supports:
    """All frames that new ones can look at.

    Holds `past` + `ahead` + 1 frames, the oldest goes first.

    Args:
        past: Supporting frames before a frame.
        ahead: Supporting frames after it, for which it waits.
        names: Stages of the backbone that support.
        newest: Number of the newest frame, 0 is the first of the stream.
        due: Number of the frame that is understood next.
    """

    past: int
    ahead: int
    names: tuple[str, ...]
    newest: int = -1
    due: int = 0
    frames: dict[int, Glimpse] = field(default_factory=dict)

    def push(self, glimpse: Glimpse) -> None:
        """Take in the next frame."""
        self.newest += 1
        self.frames[self.newest] = glimpse
        self.frames.pop(self.newest - self.past - self.ahead - 1, None)

    @property
    def is_ready(self) -> bool:
        """Whether all frames are there that support the next one."""
        return self.due + self.ahead <= self.newest

    @property
    def pending(self) -> int:
        """Number of frames that wait."""
        return self.newest - self.due + 1

    def take(self) -> tuple[Glimpse, dict[str, Tensor] | None]:
        """Go on to the next frame; return the one that is due, and what supports it.

        Frames of another size, and what is beyond them, support nothing.

        Returns:
            The frame; float tensors (1, S, C, h, w) by stage, None without any supporting frame.
        """
        number, glimpse = self.due, self.frames[self.due]
        self.due += 1
        numbers = [*self._reach(number, -1, self.past), *self._reach(number, 1, self.ahead)]
        looks = [self.frames[other].look for other in numbers]
        supports = {
            name: torch.cat([look.taps[name] for look in looks])[None]
            for name in self.names
            if looks
        }
        kept = {name: glimpse.look.taps[name] for name in self.names}
        pixels = glimpse.look.picture[:0, :0]
        self.frames[number] = replace(
            glimpse, look=glimpse.look._replace(picture=pixels.clone(), taps=kept)
        )
        return glimpse, supports or None

    def _reach(self, number: int, step: int, count: int) -> list[int]:
        place, found = self.frames[number].look.placement, []
        for other in range(number + step, number + step * (count + 1), step):
            if other not in self.frames or self.frames[other].look.placement != place:
                break
            found.append(other)
        return found


def to_tensors(supports: Supports) -> dict[str, Tensor]:
    """Return everything for a snapshot; the texts of the frames are left out."""
    tensors = {'window': torch.tensor([supports.newest, supports.due])}
    for number, glimpse in supports.frames.items():
        look, name = glimpse.look, f'frame{number}'
        tensors[f'{name}.numbers'] = to_numbers(glimpse.stamp_ns, look.placement)
        tensors[f'{name}.picture'] = look.picture
        tensors |= {f'{name}.stage{k}': v.permute(_TO_LAST) for k, v in look.taps.items()}
    return tensors


def from_tensors(
    tensors: Mapping[str, Tensor], frame_ids: list[str], supports: Supports, device: torch.device
) -> None:
    """Fill empty supports with what `to_tensors` wrote.

    Args:
        tensors: As written; all of them, and no others.
        frame_ids: Texts of the frames, in order.
        supports: Empty ones of the same configuration.
        device: Where tensors shall be.

    Raises:
        ValueError: Something is missing, too much, or of another shape.
    """
    left = dict(tensors)
    try:
        supports.newest, supports.due = left.pop('window').tolist()
        reach = supports.past + supports.ahead
        numbers = range(max(0, supports.newest - reach), supports.newest + 1)
        for number, frame_id in zip(numbers, frame_ids, strict=True):
            stages = _STAGES if number >= supports.due else supports.names
            name = f'frame{number}'
            stamp_ns, place = from_numbers(left.pop(f'{name}.numbers'))
            picture = left.pop(f'{name}.picture').to(device)
            values = (left.pop(f'{name}.stage{stage}').to(device) for stage in stages)
            taps = {k: v.permute(_TO_FIRST) for k, v in zip(stages, values, strict=True)}
            glimpse = Glimpse(stamp_ns, frame_id, Look(place, picture, taps), is_owed=False)
            supports.frames[number] = glimpse
    except KeyError as error:
        raise ValueError(f'tensors: missing {error}') from error
    if left:
        raise ValueError(f'tensors: unexpected {sorted(left)}')
