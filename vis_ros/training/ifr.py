# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR from end to end, on short clips.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, section 4.1: clips of two frames, shorter sides of 360 or 480, a tenth of the learning rate
for the backbone, from a Mask2Former for COCO (`vis_ros weights import`). The paper says that it
follows "the common recipe" of its base, so the rest is that of Mask2Former for YouTube-VIS 2019
(Cheng et al., 2021): batch 16, 6,000 steps, AdamW, 1e-4, weight decay 0.05, a tenth of the rate
after 4,000 steps, gradients of norm 0.01 at most, frames at most 20 apart from the first drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from vis_ros.data.clip import Truth
from vis_ros.nn.ifr import Features, Ifr, IfrOptions, IfrSelection
from vis_ros.nn.ifr.config import LEVELS, NETWORKS
from vis_ros.nn.weights import add_to_digest
from vis_ros.structures.options import option, values_of
from vis_ros.training.clip_task import ClipRecipe, ClipTask, Losses
from vis_ros.training.feature_cache import FeatureCache, collate_kept, folder_of
from vis_ros.training.ifr_loss import IfrLossConfig, decoder_loss, features_of, ifr_loss
from vis_ros.training.schedule import ScheduleConfig

_VIEW = 5  # first word of the seed of a clip that is kept
_LEVELS = tuple(f'level{k}' for k in range(LEVELS))  # names of features that are kept,
_MASKS = 'masks'  # and of those for masks
_WIDEST = 16 / 9  # of a picture that the network is trained for


def _schedule() -> ScheduleConfig:
    return ScheduleConfig(
        steps=6000,
        batch=16,
        optimizer='adamw',
        learning_rate=1e-4,
        weight_decay=0.05,
        decay_at=(2 / 3,),
        decay_factor=0.1,
        max_gradient=0.01,
    )


@dataclass(frozen=True)
class IfrRecipe(ClipRecipe):
    """How IFR is trained; the defaults are the paper's, where it says something."""

    network: str = option(
        'resnet50',
        'Size of the network: resnet50, resnet101, swin_t, swin_s and swin_b for pictures up to '
        '640x360, swin_l up to 853x480, small (a slim ResNet-18, up to 320x192) for CPUs.',
        choices=NETWORKS,
    )
    largest: float = option(
        4 / 3,
        '...to here. Shorter sides from 360 to 480 pixels; the paper takes these two.',
        minimum=0.1,
        maximum=4.0,
    )
    backbone_rate: float = option(
        0.1,
        'Learning rate of the backbone, as a share of that of everything else; 0.1 in the paper.',
        minimum=0.0,
        maximum=10.0,
    )
    frames: int = option(
        2,
        'Frames of a clip, 2 in the paper. The recurrence meets longer streams only at test time.',
        minimum=1,
        maximum=100,
    )
    max_gap: int = option(
        20,
        'Largest distance of a frame of a clip from the one that is drawn first. The paper says '
        '"randomly"; 20 is what its base has.',
        unit='frames',
        minimum=1,
        maximum=1000,
    )
    cache: str = option(
        '',
        'Folder in which is kept what backbone and pixel decoder make of clips: only the decoder '
        'learns then, and a step is many times as fast. Pictures must have one size (`smallest` '
        'as `largest`). Empty: all learns but what is frozen, and no view is the same, as in the '
        'paper.',
    )
    views: int = option(
        8,
        'Clips of each video in the cache, each seen once in so many epochs.',
        minimum=1,
        maximum=1000,
    )
    model: IfrOptions = field(default_factory=IfrOptions)
    detections: IfrSelection = field(default_factory=IfrSelection)
    loss: IfrLossConfig = field(default_factory=IfrLossConfig)
    schedule: ScheduleConfig = field(default_factory=_schedule)


