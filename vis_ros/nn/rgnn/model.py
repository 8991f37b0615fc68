# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""RGNNVIS whole: the detector and the tracker, as one module to save and to load."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.precision import running_in
from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.network import Look, Rgnn
from vis_ros.nn.yolact import (
    DetectionSet,
    SelectionConfig,
    Yolact,
    YolactOutput,
    rgnnvis_config,
    select,
)

_SMALL = {'embedding': 64, 'appearance': 64, 'look': 64, 'mask': 8}


class Detected(NamedTuple):
    """All that the frozen detector gives; what the tracker trains on can be kept on disk.

    Args:
        found: N detections of each image.
        stride16: float32 tensor (B, C, h, w), tap of the backbone.
        stride32: float32 tensor (B, C', h / 2, w / 2), tap of the backbone.
    """

    found: DetectionSet
    stride16: Tensor
    stride32: Tensor


class Seen(NamedTuple):
    """What single frames say: detections and their appearances."""

    found: DetectionSet
    look: Look


class RgnnVis(nn.Module):
    """Detector and tracker with random parameters.

    Args:
        network: `resnet50`, `resnet101` or `small`, see `rgnnvis_config`.
        num_classes: Number of classes K, with the background.
        options: Variants of the tracker.

    Raises:
        ValueError: The network is unknown.
    """

    def __init__(self, network: str, num_classes: int, options: RgnnOptions) -> None:
        super().__init__()
        config = rgnnvis_config(network, num_classes)
        self.detector = Yolact(config)
        sizes = RgnnSizes(
            num_classes=num_classes,
            taps=(self.detector.backbone.channels[1], self.detector.backbone.channels[2]),
            height=config.height,
            width=config.width,
            **(_SMALL if network == 'small' else {}),
        )
        self.tracker = Rgnn(sizes, options)

    def detect(
        self, image: Tensor, selection: SelectionConfig, precision: str | None = None
    ) -> Detected:
        """Return what the detector gives, without a way back for gradients.

        Args:
            image: float32 tensor (B, 3, height, width), see `yolact.prepare`.
            selection: Which anchors become detections.
            precision: Of the detector, see `running_in`; all that follows is float32.
        """
        with torch.no_grad(), running_in(image.device, precision):
            output = self.detector(image)
        return self.select(output, selection)

    def select(self, output: YolactOutput, selection: SelectionConfig) -> Detected:
        """Return what of the detector's maps the tracker looks at."""
        taps = output.taps
        found = select(self.detector, output, selection)
        return Detected(found, taps.stride16.float(), taps.stride32.float())

    def see(self, image: Tensor, selection: SelectionConfig, precision: str | None = None) -> Seen:
        """Return what the frames of a batch show, each for itself; see `detect`."""
        found, stride16, stride32 = self.detect(image, selection, precision)
        return Seen(found, self.tracker.look(stride16, stride32, found))
