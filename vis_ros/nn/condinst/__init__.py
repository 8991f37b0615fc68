# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CondInst on the ResNets of torchvision: IAI's configuration, stock (COCO), and a small one."""

from vis_ros.nn.condinst.config import CondInstConfig, stock_config, video_config
from vis_ros.nn.condinst.network import CondInst, CondInstOutput
from vis_ros.nn.condinst.picture import place, prepare
from vis_ros.nn.picture import Placement

__all__ = [
    'CondInst',
    'CondInstConfig',
    'CondInstOutput',
    'Placement',
    'place',
    'prepare',
    'stock_config',
    'video_config',
]
