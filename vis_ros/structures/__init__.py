# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plain frozen records that every other room shares. No torch, no ROS."""

from vis_ros.structures.detections import Detections
from vis_ros.structures.frame import Frame
from vis_ros.structures.masks import CropMask, Rle
from vis_ros.structures.result import FrameResult
from vis_ros.structures.track import Track, TrackState

__all__ = ['CropMask', 'Detections', 'Frame', 'FrameResult', 'Rle', 'Track', 'TrackState']
