# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The two configurations of YOLACT, stock and RGNNVIS's, and one for small computers."""

from __future__ import annotations

from dataclasses import dataclass

NETWORKS = ('resnet50', 'resnet101', 'small')


@dataclass(frozen=True)
class YolactConfig:
    """Everything that decides about the parameters and the anchors of a YOLACT.

    Args:
        backbone: A ResNet of torchvision by its name, or `slim18`.
        height: Rows of the input [px].
        width: Columns of the input [px].
        num_classes: Number of classes K, with the background as class 0.
        channels: Channels of the feature pyramid.
        prototypes: Number of mask prototypes D.
        scales: Side of the anchors of each level, as a share of `anchor_base`.
        aspects: Width over height of the three anchors of a cell, in pixels of the input.
        anchor_base: What the scales refer to.
        is_square: Stock YOLACT sets the height of each anchor to its width, a bug that was kept
            for the published weights.
    """

    backbone: str = 'resnet50'
    height: int = 480
    width: int = 864
    num_classes: int = 41
    channels: int = 256
    prototypes: int = 32
    scales: tuple[float, ...] = (24.0, 48.0, 96.0, 192.0, 384.0)
    aspects: tuple[float, ...] = (1.0, 0.5, 2.0)
    anchor_base: float = 500.0
    is_square: bool = False


def rgnnvis_config(network: str, num_classes: int) -> YolactConfig:
    """Return RGNNVIS's own variant of the detector.

    Args:
        network: `resnet50` or `resnet101` at 480x864 as in the paper, or `small`: ResNet-18 at
            half width, 64 channels, 16 prototypes, 192x320, for CPUs.
        num_classes: Number of classes with the background.

    Raises:
        ValueError: The network is unknown.
    """
    if network not in NETWORKS:
        raise ValueError(f'network: expected one of {", ".join(NETWORKS)}, got {network!r}')
    if network == 'small':
        return YolactConfig(
            'slim18', 192, 320, num_classes=num_classes, channels=64, prototypes=16
        )
    return YolactConfig(network, num_classes=num_classes)


def stock_config(backbone: str = 'resnet50', num_classes: int = 81) -> YolactConfig:
    """Return YOLACT as published for COCO: 550x550, square anchors."""
    return YolactConfig(
        backbone, 550, 550, num_classes=num_classes, anchor_base=550.0, is_square=True
    )
