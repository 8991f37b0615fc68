# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp from end to end, on pairs of frames.

Source: Bertasius and Torresani, "Classifying, Segmenting, and Tracking Object Instances in Video
with Mask Propagation", CVPR 2020, section 4.5 ("Training"): pairs up to 25 frames apart, one for
each of 64 GPUs, shorter sides from 400 to 800, 20 epochs, a tenth of the learning rate from epochs
16 and 19 on, from a Mask R-CNN for COCO. How long an epoch is is not said: we count one pair for
each of the 27 frames that the 2238 videos have on average. Its learning rate of 8e-3 is one of
SGD; ours is for AdamW.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from vis_ros.data.augment import AugmentConfig
from vis_ros.nn.maskprop import DetectionOptions, MaskProp, ModelOptions
from vis_ros.nn.maskprop.config import NETWORKS, THRESHOLDS, match_threshold_option
from vis_ros.structures.options import option
from vis_ros.training.clip_task import ClipRecipe, ClipTask, Losses
from vis_ros.training.maskprop_loss import MAX_GAP, MaskPropLossConfig, maskprop_loss
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.starting import MASK_RCNN

_BATCH, _EPOCHS = 64, 20
_EPOCH = 2238 * 27 // _BATCH


def _views() -> AugmentConfig:
    return AugmentConfig(fit_height=600, fit_width=1088, low=1.0, high=1.0, center_rule=False)


def _schedule() -> ScheduleConfig:
    return ScheduleConfig(
        steps=_EPOCHS * _EPOCH,
        batch=_BATCH,
        optimizer='adamw',
        learning_rate=1e-4,
        decay_at=(16 / _EPOCHS, 19 / _EPOCHS),
        decay_factor=0.1,
    )


@dataclass(frozen=True)
class MaskPropRecipe(ClipRecipe):
    """How MaskProp is trained; the defaults are the paper's, where it says something."""

    network: str = option(
        'resnet50',
        'Size of the detector: resnet50, resnet101 or resnext101_64x4d for pictures up to '
        '1088x600, small (a slim ResNet-18, up to 320x192) for CPUs.',
        choices=NETWORKS,
    )
    smallest: float = option(
        2 / 3,
        'Each step has pictures of its own size: that of the network times a factor from here...',
        minimum=0.1,
        maximum=4.0,
    )
    largest: float = option(
        4 / 3,
        '...to here. Shorter sides from 400 to 800 pixels, as in the paper.',
        minimum=0.1,
        maximum=4.0,
    )
    max_gap: int = option(
        MAX_GAP,
        'Largest distance of the frames of a pair, forwards or backwards.',
        unit='frames',
        minimum=1,
        maximum=1000,
    )
    augment: AugmentConfig = field(default_factory=_views)
    model: ModelOptions = field(default_factory=ModelOptions)
    detections: DetectionOptions = field(default_factory=DetectionOptions)
    match_threshold: float = match_threshold_option()
    loss: MaskPropLossConfig = field(default_factory=MaskPropLossConfig)
    schedule: ScheduleConfig = field(default_factory=_schedule)


class MaskPropTask(ClipTask):
    """Stage `maskprop`; see `ClipTask`."""

    Recipe = MaskPropRecipe
    name = 'maskprop'
    method = 'maskprop'
    renames = (
        ('', ''),
        ('', 'detector.'),  # a Mask R-CNN of torchvision
        ('', 'detector.backbone.body.'),  # a ResNet of torchvision
        ('backbone.', 'detector.backbone.body.'),  # VisSTG
        *((f'image.{new}', f'detector.{old}') for old, new in MASK_RCNN),  # IAI
        ('detector.backbone.', 'detector.backbone.body.'),  # RGNNVIS
        *(  # all stages of a cascade start from the heads of a Mask R-CNN
            (f'{there}roi_heads.', f'detector.cascade.later.{k}.')
            for there in ('', 'detector.')
            for k in range(len(THRESHOLDS) - 1)
        ),
    )
    backbone = 'detector.backbone.body'

    def build(self, num_classes: int) -> MaskProp:
        """See `ClipTask.build`; the optical flow of `model.tracking=flow` does not learn."""
        recipe: MaskPropRecipe = self._recipe
        network = MaskProp(recipe.network, num_classes, recipe.model)
        if recipe.model.tracking == 'flow':
            network.flow.requires_grad_(False)
        return network

    def options(self) -> dict[str, Any]:
        """See `ClipTask.options`."""
        return {**super().options(), 'match_threshold': self._recipe.match_threshold}

    def losses(self) -> Losses:
        """See `ClipTask.losses`."""
        return partial(maskprop_loss, config=self._recipe.loss)

    def picture_size(self, network: Any) -> tuple[int, int]:
        """See `ClipTask.picture_size`."""
        return network.sizes.short_side, network.sizes.long_side

    def frames(self, length: int, rng: np.random.Generator) -> list[int]:
        """See `ClipTask.frames`."""
        return list(pair_around(length, rng.random(), rng.random(), self._recipe.max_gap))


def pair_around(length: int, first: float, second: float, max_gap: int) -> tuple[int, int]:
    """Return a frame and another one before or after it.

    Args:
        length: Frames of the video. With one frame it is both.
        first: Number in [0, 1), of which all frames take equal parts.
        second: Number in [0, 1), of which all frames near the first one take equal parts.
        max_gap: Largest distance.
    """
    frame = int(first * length)
    near = range(max(0, frame - max_gap), min(length, frame + max_gap + 1))
    others = [other for other in near if other != frame]
    return frame, others[int(second * len(others))] if others else frame
