# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The videos of a data set as a frozen detector sees them, computed where they are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console

from vis_ros.data.augment import AugmentConfig, augment, resize_clip
from vis_ros.data.clip import Clip, DataSet
from vis_ros.nn.rgnn.model import Detected, RgnnVis
from vis_ros.nn.yolact import SelectionConfig, prepare
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.training.feature_cache import FeatureCache, Remembered, folder_of, parts_of

_CHUNK = 16  # frames that go through the detector together
_VIEW = 2  # first word of the seed of a view
_HALVES = ('mask_logits', 'stride16', 'stride32')  # kept in 16 bits
_WHOLE = ('is_real', 'anchor', 'logits', 'boxes', 'scores')


@dataclass(frozen=True)
class KeptVideos:
    """A data set behind a frozen detector, in a cache.

    Args:
        cache: Where features are kept.
        data: The videos.
        names: Name of each video, unique in the cache.
        augmentation: How views but the first are varied; the first is not.
        seed: Seed of the views.
    """

    cache: FeatureCache
    data: DataSet
    names: Sequence[str]
    augmentation: AugmentConfig
    seed: int

    def read(self, video: int, frames: slice, view: int = 0) -> Remembered:
        """Return consecutive frames of a view of a video."""
        return self.cache.read(self._key(video, view), frames)

    def fill(
        self,
        model: RgnnVis,
        selection: SelectionConfig,
        *,
        views: int,
        device: torch.device,
        console: Console,
    ) -> None:
        """Compute what is missing, see `FeatureCache.missing`.

        Args:
            model: Its detector is used, as it is.
            selection: Which anchors become detections.
            views: Views of each video.
            device: Where the model is.
            console: For the progress bar.
        """
        wanted = [(v, view) for v in range(len(self.names)) for view in range(views)]
        keys = {self._key(video, view): (video, view) for video, view in wanted}
        for video, view in self.cache.missing(keys, console):
            clip = self._view(model, video, view)
            seen = _detect(model, clip, selection, device)
            self.cache.write(self._key(video, view), parts_of(seen), clip)

    def _view(self, model: RgnnVis, video: int, view: int) -> Clip:
        size = (model.detector.config.height, model.detector.config.width)
        clip = self.data.clip(video, range(self.data.lengths[video]))
        if not view:
            return resize_clip(clip, size)
        rng = np.random.default_rng((_VIEW, self.seed, video, view))
        return augment(clip, self.augmentation, size, rng)

    def _key(self, video: int, view: int) -> str:
        return f'{self.names[video]}_{view}'


@torch.no_grad()
def _detect(
    model: RgnnVis, clip: Clip, selection: SelectionConfig, device: torch.device
) -> Detected:
    parts = []
    for start in range(0, len(clip.images), _CHUNK):
        images = torch.from_numpy(clip.images[start : start + _CHUNK]).to(device)
        parts.append(model.detect(prepare(images, model.detector.config), selection))
    found = DetectionSet(*map(torch.cat, zip(*(part.found for part in parts), strict=True)))
    maps = (torch.cat([getattr(part, name) for part in parts]) for name in Detected._fields[1:])
    return Detected(found, *maps)


def cache_of(folder: str, values: Mapping[str, Any]) -> FeatureCache:
    """Return the cache for a detector's features that depend on `values`."""
    return FeatureCache(folder_of(folder, values), _HALVES, _WHOLE)
