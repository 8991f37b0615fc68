# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YOLACT: backbone, pyramid, prototypes, head.

Source: Bolya et al., "YOLACT: Real-time Instance Segmentation", ICCV 2019.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.yolact.anchors import make_anchors
from vis_ros.nn.yolact.backbone import ResNetTaps, Taps
from vis_ros.nn.yolact.config import YolactConfig
from vis_ros.nn.yolact.head import Head, Raw
from vis_ros.nn.yolact.pyramid import FeaturePyramid, PrototypeNet
from vis_ros.ops.shrink import can_shrink, shrunk
from vis_ros.ops.transfer import constant, upload

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_STOCK_MEAN = (123.68 / 255, 116.78 / 255, 103.94 / 255)
_STOCK_STD = (58.40 / 255, 57.12 / 255, 57.38 / 255)


class YolactOutput(NamedTuple):
    """All maps of a forward pass.

    Args:
        taps: Of the backbone.
        levels: P3..P7, each (B, channels, h, w).
        prototypes: float tensor (B, D, H4, W4), 0 or more.
        raw: Predictions of all anchors.
    """

    taps: Taps
    levels: tuple[Tensor, ...]
    prototypes: Tensor
    raw: Raw


class Yolact(nn.Module):
    """The network of either configuration.

    Args:
        config: Sizes and anchors.
    """

    anchors: Tensor

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNetTaps(config.backbone)
        self.pyramid = FeaturePyramid(self.backbone.channels, config.channels)
        self.prototypes = PrototypeNet(config.channels, config.prototypes)
        self.head = Head(
            config.channels,
            num_classes=config.num_classes,
            prototypes=config.prototypes,
            aspects=len(config.aspects),
        )
        self.semantic = nn.Conv2d(config.channels, config.num_classes - 1, 1)  # training only
        anchors = make_anchors(config, level_sizes(config.height, config.width))
        self.register_buffer('anchors', anchors, persistent=False)

    def forward(self, image: Tensor) -> YolactOutput:
        """Run the network.

        Args:
            image: float32 tensor (B, 3, height, width), see `prepare`.

        Raises:
            ValueError: The size is not that of the configuration.
        """
        expected = (3, self.config.height, self.config.width)
        if image.ndim != 4 or tuple(image.shape[1:]) != expected:
            raise ValueError(f'image: expected (B, {expected}), got {tuple(image.shape)}')
        taps = self.backbone(image)
        levels = self.pyramid(taps)
        return YolactOutput(taps, tuple(levels), self.prototypes(levels[0]), self.head(levels))

    def semantic_logits(self, output: YolactOutput) -> Tensor:
        """Return logits (B, K - 1, h, w) on P3, for the auxiliary loss of the training."""
        logits: Tensor = self.semantic(output.levels[0])
        return logits


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return rows and columns of P3..P7 of an input."""
    sizes = []
    for stage in range(7):  # each stage halves, rounded up
        height, width = -(-height // 2), -(-width // 2)
        if stage >= 2:
            sizes.append((height, width))
    return sizes


def prepare(image: Tensor, config: YolactConfig) -> Tensor:
    """Return the input of the network, float32 (B, 3, height, width), of uint8 images.

    The picture is stretched to the input's size (bilinear, half-pixel centres, no antialias); its
    aspect ratio is not kept, as in both official codes.

    Args:
        image: uint8 tensor (B, H, W, 3), RGB.
        config: Stock YOLACT has a mean and a deviation of its own.
    """
    x = image.permute(0, 3, 1, 2).float()  # (B, 3, H, W)
    size = (config.height, config.width)
    if tuple(x.shape[-2:]) != size:  # before all else: there are fewer pixels afterwards
        x = functional.interpolate(x, size, mode='bilinear', align_corners=False)
    return _normalised(x, config)


def prepare_frame(image: np.ndarray, config: YolactConfig, device: torch.device) -> Tensor:
    """Return the input of the network, see `prepare`, float32 (1, 3, height, width), on a device.

    Args:
        image: uint8 array (H, W, 3), RGB.
        config: See `prepare`.
        device: A CPU does not touch pixels that do not count.
    """
    size = (config.height, config.width)
    if device.type == 'cpu' and can_shrink((image.shape[0], image.shape[1]), size):
        return _normalised(shrunk(image, size).permute(2, 0, 1)[None], config)
    return prepare(upload(image, device)[None], config)


def _normalised(x: Tensor, config: YolactConfig) -> Tensor:
    mean, std = (_STOCK_MEAN, _STOCK_STD) if config.is_square else (_MEAN, _STD)
    return (x / 255.0 - _column(mean, x)) / _column(std, x)


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return constant(values, like)[:, None, None]
