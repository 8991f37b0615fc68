# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""VisSTG from end to end, on pairs of frames.

Source: Wang et al., "End-to-end Video Instance Segmentation via Spatial-temporal Graph Neural
Networks", ICCV 2021, sections 3.6 and 4.2: pairs less than 5 frames apart, batch 16, 24 epochs, a
tenth of the learning rate from epochs 16 and 22 on, pictures of several sizes. The paper does not
say how long an epoch is: we count one pair for each of the 27 frames that the 2238 videos have on
average. Its learning rate of 1e-2 is one of SGD; ours is for AdamW.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from vis_ros.data.clip import Truth
from vis_ros.nn.condinst import video_config
from vis_ros.nn.condinst.config import NETWORKS
from vis_ros.nn.visstg import Visstg, VisstgOptions, VisstgSelection, VisstgTracking
from vis_ros.structures.options import option
from vis_ros.training.clip_task import ClipRecipe, ClipTask, Losses
from vis_ros.training.condinst_input import as_input
from vis_ros.training.schedule import ScheduleConfig
from vis_ros.training.visstg_loss import VisstgLossConfig, pair_frames, visstg_losses

_BATCH, _EPOCHS = 16, 24
_EPOCH = 2238 * 27 // _BATCH


def _schedule() -> ScheduleConfig:
    return ScheduleConfig(
        steps=_EPOCHS * _EPOCH,
        batch=_BATCH,
        optimizer='adamw',
        learning_rate=1e-4,
        decay_at=(16 / _EPOCHS, 22 / _EPOCHS),
        decay_factor=0.1,
    )


@dataclass(frozen=True)
class VisstgRecipe(ClipRecipe):
    """How VisSTG is trained; the defaults are the paper's, where it says something."""

    network: str = option(
        'resnet50',
        'Size of the network: resnet50 as in the paper and resnet101 for pictures up to 640x360, '
        'small (a slim ResNet-18, up to 320x192) for CPUs.',
        choices=NETWORKS,
    )
    largest: float = option(
        4 / 3,
        '...to here. The paper has several sizes and does not name them; 4/3 is what IAI has.',
        minimum=0.1,
        maximum=4.0,
    )
    max_gap: int = option(
        4, 'Largest distance of the frames of a pair.', unit='frames', minimum=1, maximum=1000
    )
    model: VisstgOptions = field(default_factory=VisstgOptions)
    detections: VisstgSelection = field(default_factory=VisstgSelection)
    tracking: VisstgTracking = field(default_factory=VisstgTracking)
    loss: VisstgLossConfig = field(default_factory=VisstgLossConfig)
    schedule: ScheduleConfig = field(default_factory=_schedule)


class VisstgTask(ClipTask):
    """Stage `visstg`; see `ClipTask`."""

    Recipe = VisstgRecipe
    name = 'visstg'
    method = 'visstg'
    renames = (
        ('', ''),
        ('image.', ''),  # IAI
        *(  # what VisSTG's head has of a CondInst; the boxes mean something else there
            (f'{there}{part}.', f'plain.{part.removeprefix("head.")}.')
            for there in ('', 'image.')
            for part in ('masks', 'head.class_tower', 'head.box_tower', 'head.controller')
        ),
        ('detector.backbone.', 'backbone.'),  # RGNNVIS
        ('', 'backbone.'),  # a ResNet of torchvision
    )
    backbone = 'backbone'

    def build(self, num_classes: int) -> Visstg:
        """See `ClipTask.build`."""
        recipe: VisstgRecipe = self._recipe
        return Visstg(video_config(recipe.network, num_classes), recipe.model)

    def losses(self) -> Losses:
        """See `ClipTask.losses`."""
        return partial(pair_losses, config=self._recipe.loss)

    def picture_size(self, network: Any) -> tuple[int, int]:
        """See `ClipTask.picture_size`."""
        return network.config.short_side, network.config.long_side

    def frames(self, length: int, rng: np.random.Generator) -> list[int]:
        """See `ClipTask.frames`: reference and target."""
        return list(pair_frames(length, rng.random(), self._recipe.max_gap))

    def options(self) -> dict[str, Any]:
        """See `ClipTask.options`."""
        return {**super().options(), 'tracking': self._recipe.tracking}


def pair_losses(
    model: Visstg, images: Tensor, truth: Truth, *, config: VisstgLossConfig
) -> dict[str, Tensor]:
    """Return the losses of pairs as they come from the data; see `visstg_losses`.

    Args:
        model: Network.
        images: uint8 tensor (B, 2, H, W, 3), RGB.
        truth: Their objects.
        config: Weights.
    """
    return visstg_losses(model, *as_input(images, truth, model.config), config)
