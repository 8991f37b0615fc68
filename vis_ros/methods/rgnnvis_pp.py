# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rgnnvis_pp`: RGNNVIS++, for long videos and crowded scenes.

Source: "Recurrent Graph Neural Networks for Video Instance Segmentation", IJCV, section 3.6: layer
norm in the graph and positional encodings; its third part, longer clips, is a matter of training.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vis_ros.methods.base import register_method
from vis_ros.methods.rgnnvis import RgnnVisConfig, RgnnVisMethod
from vis_ros.nn.rgnn.config import RgnnOptions


def _options() -> RgnnOptions:
    return RgnnOptions(layer_norm=True, positions=True)


@dataclass(frozen=True)
class RgnnVisPpConfig(RgnnVisConfig):
    """RGNNVIS++."""

    tracker: RgnnOptions = field(default_factory=_options)


@register_method('rgnnvis_pp')
class RgnnVisPpMethod(RgnnVisMethod):
    """RGNNVIS with layer norm and positional encodings."""

    Config = RgnnVisPpConfig
    summary = 'RGNNVIS++: RGNNVIS with layer norm and positional encodings'
    source = 'Brissman et al. 2022'
