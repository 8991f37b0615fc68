# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CondInst: backbone, pyramid, dense head, mask branch.

Source: Tian et al., "Conditional Convolutions for Instance Segmentation", ECCV 2020. In two steps,
so that a video method can change what the pyramid sees of the backbone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from vis_ros.nn.condinst.config import CondInstConfig
from vis_ros.nn.condinst.head import Dense, DenseHead
from vis_ros.nn.condinst.masks import CONTROLLERS, MaskBranch
from vis_ros.nn.condinst.pyramid import FeaturePyramid
from vis_ros.nn.picture import check_input
from vis_ros.nn.yolact.backbone import ResNetTaps, Taps


class CondInstOutput(NamedTuple):
    """All maps of a forward pass.

    Args:
        taps: What the pyramid saw of the backbone.
        levels: P3..P7, each (B, channels, h, w).
        dense: Predictions of all places.
        features: float tensor (B, 8, h, w) of stride 8, what masks are made of.
    """

    taps: Taps
    levels: tuple[Tensor, ...]
    dense: Dense
    features: Tensor

    def full(self) -> CondInstOutput:
        """Return predictions and features in single precision; nobody looks at the rest."""
        dense = Dense(*(part.float() for part in self.dense))
        return self._replace(dense=dense, features=self.features.float())


class CondInst(nn.Module):
    """The image model.

    Args:
        config: Sizes.
        coarse: Channels of the coarsest tap as the pyramid sees it; by default the backbone's.
    """

    def __init__(self, config: CondInstConfig, coarse: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNetTaps(config.backbone)
        if config.is_stock:
            _stride_first(self.backbone)
        taps = (*self.backbone.channels[:2], coarse or self.backbone.channels[2])
        self.pyramid = FeaturePyramid(taps, config.channels)
        self.head = DenseHead(
            config.channels, config.num_classes, CONTROLLERS, has_bias=config.is_stock
        )
        self.masks = MaskBranch(config.channels, config.mask_channels)

    def look(self, image: Tensor) -> Taps:
        """Return the taps of the backbone.

        Args:
            image: float32 tensor (B, 3, H, W), see `picture.prepare`.

        Raises:
            ValueError: The size is not a multiple of 32.
        """
        check_input(image)
        taps: Taps = self.backbone(image)
        return taps

    def interpret(self, taps: Taps) -> CondInstOutput:
        """Return the predictions for taps."""
        levels = self.pyramid(taps)
        return CondInstOutput(taps, levels, self.head(levels), self.masks(levels))

    def forward(self, image: Tensor) -> CondInstOutput:
        """Run the whole network; see `look`."""
        return self.interpret(self.look(image))


def _stride_first(backbone: ResNetTaps) -> None:
    """Move the stride of bottlenecks into their first convolution, as Caffe's ResNets have it."""
    layers: Sequence[Any] = (backbone.layer2, backbone.layer3, backbone.layer4)
    for layer in layers:
        layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
