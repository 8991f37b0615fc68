# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YOLACT on the ResNets of torchvision: stock (COCO), RGNNVIS's variant, and a small one."""

from vis_ros.nn.yolact.config import YolactConfig, rgnnvis_config, stock_config
from vis_ros.nn.yolact.network import Yolact, YolactOutput, prepare, prepare_frame
from vis_ros.nn.yolact.selection import DetectionSet, SelectionConfig, select

__all__ = [
    'DetectionSet',
    'SelectionConfig',
    'Yolact',
    'YolactConfig',
    'YolactOutput',
    'prepare',
    'prepare_frame',
    'rgnnvis_config',
    'select',
    'stock_config',
]
