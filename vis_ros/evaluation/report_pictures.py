# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the worst frame of a video: ground truth beside results."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.evaluation.box_tracks import VideoBoxes
from vis_ros.evaluation.coco_masks import CocoMask
from vis_ros.evaluation.evaluation import Evaluation
from vis_ros.evaluation.report_timeline import FALSE, colour_of
from vis_ros.evaluation.tracking import Event
from vis_ros.evaluation.ytvis import Video

_WIDEST_PX = 420
_OPACITY = 0.6
_MISSED = '#ffffff'

Layer = tuple[CocoMask | None, str]
"""A mask and its colour."""


def worst_frame(events: Sequence[Event]) -> int:
    """Return the frame with the most errors, the first among equals; 0 without one."""
    errors = Counter(event.frame for event in events if event.kind != 'match')
    return min(errors, key=lambda frame: (-errors[frame], frame), default=0)


def picture(
    evaluation: Evaluation, video: VideoBoxes, frame: int, images: Path | None
) -> str | None:
    """Return one frame with the true masks, and with those of the results, side by side.

    A true mask has the colour of the result that it is matched with, white where it is missed;
    false positives are red.

    Args:
        evaluation: With tracking.
        video: The boxes of the video.
        frame: Position of the frame.
        images: Folder of the data set's images; dark ground without it, or without the image.

    Returns:
        A data URL; None for a video without frames.
    """
    about = evaluation.annotations.videos[video.video_id]
    if evaluation.tracking is None or not 0 <= frame < about.length:
        return None
    events = [e for e in evaluation.tracking.mot.events[video.video_id] if e.frame == frame]
    by_truth = {event.truth: event.result for event in events if event.truth is not None}
    by_result = {event.result: event.truth for event in events if event.result is not None}
    tracks = {track.track_id: track for track in evaluation.annotations.tracks}
    truths: list[Layer] = []
    for row, track_id in enumerate(video.truth_ids):
        matched = by_truth.get(row)
        colour = _MISSED if matched is None else colour_of(matched)
        truths.append((tracks[track_id].masks[frame], colour))
    results: list[Layer] = []
    for row, index in enumerate(video.result_indices):
        colour = FALSE if by_result.get(row) is None else colour_of(row)
        results.append((evaluation.results[index].masks[frame], colour))
    ground = _ground(about, frame, images)
    left, right = _draw(ground, truths), _draw(ground, results)
    gap = np.full((len(left), 6, 3), 255, dtype=np.uint8)
    return _data_url(np.concatenate((left, gap, right), axis=1))


def _ground(video: Video, frame: int, images: Path | None) -> np.ndarray:
    """Return the image of a frame, uint8 (H, W, 3), BGR as OpenCV writes it."""
    if images is not None:
        path = (images / video.file_names[frame]).resolve()
        is_inside = path.is_relative_to(images.resolve())
        image = cv2.imread(str(path)) if is_inside and path.is_file() else None
        if image is not None and image.shape[:2] == (video.height, video.width):
            return image
    return np.full((video.height, video.width, 3), 40, dtype=np.uint8)


def _draw(ground: np.ndarray, layers: Iterable[Layer]) -> np.ndarray:
    canvas = ground.astype(np.float32)
    for mask, colour in layers:
        if mask is None or mask.area_px == 0:
            continue
        inside = mask_utils.decode([mask.to_coco()])[..., 0].astype(np.bool_)  # (H, W)
        blue_green_red = [int(colour[place : place + 2], 16) for place in (5, 3, 1)]
        canvas[inside] = (1 - _OPACITY) * canvas[inside] + _OPACITY * np.array(blue_green_red)
    drawn = canvas.round().astype(np.uint8)
    height, width = drawn.shape[:2]
    if width <= _WIDEST_PX:
        return drawn
    size = (_WIDEST_PX, max(1, round(height * _WIDEST_PX / width)))
    return cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)


def _data_url(image: np.ndarray) -> str:
    _, data = cv2.imencode('.png', image)
    return 'data:image/png;base64,' + base64.b64encode(data.tobytes()).decode('ascii')
