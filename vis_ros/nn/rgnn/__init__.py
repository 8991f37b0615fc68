# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recurrent graph network of RGNNVIS and RGNNVIS++."""

from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.network import Association, Look, Rgnn
from vis_ros.nn.rgnn.state import RgnnState, Tracks

__all__ = ['Association', 'Look', 'Rgnn', 'RgnnOptions', 'RgnnSizes', 'RgnnState', 'Tracks']
