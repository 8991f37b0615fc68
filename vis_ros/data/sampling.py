# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which clip comes when: pure functions of the seed, the epoch and the place in the epoch.

So a training goes on exactly where it stopped, in any number of processes: those that take
different places of an epoch get different videos.

Source: Johnander et al., "Recurrent Graph Neural Networks for Video Instance Segmentation",
appendix B. First stage: `frames=1`, `items=7468`, `shares=(0.25, 0.75)` over YouTube-VIS and
OpenImages; second stage: `frames=10`, all videos once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from torch.utils.data import Dataset

from vis_ros.data.augment import AugmentConfig, augment, drop_unseen, resize_clip
from vis_ros.data.clip import Clip, DataSet
from vis_ros.data.joined_data import JoinedData
from vis_ros.structures.options import option

_ORDER, _ITEM = 0, 1  # first word of a seed: what the numbers are for


def before_workers() -> None:
    """Stop OpenCV's threads; to be called before worker processes are forked.

    A worker that was forked while they live waits for them for ever.
    """
    cv2.setNumThreads(1)


@dataclass(frozen=True)
class SamplingConfig:
    """Length of the clips and of an epoch."""

    frames: int = option(10, 'Contiguous frames of a clip.', minimum=1, maximum=1000)
    items: int = option(
        0, 'Clips of an epoch, each of another video; 0: all videos.', minimum=0, maximum=10**9
    )
    shares: tuple[float, ...] = option(
        (),
        'For each of the joined data sets the probability that the first clip of an epoch is one '
        'of its; the following clips are drawn with the same weights from the videos that are '
        'left. Empty: all videos are alike.',
        minimum=0.0,
        maximum=1.0,
    )
    repeat_last: bool = option(
        False,
        'Whether videos shorter than a clip are used, their last frame repeated; otherwise they '
        'are left out.',
    )


def video_order(weights: np.ndarray, items: int, *, seed: int, epoch: int) -> np.ndarray:
    """Draw without replacement, each time in proportion to the weights that are left.

    Each video gets an exponentially distributed waiting time with its weight as the rate; the
    order of the times is the order of such draws. Source: Efraimidis and Spirakis, "Weighted
    random sampling with a reservoir", 2006.

    Args:
        weights: float64 array (V,), 0 or more.
        items: Number of draws, at most the number of weights above 0.
        seed: Seed of the training.
        epoch: Number of the epoch.

    Returns:
        int64 array (items,), all different.
    """
    rng = np.random.default_rng((_ORDER, seed, epoch))
    with np.errstate(divide='ignore'):
        times = rng.exponential(size=weights.size) / weights
    return np.argsort(times, kind='stable')[:items].astype(np.int64)


def clip_frames(length: int, frames: int, draw: float) -> list[int]:
    """Return contiguous frames of a video; the last one is repeated where it is too short.

    Args:
        length: Frames of the video.
        frames: Frames of the clip.
        draw: Number in [0, 1): all possible starts take equal parts of it.
    """
    start = int(draw * (max(length - frames, 0) + 1))
    return [min(frame, length - 1) for frame in range(start, start + frames)]


class ClipDataset(Dataset[Clip]):
    """The clips of all epochs, with (epoch, place) as keys.

    The same key gives the same clip in every process. Objects that are in no frame of a clip are
    left out of it. Nothing is kept but the order of one epoch.

    Args:
        data: Where the clips come from.
        size: Height and width of the clips [px].
        sampling: Length of clips and epochs.
        augmentation: How clips are varied; None: they are stretched to `size`.
        seed: Seed of everything random.

    Raises:
        ValueError: `shares` do not fit the data sets, or there are fewer videos of the length
            asked for than `items`, or none.
    """

    def __init__(
        self,
        data: DataSet,
        size: tuple[int, int],
        sampling: SamplingConfig,
        *,
        augmentation: AugmentConfig | None = None,
        seed: int = 0,
    ) -> None:
        self._data, self._size, self._seed = data, size, seed
        self._sampling, self._augmentation = sampling, augmentation
        needed = 1 if sampling.repeat_last else sampling.frames
        self._videos = np.flatnonzero(np.asarray(data.lengths, dtype=np.int64) >= needed)
        self._weights = _weights(data, self._videos, sampling.shares)
        drawable = int(np.count_nonzero(self._weights))
        if not drawable or sampling.items > drawable:
            raise ValueError(
                f'items: expected at most the {drawable} videos with {needed} frames or more that '
                f'can be drawn, got {sampling.items or "all videos"}'
            )
        self._items = sampling.items or drawable
        self._order_epoch, self._order = (
            -1,
            np.zeros(0, np.int64),
        )  # kept, as it is asked for often

    def __len__(self) -> int:
        """Return the number of clips of an epoch."""
        return self._items

    def video(self, epoch: int, place: int) -> int:
        """Return the video of a place of an epoch, both from 0.

        Raises:
            IndexError: The epoch has no such place.
        """
        if not 0 <= place < self._items:
            raise IndexError(f'place: expected 0 to {self._items - 1}, got {place}')
        if epoch != self._order_epoch:
            self._order = video_order(self._weights, self._items, seed=self._seed, epoch=epoch)
            self._order_epoch = epoch
        return int(self._videos[self._order[place]])

    def item(self, epoch: int, place: int) -> Clip:
        """Return the clip of a place of an epoch, both from 0.

        Raises:
            IndexError: The epoch has no such place.
            ValueError: A file of the data set is missing or damaged; the text names it.
        """
        video = self.video(epoch, place)
        rng = np.random.default_rng((_ITEM, self._seed, epoch, place))
        frames = clip_frames(self._data.lengths[video], self._sampling.frames, rng.random())
        clip = self._data.clip(video, frames)
        if self._augmentation is None:
            return drop_unseen(resize_clip(clip, self._size))
        return drop_unseen(augment(clip, self._augmentation, self._size, rng))

    def __getitem__(self, key: tuple[int, int]) -> Clip:
        """Return the clip of (epoch, place); see `item`."""
        return self.item(*key)


def _weights(data: DataSet, videos: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Return the weight of each of the videos that may be drawn."""
    if not shares:
        return np.ones(videos.size)
    source_of = data.source_of if isinstance(data, JoinedData) else np.zeros(len(data.lengths))
    source_of = np.asarray(source_of, dtype=np.int64)
    sources = int(source_of.max(initial=-1)) + 1
    if len(shares) != sources or sum(shares) <= 0:
        raise ValueError(f'shares: expected {sources}, not all 0, got {shares}')
    source_of = source_of[videos]
    counts = np.bincount(source_of, minlength=sources)
    empty = [i for i, share in enumerate(shares) if share > 0 and not counts[i]]
    if empty:
        raise ValueError(f'shares: source {empty[0]} has no video that is long enough')
    weights: np.ndarray = (np.asarray(shares) / np.maximum(counts, 1))[source_of]
    return weights
