# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clips of a stream: a ring of frames, and the clip-level tracks that still overlap new ones.

Source: MaskProp, sections 4 and 4.3. The paper has a whole video; here a clip begins `past` frames
before its centre and ends `lookahead` frames after it, so its masks are known that much later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.maskprop.detector import Instances
from vis_ros.nn.maskprop.overlap import clip_overlap
from vis_ros.nn.picture import Placement
from vis_ros.ops.rle import from_crop, to_crop
from vis_ros.structures import CropMask, Rle

NOBODY = -1


@dataclass
class Content:
    """What a frame holds until it was the centre of a clip.

    Args:
        found: N instances, on the host.
        regions: float tensor (N, h, w), where they are in the map of stride 8.
        masks: N masks in the source image.
        is_owed: Its result is waited for; not so after a restart.
    """

    found: Instances
    regions: Tensor
    masks: tuple[CropMask, ...]
    is_owed: bool = True


@dataclass
class Seen:
    """One frame of the ring.

    Args:
        stamp_ns: Of the frame.
        frame_id: Of the frame.
        placement: Of its image in the input.
        view: What propagation looks at: features, float (C, h, w), or for optical flow the
            input, uint8 (H, W, 3).
        content: None when the frame was the centre of a clip.
    """

    stamp_ns: int
    frame_id: str
    placement: Placement
    view: Tensor
    content: Content | None


@dataclass
class ClipTracks:
    """The N tracks of one clip.

    Args:
        centre: Number of the frame in which they were detected.
        first: Number of the first frame of the clip.
        masks: float tensor (N, T, h, w), soft masks in each frame of the clip.
        owners: int64 array (N,), identity of each, or `NOBODY`.
    """

    centre: int
    first: int
    masks: Tensor
    owners: np.ndarray

    @property
    def end(self) -> int:
        """Number of the frame after the clip."""
        return self.first + self.masks.shape[1]


@dataclass
class Window:
    """All of a stream that new clips can touch.

    Holds `past` + `lookahead` + 1 frames, the oldest goes first, and the tracks of `past` +
    `lookahead` clips.

    Args:
        past: Frames of a clip before its centre.
        lookahead: Frames after it.
        newest: Number of the newest frame, 0 is the first of the stream.
        due: Number of the frame that is the centre of the next clip.
    """

    past: int
    lookahead: int
    newest: int = -1
    due: int = 0
    frames: dict[int, Seen] = field(default_factory=dict)
    tracks: deque[ClipTracks] = field(default_factory=deque)

    def push(self, seen: Seen) -> None:
        """Take in the next frame."""
        self.newest += 1
        self.frames[self.newest] = seen
        self.frames.pop(self.newest - self.past - self.lookahead - 1, None)

    @property
    def is_ready(self) -> bool:
        """Whether the next clip is complete."""
        return self.due + self.lookahead <= self.newest

    def clip(self) -> range:
        """Return the numbers of the frames of the next clip: those of the centre's size."""
        place = self.frames[self.due].placement
        first, end = self.due, self.due + 1
        while first - 1 >= self.due - self.past and self._fits(first - 1, place):
            first -= 1
        while end <= self.due + self.lookahead and self._fits(end, place):
            end += 1
        return range(first, end)

    def _fits(self, number: int, place: Placement) -> bool:
        return number in self.frames and self.frames[number].placement == place

    def matching(self, masks: Tensor, clip: range) -> tuple[np.ndarray, np.ndarray]:
        """Return the matching scores of new tracks with all that overlap them in time.

        Args:
            masks: float tensor (N, T, h, w), masks of the new tracks in the frames of `clip`.
            clip: See `clip`.

        Returns:
            float32 array (N, M), see `clip_overlap`; int64 array (M,), owners of the old tracks.
        """
        scores, owners = [masks.new_zeros((len(masks), 0))], [np.zeros(0, np.int64)]
        for old in self.tracks:
            first, end = max(clip.start, old.first), min(clip.stop, old.end)
            if first < end and len(old.owners):
                mine = masks[:, first - clip.start : end - clip.start]
                theirs = old.masks[:, first - old.first : end - old.first]
                scores.append(clip_overlap(mine, theirs))
                owners.append(old.owners)
        return torch.cat(scores, dim=1).cpu().numpy(), np.concatenate(owners)

    def advance(self, masks: Tensor, clip: range, owners: np.ndarray) -> None:
        """Keep the tracks of a clip, and go on to the next one."""
        self.tracks.append(ClipTracks(self.due, clip.start, masks, owners))
        self.frames[self.due].content = None
        self.due += 1
        while self.tracks[0].centre < self.due - self.past - self.lookahead:
            self.tracks.popleft()

    def forget(self, is_gone: np.ndarray) -> None:
        """Take the tracks away from owners that are no more, bool (M,) by identity."""
        for old in self.tracks:
            has_owner = old.owners >= 0
            has_owner[has_owner] = ~is_gone[old.owners[has_owner]]
            old.owners = np.where(has_owner, old.owners, NOBODY)


