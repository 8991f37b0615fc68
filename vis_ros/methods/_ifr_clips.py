# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR clip by clip: which frames are due, and when a frame's result is final."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.ifr.clips import NOBODY, ClipTracks
from vis_ros.nn.ifr.model import Features
from vis_ros.nn.picture import Placement


@dataclass
class Waiting:
    """A frame that is due, or that a later clip needs.

    Args:
        stamp_ns: Its stamp.
        frame_id: Its coordinate frame.
        placements: Where it lies in the input, at each scale.
        features: What is seen in it, at each scale; none once no later clip needs them.
    """

    stamp_ns: int
    frame_id: str
    placements: tuple[Placement, ...]
    features: tuple[Features, ...]


@dataclass
class Clips:
    """Clips of `length` frames, each `stride` frames after the one before.

    At most `length` frames wait. A frame is final when no later clip contains it, which is at most
    `length` - 1 frames after it came.

    Args:
        length: Frames of a clip.
        stride: Frames from one clip to the next, less than `length`.
        start: Number of the first frame of the next clip; 0 is the first of the stream.
        covered: Number of the frame after the last clip.
        due: Number of the frame whose result comes next.
        frames: Frames from `due` on.
        tracks: Instances that go on from clip to clip.
    """

    length: int
    stride: int
    start: int = 0
    covered: int = 0
    due: int = 0
    frames: list[Waiting] = field(default_factory=list)
    tracks: ClipTracks = field(default_factory=ClipTracks)

    @property
    def end(self) -> int:
        """Number of the frame after the newest one."""
        return self.due + len(self.frames)

    @property
    def is_whole(self) -> bool:
        """Whether all frames of the next clip are there."""
        return self.end - self.start >= self.length

    def clip(self) -> Sequence[Waiting]:
        """Return the frames of the next clip; fewer than `length` where the stream ends."""
        return self.frames[self.start - self.due : self.start - self.due + self.length]

    def advance(self) -> None:
        """Go on to the next clip."""
        self.covered = min(self.start + self.length, self.end)
        self.start += self.stride
        for frame in self.frames[: self.start - self.due]:
            frame.features = ()

    def pop(self) -> Waiting:
        """Return the frame that is due, and forget it."""
        frame = self.frames.pop(0)
        self.due += 1
        return frame

    def tidy(self) -> None:
        """Forget what no later clip and no frame that is due needs."""
        self.tracks.forget(self.due)

    def restart(self) -> None:
        """Let the next frame begin a new clip that shares no frame with those before."""
        self.start = self.covered = self.end
        self.tracks = ClipTracks(first=self.end)

    def free(self, is_other: np.ndarray) -> None:
        """Take the slots from instances whose track is gone, bool array (M,) of the slots."""
        slots = self.tracks.slots
        slots[(slots >= 0) & is_other[slots.clip(min=0)]] = NOBODY


def to_tensors(clips: Clips) -> dict[str, Tensor]:
    """Return what a restart needs of the clips: the latest mask of each instance with a track."""
    tracks = clips.tracks
    kept = torch.from_numpy(np.flatnonzero(tracks.slots >= 0)).to(tracks.masks.device)
    counts = tracks.counts[kept]
    frames = torch.arange(1, counts.shape[1] + 1, device=counts.device)
    last = ((counts > 0) * frames).argmax(dim=1) if counts.numel() else kept
    rows = torch.arange(len(kept), device=counts.device)
    masks = tracks.masks[kept, last] / counts[rows, last].clamp(min=1)[:, None, None]
    return {
        'classes': tracks.classes[kept],
        'clips': tracks.clips[kept],
        'masks': masks.half(),
        'slots': torch.from_numpy(tracks.slots[tracks.slots >= 0]),
    }


def from_tensors(
    tensors: Mapping[str, Tensor], capacity: int, classes: int, device: torch.device
) -> ClipTracks:
    """Return what `to_tensors` wrote; the first frame to come is held against the masks.

    Raises:
        ValueError: Tensors are missing or do not belong together.
    """
    expected = {'classes', 'clips', 'masks', 'slots'}
    if set(tensors) != expected:
        raise ValueError(f'clips: expected {sorted(expected)}, got {sorted(tensors)}')
    slots, masks = tensors['slots'], tensors['masks']
    shapes = tuple(tuple(tensors[name].shape) for name in ('classes', 'clips', 'slots'))
    count = len(slots)
    if shapes != ((count, classes), (count,), (count,)) or masks.ndim != 3 or len(masks) != count:
        raise ValueError(f'clips: expected {classes} classes of each slot, got {shapes}')
    if slots.dtype != torch.int64 or (count and int(slots.max()) >= capacity):
        raise ValueError(f'slots: expected int64 below {capacity}, got {slots.tolist()}')
    return ClipTracks(
        classes=tensors['classes'].to(device).clone(),
        clips=tensors['clips'].to(device).clone(),
        masks=masks.to(device).float()[:, None],
        counts=torch.ones(count, 1, device=device),
        slots=slots.numpy().copy(),
        is_hint=True,
    )
