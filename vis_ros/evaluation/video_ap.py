# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Average precision and recall of whole videos, as the servers of YouTube-VIS and OVIS count.

Source: youtubevos/cocoapi (commit f3f9948), ytvoseval.py; for occlusion levels qjy981010/cocoapi
(commit 886baff), oviseval.py. One quirk is left out: there a track with the id 0 counts as never
matched.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vis_ros.evaluation.coco_masks import Masks
from vis_ros.evaluation.matching import match, track_ious
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Annotations, TruthTrack

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_POINTS = np.linspace(0.0, 1.0, 101)
MAX_RESULTS = (1, 10, 100)
AREA_RANGES = {
    'all': (0.0, 1e10),
    'small': (0.0, 128.0**2),
    'medium': (128.0**2, 256.0**2),
    'large': (256.0**2, 1e10),
}
OCCLUSION_RANGES = {
    'slightly occluded': (0.0, 0.25),
    'moderately occluded': (0.25, 0.5),
    'heavily occluded': (0.5, 1.0),
}
_OCCLUSION_SCORES = {'no_occlusion': 0.0, 'slight_occlusion': 0.25, 'severe_occlusion': 0.75}
_RANGE_KEYS = ('', 's', 'm', 'l', 'so', 'mo', 'ho')
UNDEFINED = -1.0


@dataclass(frozen=True, slots=True)
class VideoAp:
    """All figures; -1 where a category has no countable track in a range.

    Args:
        category_ids: K categories, ascending.
        range_names: A ranges: four of area, then three of occlusion where the data set has levels.
        precision: float64 (T, R, K, A, M): thresholds, recall points, categories, ranges,
            `MAX_RESULTS`.
        recall: float64 (T, K, A, M).
    """

    category_ids: tuple[int, ...]
    range_names: tuple[str, ...]
    precision: np.ndarray
    recall: np.ndarray

    def summary(self) -> dict[str, float]:
        """Return the official summary: AP, AP50, AP75, APs ..., AR1, AR10, AR100, ARs ..."""
        precision, recall = (
            self.precision[..., -1],
            self.recall[..., -1],
        )  # (T, R, K, A), (T, K, A)
        figures = {
            'AP': mean(precision[..., 0]),
            'AP50': mean(precision[0, ..., 0]),
            'AP75': mean(precision[5, ..., 0]),
        }
        for index, maximum in enumerate(MAX_RESULTS):
            figures[f'AR{maximum}'] = mean(self.recall[:, :, 0, index])
        for index, key in enumerate(_RANGE_KEYS[1:], start=1):
            is_there = index < len(self.range_names)
            figures[f'AP{key}'] = mean(precision[..., index]) if is_there else UNDEFINED
            figures[f'AR{key}'] = mean(recall[..., index]) if is_there else UNDEFINED
        return figures

    def by_category(self) -> dict[int, float]:
        """Return the AP of each category over all thresholds."""
        precision = self.precision[..., 0, -1]  # (T, R, K)
        return {key: mean(precision[..., k]) for k, key in enumerate(self.category_ids)}


def mean(values: np.ndarray) -> float:
    """Return the mean of all defined values, -1 without one."""
    defined = values[values > UNDEFINED]
    return float(defined.mean()) if defined.size else UNDEFINED


def mean_area_px(areas: Sequence[float | None]) -> float:
    """Return the mean of the areas that are neither null nor 0, 0 without one."""
    there = [area for area in areas if area]
    return float(np.mean(there)) if there else 0.0


def occlusion_score(levels: Sequence[str | None]) -> float:
    """Return how much an object is occluded: the mean over the worse half of its frames."""
    scores = sorted(_OCCLUSION_SCORES[level] for level in levels if level is not None)
    worse = scores[-math.ceil(len(scores) / 2) :]
    return sum(worse) / len(worse) if worse else 0.0


@dataclass(frozen=True, slots=True)
class _Group:
    """The matches in one video and category.

    Args:
        scores: float64 (D,), falling.
        is_true: bool (A, T, D), matched to a track that counts.
        is_ignored: bool (A, T, D), neither true nor false.
        truths: int64 (A,), the tracks that count.
    """

    scores: np.ndarray
    is_true: np.ndarray
    is_ignored: np.ndarray
    truths: np.ndarray


