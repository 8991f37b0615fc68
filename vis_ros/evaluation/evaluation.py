# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All figures of one file of results together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vis_ros.evaluation.box_tracks import SCORE_THRESHOLD, VideoBoxes, video_boxes
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.tracking import HotaFigures, MotFigures, hota_figures, mot_figures
from vis_ros.evaluation.video_ap import UNDEFINED, VideoAp, evaluate_ap
from vis_ros.evaluation.ytvis import Annotations

_MOT_NAMES = {
    'IDF1': 'idf1',
    'IDP': 'idp',
    'IDR': 'idr',
    'MOTA': 'mota',
    'switches': 'num_switches',
    'misses': 'num_misses',
    'false_positives': 'num_false_positives',
    'fragmentations': 'num_fragmentations',
    'mostly_tracked': 'mostly_tracked',
    'mostly_lost': 'mostly_lost',
}
_COUNTS = {*list(_MOT_NAMES)[4:]}
_HOTA_NAMES = ('HOTA', 'DetA', 'AssA', 'LocA')


@dataclass(frozen=True, slots=True)
class Tracking:
    """The figures of box tracking.

    Args:
        score_threshold: Lowest score of a result that counted.
        videos: The boxes, by ascending video id.
        mot: Figures of motmetrics.
        hota: Figures of trackeval.
    """

    score_threshold: float
    videos: tuple[VideoBoxes, ...]
    mot: MotFigures
    hota: HotaFigures

    def figures(self, video_id: int | None = None) -> dict[str, float]:
        """Return the main figures of one video, or of all; -1 where one is undefined."""
        mot = self.mot.overall if video_id is None else self.mot.by_video[video_id]
        hota = (self.hota.overall if video_id is None else self.hota.by_video[video_id])['HOTA']
        truths = sum(
            video.truth_boxes for video in self.videos if video_id in (None, video.video_id)
        )
        figures = {name: _figure(mot[key], name in _COUNTS) for name, key in _MOT_NAMES.items()}
        for name in _HOTA_NAMES:
            figures[name] = float(np.mean(hota[name])) if truths else UNDEFINED
        return figures


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Ground truth, results and all their figures; `tracking` is None where not asked for."""

    annotations: Annotations
    results: tuple[ResultTrack, ...]
    ap: VideoAp
    tracking: Tracking | None

    def figures(self) -> dict[str, float]:
        """Return the main figures of all videos; -1 where one is undefined."""
        return {**self.ap.summary(), **(self.tracking.figures() if self.tracking else {})}

    def dropped(self) -> int:
        """Return the number of results of categories that the ground truth does not list."""
        known = self.annotations.categories
        return sum(result.category_id not in known for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain numbers, lists and dicts with string keys."""
        names = self.annotations.categories
        document: dict[str, Any] = {
            **self.figures(),
            'videos': len(self.annotations.videos),
            'truth_tracks': len(self.annotations.tracks),
            'results': len(self.results),
            'results_of_unknown_categories': self.dropped(),
            'by_category': [
                {'id': key, 'name': names[key], 'AP': value}
                for key, value in self.ap.by_category().items()
            ],
        }
        if self.tracking is not None:
            families = self.tracking.hota.overall
            document['score_threshold'] = self.tracking.score_threshold
            document['by_video'] = {
                str(video.video_id): self.tracking.figures(video.video_id)
                for video in self.tracking.videos
            }
            document['motmetrics'] = _plain(self.tracking.mot.overall)
            document['trackeval'] = {name: _plain(family) for name, family in families.items()}
        return document


def evaluate(
    annotations: Annotations,
    results: Sequence[ResultTrack],
    *,
    with_tracking: bool = True,
    score_threshold: float = SCORE_THRESHOLD,
) -> Evaluation:
    """Return all figures.

    Args:
        annotations: Ground truth.
        results: In an order that decides between equal scores.
        with_tracking: Whether to compute the figures of box tracking too.
        score_threshold: Lowest score of a result that counts there.

    Raises:
        ValueError: A library for box tracking is not installed.
    """
    tracking = None
    if with_tracking:
        videos = video_boxes(annotations, results, score_threshold=score_threshold)
        tracking = Tracking(score_threshold, videos, mot_figures(videos), hota_figures(videos))
    return Evaluation(annotations, tuple(results), evaluate_ap(annotations, results), tracking)


def _figure(value: float, is_count: bool) -> float:
    if not math.isfinite(value):
        return UNDEFINED
    return int(value) if is_count else float(value)


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    plain = {}
    for name, value in figures.items():
        values = np.where(np.isfinite(value), value, UNDEFINED)
        plain[name] = values.tolist()
    return plain
