# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ResNets of torchvision, tapped where YOLACT and the tracker look."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn


class Taps(NamedTuple):
    """Feature maps of strides 8, 16 and 32, each (B, C, h, w)."""

    stride8: Tensor
    stride16: Tensor
    stride32: Tensor


class AllTaps(NamedTuple):
    """Feature maps of strides 4, 8, 16 and 32, each (B, C, h, w)."""

    stride4: Tensor
    stride8: Tensor
    stride16: Tensor
    stride32: Tensor


class ResNetTaps(nn.Module):
    """A ResNet without its classifier; parameters carry torchvision's names.

    Stride 2 sits in the 3x3 convolution of a bottleneck, as torchvision has it.

    Args:
        name: Name of a constructor of `torchvision.models.resnet`, such as `resnet50`; or
            `slim18`, a ResNet-18 of half its width, 2.8 million parameters.

    Raises:
        ValueError: torchvision has no such ResNet.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        whole = _whole(name)
        self.conv1, self.bn1 = whole.conv1, whole.bn1
        self.relu, self.maxpool = whole.relu, whole.maxpool
        self.layer1, self.layer2 = whole.layer1, whole.layer2
        self.layer3, self.layer4 = whole.layer3, whole.layer4
        last = whole.fc.in_features
        self.channels = (last // 4, last // 2, last)

    def forward(self, image: Tensor) -> Taps:
        """Return the taps of normalised images, float32 (B, 3, H, W)."""
        return Taps(*self.all_taps(image)[1:])

    def all_taps(self, image: Tensor) -> AllTaps:
        """Return the output of every stage for normalised images, float32 (B, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        stride4 = self.layer1(x)
        stride8 = self.layer2(stride4)
        stride16 = self.layer3(stride8)
        return AllTaps(stride4, stride8, stride16, self.layer4(stride16))


class ResNetAllTaps(ResNetTaps):
    """The same, for networks that look at all stages."""

    def forward(self, image: Tensor) -> AllTaps:  # type: ignore[override]
        """See `all_taps`."""
        return self.all_taps(image)


def _whole(name: str) -> Any:
    from torchvision.models import resnet  # slow to import, and not all methods need it

    if name == 'slim18':
        return _slim18(resnet)
    maker = getattr(resnet, name, None)
    if not name.startswith('resnet') or maker is None:
        raise ValueError(f'backbone: torchvision has no ResNet {name!r}')
    return maker(weights=None)


def _slim18(resnet: Any) -> Any:
    """Return a ResNet-18 with half the channels in each layer, for small inputs and computers."""
    whole = resnet.ResNet(resnet.BasicBlock, [2, 2, 2, 2])
    whole.conv1, whole.bn1 = nn.Conv2d(3, 32, 7, 2, 3, bias=False), nn.BatchNorm2d(32)
    whole.inplanes = 32
    for stage in range(4):
        stride = 1 if stage == 0 else 2
        layer = whole._make_layer(resnet.BasicBlock, 32 * 2**stage, 2, stride=stride)
        setattr(whole, f'layer{stage + 1}', layer)
    whole.fc = nn.Linear(256, 1)
    for module in whole.modules():
        if isinstance(module, nn.Conv2d):  # as torchvision does in the constructor
            nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
    return whole