class IfrTask(ClipTask):
    """Stage `ifr`; see `ClipTask`. The validation runs the method as a stream."""

    Recipe = IfrRecipe
    name = 'ifr'
    method = 'ifr'
    renames = (
        ('', ''),  # IFR, an imported Mask2Former, VisSTG
        ('', 'backbone.'),  # a ResNet of torchvision
        ('image.backbone.', 'backbone.'),  # IAI
        ('detector.backbone.', 'backbone.'),  # RGNNVIS
        ('detector.backbone.body.', 'backbone.'),  # MaskProp
    )
    backbone = 'backbone'

    def __init__(self, recipe: IfrRecipe) -> None:
        super().__init__(recipe)
        if not recipe.cache:
            return
        if recipe.smallest != recipe.largest:
            raise ValueError(
                f'cache: expected pictures of one size, got smallest = {recipe.smallest} and '
                f'largest = {recipe.largest}'
            )
        for part in (self._ifr.backbone, self._ifr.pixel_decoder):
            part.requires_grad_(False)
        folder = folder_of(recipe.cache, self._origin())
        self._kept = FeatureCache(folder, (*_LEVELS, _MASKS))

    def build(self, num_classes: int) -> Ifr:
        """See `ClipTask.build`."""
        recipe: IfrRecipe = self._recipe
        return Ifr(recipe.network, num_classes, recipe.model)

    @property
    def _ifr(self) -> Ifr:
        network = self.module.network
        assert isinstance(network, Ifr)
        return network

    def _origin(self) -> dict[str, Any]:
        """Return all that kept features depend on."""
        recipe: IfrRecipe = self._recipe
        frozen, digest = self._ifr.state_dict(), hashlib.sha256()
        add_to_digest(digest, {n: v for n, v in frozen.items() if not n.startswith('decoder.')})
        folders = [str(Path(name).expanduser().resolve()) for name in recipe.data.folders]
        return {
            'parameters': digest.hexdigest(),
            'data': {**values_of(recipe.data), 'folders': folders},
            'augment': values_of(recipe.augment),
            'clips': (recipe.frames, recipe.max_gap, recipe.smallest),
        }

    @torch.no_grad()
    def prepare(self, device: torch.device, console: Console) -> None:
        """See `Task.prepare`: keeps the features of all clips."""
        recipe: IfrRecipe = self._recipe
        if not recipe.cache:
            return
        model, videos = self._ifr.eval().to(device), range(len(self._train.lengths))
        wanted = [(view, video) for view in range(recipe.views) for video in videos]
        keys = {_key(view, video): (view, video) for view, video in wanted}
        for view, video in self._kept.missing(keys, console):
            clip = self.view(video, np.random.default_rng((_VIEW, view, video)), recipe.smallest)
            features = features_of(model, torch.from_numpy(clip.images).to(device))
            parts = {**dict(zip(_LEVELS, features.levels, strict=True)), _MASKS: features.masks}
            self._kept.write(_key(view, video), parts, clip)
        self.module.train()

    def item(self, epoch: int, place: int) -> Any:
        """See `Task.item`."""
        recipe: IfrRecipe = self._recipe
        if not recipe.cache:
            return super().item(epoch, place)
        return self._kept.read(_key(epoch % recipe.views, self._order.video(epoch, place)))

    def collate(self, items: list[Any]) -> Any:
        """See `Task.collate`."""
        return collate_kept(items) if self._recipe.cache else super().collate(items)

    def losses(self) -> Losses:
        """See `ClipTask.losses`."""
        losses = kept_loss if self._recipe.cache else ifr_loss
        return partial(losses, config=self._recipe.loss)

    def rates(self) -> dict[float, list[nn.Parameter]]:
        """See `Task.rates`: the backbone learns more slowly."""
        share = self._recipe.backbone_rate
        found: dict[float, list[nn.Parameter]] = {1.0: [], share: []}
        for name, parameter in self.module.network.named_parameters():
            if parameter.requires_grad:
                is_backbone = name.startswith(self.backbone + '.')
                found[share if is_backbone else 1.0].append(parameter)
        return found

    def picture_size(self, network: Any) -> tuple[int, int]:
        """See `ClipTask.picture_size`."""
        short, long = network.sizes.short_side, network.sizes.long_side
        return short, min(long, round(short * _WIDEST))

    def frames(self, length: int, rng: np.random.Generator) -> list[int]:
        """See `ClipTask.frames`."""
        recipe: IfrRecipe = self._recipe
        return frames_around(length, rng.random(recipe.frames), recipe.max_gap)


def _key(view: int, video: int) -> str:
    return f'{view}_{video}'


def kept_loss(
    model: Ifr, kept: Mapping[str, Tensor], truth: Truth, config: IfrLossConfig
) -> dict[str, Tensor]:
    """Return `decoder_loss` of clips whose features were kept, (B, n, ...) each."""
    flat = {name: value.flatten(0, 1) for name, value in kept.items()}
    features = Features(tuple(flat[name] for name in _LEVELS), flat[_MASKS])
    return decoder_loss(model, features, truth, config)


def frames_around(length: int, draws: np.ndarray, max_gap: int) -> list[int]:
    """Return different frames of a video in order; some again where there are too few.

    Args:
        length: Frames of the video.
        draws: One number in [0, 1) for each frame of the clip: the first says which frame all
            others are near, the others take equal parts of those that are left.
        max_gap: Largest distance from that frame.
    """
    centre = int(draws[0] * length)
    near = range(max(0, centre - max_gap), min(length, centre + max_gap + 1))
    others = [frame for frame in near if frame != centre]
    frames = [centre]
    for draw in draws[1:]:
        frames.append(others.pop(int(draw * len(others))) if others else frames[-1])
    return sorted(frames)
