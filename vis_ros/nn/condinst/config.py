# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Configurations of CondInst: IAI's, the published one for COCO, and one for small computers."""

from __future__ import annotations

from dataclasses import dataclass

NETWORKS = ('resnet50', 'resnet101', 'small')
STRIDES = (8, 16, 32, 64, 128)
"""Pixels of the input per cell of the levels P3..P7."""


@dataclass(frozen=True)
class CondInstConfig:
    """Everything that decides about the parameters and the input of a CondInst.

    Args:
        backbone: A ResNet of torchvision by its name, or `slim18`.
        num_classes: Number of classes K; there is no background class.
        channels: Channels of the feature pyramid and of the towers.
        mask_channels: Channels inside the mask branch.
        long_side: Largest length of the longer side of the picture [px].
        short_side: Largest length of the shorter side of the picture [px].
        mean: Mean of the input, RGB in 0..255.
        deviation: Standard deviation of the input, RGB in 0..255.
        is_stock: Details of the published weights for COCO: the convolutions of the towers have
            a bias in front of their group norm, and a bottleneck's stride is in its first
            convolution.
    """

    backbone: str = 'resnet50'
    num_classes: int = 40
    channels: int = 256
    mask_channels: int = 128
    long_side: int = 640
    short_side: int = 360
    mean: tuple[float, ...] = (123.68, 116.779, 103.939)
    deviation: tuple[float, ...] = (58.393, 57.12, 57.375)
    is_stock: bool = False


def video_config(network: str, num_classes: int) -> CondInstConfig:
    """Return the detector that IAI was published with, or a small one.

    Args:
        network: `resnet50` or `resnet101` for pictures up to 640x360 as in the paper, or `small`:
            ResNet-18 at half width, 64 channels, up to 320x192, for CPUs.
        num_classes: Number of classes.

    Raises:
        ValueError: The network is unknown.
    """
    if network not in NETWORKS:
        raise ValueError(f'network: expected one of {", ".join(NETWORKS)}, got {network!r}')
    if network == 'small':
        return CondInstConfig(
            'slim18', num_classes, channels=64, mask_channels=32, long_side=320, short_side=192
        )
    return CondInstConfig(network, num_classes)


def stock_config(backbone: str = 'resnet50', num_classes: int = 80) -> CondInstConfig:
    """Return CondInst as published for COCO, for pictures up to 1333x800."""
    return CondInstConfig(
        backbone,
        num_classes,
        long_side=1333,
        short_side=800,
        mean=(123.675, 116.28, 103.53),
        deviation=(1.0, 1.0, 1.0),
        is_stock=True,
    )
