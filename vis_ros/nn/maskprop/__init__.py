# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp: Mask R-CNN with a branch that propagates instance masks through a clip."""

from vis_ros.nn.maskprop.config import DetectionOptions, ModelOptions
from vis_ros.nn.maskprop.model import MaskProp

__all__ = ['DetectionOptions', 'MaskProp', 'ModelOptions']
