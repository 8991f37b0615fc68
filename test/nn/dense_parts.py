# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dense networks of all methods, with what they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst import video_config
from vis_ros.nn.iai import Iai, IaiOptions
from vis_ros.nn.ifr.config import IfrOptions
from vis_ros.nn.ifr.model import Ifr
from vis_ros.nn.maskprop import MaskProp, ModelOptions
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.visstg import Visstg, VisstgOptions

CLASSES = 3

Parts = Mapping[str, tuple[nn.Module, Any]]
"""Modules by name, with what they take."""


def image() -> Tensor:
    return torch.randn(1, 3, 192, 320, generator=torch.Generator().manual_seed(0))


def rgnnvis() -> Parts:
    return {'detector': (RgnnVis('small', CLASSES + 1, RgnnOptions()).detector, image())}


def iai() -> Parts:
    model = Iai('small', CLASSES, IaiOptions())
    taps = model.image.backbone(image())
    mixed, _ = model.associate(taps, None)
    levels = model.image.pyramid(mixed)
    return {
        'backbone': (model.image.backbone, image()),
        'pyramid': (model.image.pyramid, mixed),
        'head': (model.image.head, levels),
        'masks': (model.image.masks, levels),
        'identities': (model.identities, levels),
    }


def visstg() -> Parts:
    model = Visstg(video_config('small', CLASSES), VisstgOptions())
    taps = model.backbone(image())
    return {
        'backbone': (model.backbone, image()),
        'pyramid': (model.pyramid, taps),
        'branch': (model.plain, model.pyramid(taps)),
    }


def maskprop() -> Parts:
    detector = MaskProp('small', CLASSES, ModelOptions()).detector
    levels = list(detector.backbone(image()).values())
    return {'backbone': (detector.backbone, image()), 'proposals': (detector.rpn.head, levels)}


def ifr() -> Parts:
    model = Ifr('small', CLASSES, IfrOptions())
    taps = model.backbone(image())
    return {'backbone': (model.backbone, image()), 'pixel decoder': (model.pixel_decoder, taps)}


ALL: tuple[Callable[[], Parts], ...] = (rgnnvis, iai, visstg, maskprop, ifr)
