# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tracks as boxes, frame by frame: what the libraries for box tracking take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vis_ros.evaluation.coco_masks import CocoMask, Masks, boxes
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Annotations

SCORE_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class BoxFrame:
    """The boxes of one frame.

    Args:
        truths: int64 (G,), positions in `VideoBoxes.truth_ids`, ascending.
        results: int64 (D,), positions in `VideoBoxes.result_indices`, ascending.
        ious: float64 (G, D) in [0, 1].
    """

    truths: np.ndarray
    results: np.ndarray
    ious: np.ndarray


@dataclass(frozen=True, slots=True)
class VideoBoxes:
    """All boxes of one video, of all categories.

    Args:
        video_id: The video.
        truth_ids: Ids of its true tracks.
        result_indices: Positions of its result tracks in the results.
        frames: One for each frame.
    """

    video_id: int
    truth_ids: tuple[int, ...]
    result_indices: tuple[int, ...]
    frames: tuple[BoxFrame, ...]

    @property
    def truth_boxes(self) -> int:
        """Number of true boxes in all frames."""
        return sum(frame.truths.size for frame in self.frames)

    @property
    def result_boxes(self) -> int:
        """Number of result boxes in all frames."""
        return sum(frame.results.size for frame in self.frames)


def video_boxes(
    annotations: Annotations,
    results: Sequence[ResultTrack],
    *,
    score_threshold: float = SCORE_THRESHOLD,
) -> tuple[VideoBoxes, ...]:
    """Return the boxes of all videos, by ascending id.

    The box of a frame is the tight box of the mask; frames without a pixel have none. Crowds are
    left out, and so are results with a score below the threshold. Categories do not matter.

    Args:
        annotations: Ground truth.
        results: All results.
        score_threshold: Lowest score of a result that counts.
    """
    truths: dict[int, list[tuple[int, Masks]]] = defaultdict(list)
    found: dict[int, list[tuple[int, Masks]]] = defaultdict(list)
    for track in annotations.tracks:
        if not track.is_crowd:
            truths[track.video_id].append((track.track_id, track.masks))
    for index, result in enumerate(results):
        if result.score >= score_threshold:
            found[result.video_id].append((index, result.masks))
    return tuple(
        VideoBoxes(
            video_id,
            tuple(track_id for track_id, _ in truths[video_id]),
            tuple(index for index, _ in found[video_id]),
            _frames(
                annotations.videos[video_id].length,
                [masks for _, masks in truths[video_id]],
                [masks for _, masks in found[video_id]],
            ),
        )
        for video_id in sorted(annotations.videos)
    )


def _frames(length: int, truths: list[Masks], results: list[Masks]) -> tuple[BoxFrame, ...]:
    frames = []
    for frame in range(length):
        rows, row_boxes = _boxes_of([masks[frame] for masks in truths])
        columns, column_boxes = _boxes_of([masks[frame] for masks in results])
        frames.append(BoxFrame(rows, columns, box_ious(row_boxes, column_boxes)))
    return tuple(frames)


def _boxes_of(masks: list[CocoMask | None]) -> tuple[np.ndarray, np.ndarray]:
    there = [mask for mask in masks if mask is not None and mask.area_px > 0]
    flags = [mask is not None and mask.area_px > 0 for mask in masks]
    return np.flatnonzero(np.asarray(flags, dtype=np.bool_)), boxes(there)


def box_ious(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the IoU of whole-pixel boxes, one division of integers each.

    Args:
        first: int64 (G, 4): x, y, width, height.
        second: int64 (D, 4).

    Returns:
        float64 (G, D).
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(
        first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:]
    )
    sides = np.maximum(high - low, 0)  # (G, D, 2)
    common = sides[..., 0] * sides[..., 1]
    areas = np.add.outer(first[:, 2] * first[:, 3], second[:, 2] * second[:, 3])
    return common / (areas - common)
