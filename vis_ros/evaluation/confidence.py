# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the confidence of tracks tells the true ones from the false ones.

Source: Brissman et al., "Recurrent Graph Neural Networks for Video Instance Segmentation", IJCV
2022, appendix C, equation 11: 0.78 on 220 videos of YouTube-VIS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vis_ros.evaluation.matching import match, track_ious
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.video_ap import UNDEFINED, order_by_score
from vis_ros.evaluation.ytvis import Annotations, TruthTrack


@dataclass(frozen=True, slots=True)
class Confidence:
    """Tracks and what they are.

    Args:
        scores: float64 array (N,), confidence of each track.
        is_true: bool array (N,), whether it is a true positive.
    """

    scores: np.ndarray
    is_true: np.ndarray

    def correlation(self) -> float:
        """Return Pearson's correlation of the two, -1 where all tracks are alike."""
        if len(self.scores) < 2 or not self.scores.std() or not self.is_true.std():
            return UNDEFINED
        return float(np.corrcoef(self.scores, self.is_true)[0, 1])


def confidence(
    annotations: Annotations, results: Sequence[ResultTrack], *, min_iou: float = 0.5
) -> Confidence:
    """Return which tracks are true positives, as video AP at one threshold decides it.

    Args:
        annotations: Ground truth; tracks that match a crowd are left out.
        results: In an order that decides between equal scores.
        min_iou: Smallest overlap in space and time.
    """
    truths: dict[tuple[int, int], list[TruthTrack]] = defaultdict(list)
    found: dict[tuple[int, int], list[ResultTrack]] = defaultdict(list)
    for track in annotations.tracks:
        truths[track.video_id, track.category_id].append(track)
    for result in results:
        found[result.video_id, result.category_id].append(result)
    scores: list[float] = []
    is_true: list[bool] = []
    for key, own in found.items():
        best = [own[index] for index in order_by_score(own)]
        there = truths[key]
        is_crowd = np.array([track.is_crowd for track in there], dtype=np.bool_)
        ious = track_ious([result.masks for result in best], [track.masks for track in there])
        matched = match(ious, np.array([min_iou]), is_crowd[None], is_crowd)[0, 0]
        for result, place in zip(best, matched.tolist(), strict=True):
            if place < 0 or not is_crowd[place]:
                scores.append(result.score)
                is_true.append(place >= 0)
    return Confidence(np.array(scores, np.float64), np.array(is_true, np.bool_))
