# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of box tracking: motmetrics for IDF1 and MOTA, trackeval for HOTA, CLEAR and Identity.

The two count identity switches differently, and so MOTA. motmetrics takes up the last known pair
of an object first, whenever that was; trackeval only a pair of the frame right before.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from vis_ros.evaluation.box_tracks import VideoBoxes

IOU_THRESHOLD = 0.5
MOT_FIGURES = (
    'num_frames',
    'num_objects',
    'num_predictions',
    'num_matches',
    'num_switches',
    'num_false_positives',
    'num_misses',
    'num_fragmentations',
    'mostly_tracked',
    'partially_tracked',
    'mostly_lost',
    'num_unique_objects',
    'mota',
    'motp',
    'precision',
    'recall',
    'idtp',
    'idfp',
    'idfn',
    'idp',
    'idr',
    'idf1',
)
_Kind = Literal['match', 'switch', 'miss', 'false']
_KINDS: dict[str, _Kind] = {'MATCH': 'match', 'SWITCH': 'switch', 'MISS': 'miss', 'FP': 'false'}


class Event(NamedTuple):
    """What happened to one box.

    `truth` and `result` are positions in `VideoBoxes.truth_ids` and `VideoBoxes.result_indices`,
    None where there is none.
    """

    frame: int
    kind: _Kind
    truth: int | None
    result: int | None


@dataclass(frozen=True, slots=True)
class MotFigures:
    """The figures of motmetrics.

    Args:
        overall: Of all videos together, by the names of `MOT_FIGURES`; NaN or infinite where
            undefined.
        by_video: The same for each video id.
        events: What happened, for each video id, in order of the frames.
    """

    overall: Mapping[str, float]
    by_video: Mapping[int, Mapping[str, float]]
    events: Mapping[int, tuple[Event, ...]]


@dataclass(frozen=True, slots=True)
class HotaFigures:
    """The figures of trackeval.

    Args:
        alphas: float64 (19,), IoU thresholds of HOTA.
        overall: Of all videos together, for each of HOTA, CLEAR, Identity; arrays by alpha or
            single numbers, by the library's names.
        by_video: The same for each video id.
    """

    alphas: np.ndarray
    overall: Mapping[str, Mapping[str, Any]]
    by_video: Mapping[int, Mapping[str, Mapping[str, Any]]]


def mot_figures(videos: Sequence[VideoBoxes]) -> MotFigures:
    """Return the figures of motmetrics, boxes of masks, IoU of at least 0.5.

    Raises:
        ValueError: motmetrics is not installed.
    """
    mot = _library('motmetrics', "'vis_ros[evaluation]'")
    if not videos:
        return MotFigures(dict.fromkeys(MOT_FIGURES, float('nan')), {}, {})
    accumulators = [_accumulate(mot, video) for video in videos]
    host = mot.metrics.create()
    names = [video.video_id for video in videos]
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, logging.WARNING))  # the library reports its times to the root logger
    try:
        table = host.compute_many(
            accumulators, metrics=list(MOT_FIGURES), names=names, generate_overall=True
        )
    finally:
        root.setLevel(level)
    rows = {key: {name: float(row[name]) for name in MOT_FIGURES} for key, row in table.iterrows()}
    overall = rows.pop('OVERALL')
    events = {
        video.video_id: _events(accumulator)
        for video, accumulator in zip(videos, accumulators, strict=True)
    }
    return MotFigures(overall, rows, events)


def _accumulate(mot: Any, video: VideoBoxes) -> Any:
    accumulator = mot.MOTAccumulator(auto_id=True)
    for frame in video.frames:
        distances = 1.0 - frame.ious
        distances[distances > 1.0 - IOU_THRESHOLD] = np.nan
        accumulator.update(frame.truths, frame.results, distances)
    return accumulator


def _events(accumulator: Any) -> tuple[Event, ...]:
    table = accumulator.mot_events
    found = []
    frames = table.index.get_level_values(0)
    for frame, name, truth, result in zip(frames, table.Type, table.OId, table.HId, strict=True):
        if (kind := _KINDS.get(name)) is not None:
            found.append(Event(int(frame), kind, _position(truth), _position(result)))
    return tuple(found)


def _position(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def hota_figures(videos: Sequence[VideoBoxes]) -> HotaFigures:
    """Return the figures of trackeval: HOTA, and CLEAR and Identity at IoU 0.5.

    Raises:
        ValueError: trackeval is not installed.
    """
    metrics = _library('trackeval', '--no-deps trackeval').metrics
    config = {'THRESHOLD': IOU_THRESHOLD, 'PRINT_CONFIG': False}
    families = {
        'HOTA': metrics.HOTA(),
        'CLEAR': metrics.CLEAR(config),
        'Identity': metrics.Identity(config),
    }
    data = {video.video_id: _sequence(video) for video in videos}
    by_family = {
        name: {key: family.eval_sequence(item) for key, item in data.items()}
        for name, family in families.items()
    }
    overall = {}
    for name, family in families.items():  # the library cannot combine nothing
        parts = by_family[name] or {0: family.eval_sequence(_sequence(VideoBoxes(0, (), (), ())))}
        overall[name] = family.combine_sequences(parts)
    by_video = {key: {name: by_family[name][key] for name in families} for key in data}
    return HotaFigures(families['HOTA'].array_labels, overall, by_video)


def _sequence(video: VideoBoxes) -> dict[str, Any]:
    """Return the form that trackeval takes; it wants ids without gaps, of tracks with boxes."""
    truth_ids = _dense([frame.truths for frame in video.frames], len(video.truth_ids))
    result_ids = _dense([frame.results for frame in video.frames], len(video.result_indices))
    return {
        'gt_ids': [truth_ids[frame.truths] for frame in video.frames],
        'tracker_ids': [result_ids[frame.results] for frame in video.frames],
        'similarity_scores': [frame.ious for frame in video.frames],
        'num_gt_ids': int(truth_ids.max(initial=-1)) + 1,
        'num_tracker_ids': int(result_ids.max(initial=-1)) + 1,
        'num_gt_dets': video.truth_boxes,
        'num_tracker_dets': video.result_boxes,
        'num_timesteps': len(video.frames),
    }


def _dense(frames: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return new ids, int64 (count,), -1 for tracks that are in no frame."""
    is_there = np.zeros(count, dtype=np.bool_)
    for positions in frames:
        is_there[positions] = True
    return np.where(is_there, np.cumsum(is_there) - 1, -1)


def _library(name: str, requirement: str) -> Any:
    """Return a library that only this needs; some are slow to import."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f'box tracking needs {name}: pip install {requirement} (or evaluate with --only-ap)'
        ) from error