def to_tensors(window: Window) -> dict[str, Tensor]:
    """Return the window for a snapshot; the texts of the frames are left out."""
    tensors = {'window': torch.tensor([window.newest, window.due])}
    for number, seen in window.frames.items():
        name = f'frame{number}'
        tensors[f'{name}.numbers'] = to_numbers(seen.stamp_ns, seen.placement)
        tensors[f'{name}.view'] = seen.view
        if seen.content is not None:
            found = {f'{name}.{key}': v for key, v in seen.content.found._asdict().items()}
            tensors |= found | {f'{name}.regions': seen.content.regions}
            tensors |= {f'{name}.{k}': v for k, v in _packed(seen.content.masks).items()}
    for old in window.tracks:
        name = f'clip{old.centre}'
        tensors[f'{name}.masks'] = old.masks
        tensors[f'{name}.owners'] = torch.from_numpy(old.owners)
        tensors[f'{name}.first'] = torch.tensor(old.first)
    return tensors


def from_tensors(
    tensors: Mapping[str, Tensor], frame_ids: list[str], window: Window, device: torch.device
) -> None:
    """Fill an empty window with what `to_tensors` wrote.

    Args:
        tensors: As written; all of them, and no others.
        frame_ids: Texts of the frames of the ring, in order.
        window: An empty one of the same configuration.
        device: Where tensors shall be.

    Raises:
        ValueError: Something is missing, too much, or of another shape.
    """
    left = dict(tensors)
    try:
        window.newest, window.due = left.pop('window').tolist()
        reach = window.past + window.lookahead
        numbers = range(max(0, window.newest - reach), window.newest + 1)
        for number, frame_id in zip(numbers, frame_ids, strict=True):
            is_pending = number >= window.due
            window.frames[number] = _frame(left, number, frame_id, is_pending, device)
        for centre in range(max(0, window.due - reach), window.due):
            name = f'clip{centre}'
            masks, owners = left.pop(f'{name}.masks'), left.pop(f'{name}.owners')
            first = int(left.pop(f'{name}.first'))
            if masks.ndim != 4 or tuple(owners.shape) != masks.shape[:1]:
                raise ValueError(f'{name}: masks {tuple(masks.shape)}, {len(owners)} owners')
            window.tracks.append(ClipTracks(centre, first, masks.to(device), owners.numpy()))
    except KeyError as error:
        raise ValueError(f'tensors: missing {error}') from error
    if left:
        raise ValueError(f'tensors: unexpected {sorted(left)}')


def _frame(
    left: dict[str, Tensor], number: int, frame_id: str, is_pending: bool, device: torch.device
) -> Seen:
    name = f'frame{number}'
    stamp_ns, place = from_numbers(left.pop(f'{name}.numbers'))
    view = left.pop(f'{name}.view').to(device)
    if not is_pending:
        return Seen(stamp_ns, frame_id, place, view, None)
    values = [left.pop(f'{name}.{key}') for key in Instances._fields]
    regions = left.pop(f'{name}.regions').to(device)
    masks = _unpacked(left.pop(f'{name}.place'), left.pop(f'{name}.runs'))
    if {len(value) for value in (*values, regions)} != {len(masks)}:
        raise ValueError(f'{name}: {len(masks)} masks, but {[len(value) for value in values]}')
    content = Content(Instances(*values), regions, masks, is_owed=False)
    return Seen(stamp_ns, frame_id, place, view, content)


def to_numbers(stamp_ns: int, placement: Placement) -> Tensor:
    """Return the stamp and the sizes of a frame for a snapshot, int64 (7,)."""
    sizes = (*placement.source, *placement.picture, *placement.padded)
    return torch.tensor([stamp_ns, *sizes])


def from_numbers(numbers: Tensor) -> tuple[int, Placement]:
    """Return what `to_numbers` wrote."""
    stamp_ns, h, w, rows, columns, height, width = numbers.tolist()
    return stamp_ns, Placement((h, w), (rows, columns), (height, width))


def _packed(masks: tuple[CropMask, ...]) -> dict[str, Tensor]:
    """Return masks as `place` (N, 5), x, y, width, height, number of runs; and all runs."""
    rles = [from_crop(mask) for mask in masks]
    place = [(rle.x, rle.y, rle.width, rle.height, rle.counts.size) for rle in rles]
    runs = np.concatenate([np.zeros(0, np.int64), *(rle.counts.astype(np.int64) for rle in rles)])
    return {
        'place': torch.tensor(place, dtype=torch.int64).reshape(-1, 5),
        'runs': torch.from_numpy(runs),
    }


def _unpacked(place: Tensor, runs: Tensor) -> tuple[CropMask, ...]:
    counts = runs.numpy().astype(np.uint32)
    sizes = place[:, 4].tolist()
    if sum(sizes) != len(counts):
        raise ValueError(f'runs: expected {sum(sizes)}, got {len(counts)}')
    parts = np.split(counts, np.cumsum(sizes)[:-1]) if sizes else []
    return tuple(
        to_crop(Rle(x, y, width, height, part))
        for (x, y, width, height, _), part in zip(place.tolist(), parts, strict=True)
    )
