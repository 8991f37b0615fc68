# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI from end to end, on clips of five frames.

Source: Zhu et al., "Instance As Identity: A Generic Online Paradigm for Video Instance
Segmentation", ECCV 2022, section 4.1, and the official code: batch 16, 12 epochs of five clips for
each of the 2238 videos, AdamW, 1e-4, a tenth of it after epochs 8 and 11, a warm-up of 500 steps,
from an image model for COCO.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst.config import NETWORKS
from vis_ros.nn.iai import Iai, IaiOptions, IaiSelection
from vis_ros.structures.options import option
from vis_ros.training.clip_task import ClipRecipe, ClipTask, Losses
from vis_ros.training.condinst_input import as_input
from vis_ros.training.iai_loss import IaiLossConfig, iai_losses
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.starting import FREEZES, MASK_RCNN

_BATCH, _EPOCHS = 16, 12
_EPOCH = 5 * 2238 // _BATCH


def _schedule() -> ScheduleConfig:
    return ScheduleConfig(
        steps=_EPOCHS * _EPOCH,
        batch=_BATCH,
        optimizer='adamw',
        learning_rate=1e-4,
        weight_decay=1e-4,
        warmup=500,
        decay_at=(8 / _EPOCHS, 11 / _EPOCHS),
        decay_factor=0.1,
    )


@dataclass(frozen=True)
class IaiRecipe(ClipRecipe):
    """How IAI is trained; the defaults are those of the paper and of its code."""

    network: str = option(
        'resnet50',
        'Size of the image model: resnet50 and resnet101 for pictures up to 640x360 as in the '
        'paper, small (a slim ResNet-18, up to 320x192) for CPUs.',
        choices=NETWORKS,
    )
    frozen: str = option(
        'stem',
        'What of the backbone does not learn. norms: statistics and parameters of its batch '
        'norms; stem: those, and the first stage, as the code; all: the backbone; none: all '
        'learns, for random starts.',
        choices=FREEZES,
    )
    frames: int = option(5, 'Frames of a clip.', minimum=1, maximum=100)
    max_gap: int = option(
        3,
        'Largest distance from one frame of a clip to the next.',
        unit='frames',
        minimum=1,
        maximum=1000,
    )
    nearby: float = option(
        0.0,
        'Attention with offsets starts with a liking for what was near: standard deviation of a '
        'Gaussian. 0: it starts without, as the code. The liking is learned from then on.',
        unit='cells',
        minimum=0.0,
        maximum=100.0,
    )
    model: IaiOptions = field(default_factory=IaiOptions)
    detections: IaiSelection = field(default_factory=IaiSelection)
    loss: IaiLossConfig = field(default_factory=IaiLossConfig)
    schedule: ScheduleConfig = field(default_factory=_schedule)


class IaiTask(ClipTask):
    """Stage `iai`; see `ClipTask`."""

    Recipe = IaiRecipe
    name = 'iai'
    method = 'iai'
    renames = (
        ('', ''),
        ('', 'image.'),  # a CondInst, VisSTG; heads of a Mask R-CNN of torchvision
        *((old, f'image.{new}') for old, new in MASK_RCNN),
        *((f'detector.{old}', f'image.{new}') for old, new in MASK_RCNN),  # MaskProp
        ('', 'image.backbone.'),  # a ResNet of torchvision
        ('detector.backbone.', 'image.backbone.'),  # RGNNVIS
    )
    backbone = 'image.backbone'

    def build(self, num_classes: int) -> Iai:
        """See `ClipTask.build`."""
        recipe: IaiRecipe = self._recipe
        network = Iai(recipe.network, num_classes, recipe.model)
        if recipe.nearby and recipe.model.association:
            network.association.block.prefer_nearby(recipe.nearby)
        return network

    def losses(self) -> Losses:
        """See `ClipTask.losses`."""
        return partial(clip_losses, config=self._recipe.loss)

    def picture_size(self, network: Any) -> tuple[int, int]:
        """See `ClipTask.picture_size`."""
        return network.image.config.short_side, network.image.config.long_side

    def frames(self, length: int, rng: np.random.Generator) -> list[int]:
        """See `ClipTask.frames`."""
        recipe: IaiRecipe = self._recipe
        return rising_frames(length, rng.random(recipe.frames), recipe.max_gap)

    def options(self) -> dict[str, Any]:
        """See `ClipTask.options`; a stream has as many tracks as the network has identities."""
        return {**super().options(), 'memory.capacity': self._recipe.model.ids - 1}


def clip_losses(
    model: Iai, images: Tensor, truth: Truth, *, config: IaiLossConfig
) -> dict[str, Tensor]:
    """Return the losses of clips as they come from the data; see `iai_losses`.

    Args:
        model: Network.
        images: uint8 tensor (B, T, H, W, 3), RGB.
        truth: Their objects.
        config: Weights.
    """
    picture = (int(images.shape[2]), int(images.shape[3]))
    return iai_losses(model, *as_input(images, truth, model.image.config), config, picture)


def rising_frames(length: int, draws: np.ndarray, max_gap: int) -> list[int]:
    """Return frames of a video in order, with random gaps; all again where there are too few.

    Args:
        length: Frames of the video.
        draws: One number in [0, 1) for each frame of the clip: where it begins, then the gaps.
        max_gap: Largest gap. The video's end makes gaps smaller.
    """
    count = len(draws)
    if length < count:
        return [t % length for t in range(count)]
    frames = [int(draws[0] * (length - count + 1))]
    for t, draw in enumerate(draws[1:], start=1):
        last = length - (count - t)  # so that the others find a place
        frames.append(frames[-1] + 1 + int(draw * min(max_gap, last - frames[-1])))
    return frames
