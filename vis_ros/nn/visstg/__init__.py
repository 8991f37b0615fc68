# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""VisSTG: a graph of instances and places for detection, segmentation and tracking."""

from vis_ros.nn.visstg.config import VisstgOptions, VisstgSelection, VisstgTracking
from vis_ros.nn.visstg.network import Output, Past, Scene, Visstg

__all__ = [
    'Output',
    'Past',
    'Scene',
    'Visstg',
    'VisstgOptions',
    'VisstgSelection',
    'VisstgTracking',
]