def evaluate_ap(annotations: Annotations, results: Sequence[ResultTrack]) -> VideoAp:
    """Return the figures of results.

    Args:
        annotations: Ground truth.
        results: In an order that decides between equal scores.
    """
    has_occlusion = annotations.has_occlusion
    groups: dict[int, list[_Group]] = defaultdict(list)
    truths, found = defaultdict(list), defaultdict(list)
    for track in annotations.tracks:
        truths[track.video_id, track.category_id].append(track)
    for result in results:
        found[result.video_id, result.category_id].append(result)
    for key in sorted(truths.keys() | found.keys()):  # ascending video ids, whatever the file says
        groups[key[1]].append(_match_group(truths[key], found[key], has_occlusion))
    categories = tuple(sorted(annotations.categories))
    names = (*AREA_RANGES, *(OCCLUSION_RANGES if has_occlusion else ()))
    shape = (IOU_THRESHOLDS.size, len(categories), len(names), len(MAX_RESULTS))
    precision = np.full((shape[0], RECALL_POINTS.size, *shape[1:]), UNDEFINED)
    recall = np.full(shape, UNDEFINED)
    for k, category in enumerate(categories):
        for a in range(len(names)):
            for m, maximum in enumerate(MAX_RESULTS):
                curve = _accumulate(groups[category], a, maximum)
                if curve is not None:
                    precision[:, :, k, a, m], recall[:, k, a, m] = curve
    return VideoAp(categories, names, precision, recall)


def order_by_score(results: Sequence[ResultTrack], limit: int | None = None) -> list[int]:
    """Return the positions of the results, highest score first, stable."""
    return sorted(range(len(results)), key=lambda index: -results[index].score)[:limit]


def _match_group(
    truths: Sequence[TruthTrack], results: Sequence[ResultTrack], has_occlusion: bool
) -> _Group:
    best = [results[index] for index in order_by_score(results, MAX_RESULTS[-1])]
    true_areas = np.array([mean_area_px(track.areas_px) for track in truths])
    areas = np.array([mean_area_px(_areas(result.masks)) for result in best])
    is_crowd = np.array([track.is_crowd for track in truths], dtype=np.bool_)
    is_out = _outside(true_areas, AREA_RANGES)
    is_own_out = _outside(areas, AREA_RANGES)  # (A, D)
    if has_occlusion:
        occlusion = np.array([occlusion_score(track.occlusion or ()) for track in truths])
        is_out = np.concatenate((is_out, _outside(occlusion, OCCLUSION_RANGES)))
        never = np.zeros((len(OCCLUSION_RANGES), len(best)), dtype=np.bool_)
        is_own_out = np.concatenate((is_own_out, never))
    is_out = is_out | is_crowd  # (A, G)
    ious = track_ious([result.masks for result in best], [track.masks for track in truths])
    matched = match(ious, IOU_THRESHOLDS, is_out, is_crowd)  # (A, T, D)
    is_matched = matched >= 0
    if truths:
        is_ignored = is_matched & np.take_along_axis(is_out[:, None], matched.clip(0), axis=2)
    else:
        is_ignored = np.zeros_like(is_matched)
    return _Group(
        scores=np.array([result.score for result in best], dtype=np.float64),
        is_true=is_matched & ~is_ignored,
        is_ignored=is_ignored | (~is_matched & is_own_out[:, None]),
        truths=np.count_nonzero(~is_out, axis=1),
    )


def _areas(masks: Masks) -> list[float | None]:
    return [None if mask is None else mask.area_px for mask in masks]


def _outside(values: np.ndarray, ranges: dict[str, tuple[float, float]]) -> np.ndarray:
    """Return which values lie outside of which range, both ends inside: bool (A, N)."""
    limits = np.array(list(ranges.values()))
    return (values < limits[:, :1]) | (values > limits[:, 1:])


def _accumulate(
    groups: Sequence[_Group], index: int, maximum: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the curve of one category in one range.

    Args:
        groups: Its videos by ascending id.
        index: The range.
        maximum: Results of a video that count.

    Returns:
        Precision at the recall points, float64 (T, R), and the highest recall, float64 (T,); None
        without a track that counts.
    """
    truths = sum(int(group.truths[index]) for group in groups)
    if truths == 0:
        return None
    scores = np.concatenate([group.scores[:maximum] for group in groups])
    order = np.argsort(-scores, kind='stable')
    is_true = np.concatenate([group.is_true[index, :, :maximum] for group in groups], axis=1)
    ignored = np.concatenate([group.is_ignored[index, :, :maximum] for group in groups], axis=1)
    is_true = is_true[:, order]
    true = np.cumsum(is_true, axis=1, dtype=np.float64)
    false = np.cumsum(~is_true & ~ignored[:, order], axis=1, dtype=np.float64)
    recall = true / truths  # (T, D)
    precision = true / (false + true + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate((precision, np.zeros((len(precision), 1))), axis=1)
    points = np.stack(
        [
            values[np.searchsorted(reached, RECALL_POINTS, side='left')]
            for values, reached in zip(padded, recall, strict=True)
        ]
    )
    return points, recall[:, -1] if scores.size else np.zeros(len(recall))
