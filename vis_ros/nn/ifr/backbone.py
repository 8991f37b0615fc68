# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The backbones of IFR: maps of strides 4, 8, 16 and 32."""

from __future__ import annotations

from torch import Tensor, nn

from vis_ros.nn.ifr.config import IfrSizes
from vis_ros.nn.ifr.swin import Swin
from vis_ros.nn.yolact.backbone import ResNetTaps


class ResNetMaps(ResNetTaps):
    """A ResNet of torchvision from which the map of stride 4 is taken too."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.maps = (self.channels[0] // 2, *self.channels)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Return four maps (B, C, h, w) of normalised images, float32 (B, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return tuple(maps)


def build_backbone(sizes: IfrSizes) -> tuple[nn.Module, tuple[int, ...]]:
    """Return a backbone with random parameters, and the channels of its four maps."""
    if sizes.swin is not None:
        swin = Swin(sizes.swin)
        return swin, swin.channels
    resnet = ResNetMaps(sizes.backbone)
    return resnet, resnet.maps
