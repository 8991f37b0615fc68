# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results of RGNNVIS on videos whose detections are kept: no image is needed any more."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Video
from vis_ros.methods.rgnnvis import RgnnVisMethod
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.structures import Frame
from vis_ros.training.feature_cache import Remembered, to_detected


def follow_videos(
    method: RgnnVisMethod, videos: Iterable[Remembered], *, fps: float
) -> list[ResultTrack]:
    """Return the results of a method, each video a stream of its own.

    Args:
        method: Of the same detector.
        videos: Videos with the ids 1, 2, ...
        fps: Frames per second.
    """
    results: list[ResultTrack] = []
    for video_id, video in enumerate(videos, start=1):
        length, height, width = video.labels.shape
        about = Video(video_id, height, width, ('',) * length)
        gathered = VideoResults(about, range(1, len(method.classes) + 1))
        state = method.init_state()
        seen = to_detected(video.parts, height, width)
        image = np.empty((height, width, 3), np.uint8)  # nobody looks at it
        for t in range(length):
            frame = Frame(image, round(t * 1e9 / fps))
            gathered.add(t, method.follow(state, one_frame(seen, t, method.device), frame))
        results += gathered.finish()
    return results


def one_frame(seen: Detected, t: int, device: torch.device) -> Detected:
    """Return frame t of what was kept of a video, as a batch of one."""
    found = DetectionSet(*(x[t : t + 1].to(device) for x in seen.found))
    maps = (x[t : t + 1].to(device) for x in (seen.stride16, seen.stride32))
    return Detected(found, *maps)
