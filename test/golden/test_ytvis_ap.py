# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Video AP and box tracking, equal to what the official programs say of the golden files."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import official_fill
import pytest

from vis_ros.evaluation.box_tracks import VideoBoxes, video_boxes
from vis_ros.evaluation.matching import track_ious
from vis_ros.evaluation.results import ResultTrack, read_results
from vis_ros.evaluation.tracking import MOT_FIGURES, hota_figures, mot_figures
from vis_ros.evaluation.video_ap import AREA_RANGES, IOU_THRESHOLDS, MAX_RESULTS, evaluate_ap
from vis_ros.evaluation.ytvis import Annotations, read_annotations

TOLERANCE = 1e-9
FOLDER = official_fill.folder() / 'ytvis_ap'
EDGES = tuple(json.loads((FOLDER / 'edge_cases.json').read_text()))
TRACKED = (
    'no_predictions',
    'perfect',
    'only_false_positives_video',
    'half_in_time',
    'third_in_space',
    'identity_switch',
)
OPTIONAL = 'gt_id_zero'  # a quirk of the official code that we do not repeat


@cache
def expected() -> dict[str, Any]:
    return json.loads((FOLDER / 'expected.json').read_text())


@cache
def main_set() -> tuple[Annotations, tuple[ResultTrack, ...]]:
    annotations = read_annotations(FOLDER / 'gt.json')
    return annotations, read_results(FOLDER / 'results.json', annotations)


def edge(name: str, folder: Path) -> tuple[Annotations, tuple[ResultTrack, ...]]:
    case = json.loads((FOLDER / 'edge_cases.json').read_text())[name]
    for key, content in case.items():
        (folder / f'{key}.json').write_text(json.dumps(content))
    annotations = read_annotations(folder / 'gt.json')
    return annotations, read_results(folder / 'results.json', annotations)


def near(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


def check_ap(annotations: Annotations, results: tuple[ResultTrack, ...], wanted: Any) -> None:
    ap = evaluate_ap(annotations, results)
    summary = ap.summary()
    for name, value in wanted['summary'].items():
        assert summary[name] == pytest.approx(value, abs=TOLERANCE), name
    assert list(ap.category_ids) == wanted['category_ids']
    near(ap.precision.mean(axis=1), wanted['ap_iou_cat_area_det'])
    near(ap.recall, wanted['recall_iou_cat_area_det'])
    by_category = wanted['ap_per_category']
    values = by_category.values() if isinstance(by_category, dict) else by_category
    near(list(ap.by_category().values()), list(values))
    if 'precision_iou_rec_cat_all_100' in wanted:
        near(ap.precision[..., 0, -1], wanted['precision_iou_rec_cat_all_100'])


def check_mot(videos: tuple[VideoBoxes, ...], wanted: Any) -> None:
    figures = mot_figures(videos)
    pairs = [(figures.overall, wanted['overall'])]
    pairs += [(figures.by_video[int(key)], value) for key, value in wanted['per_video'].items()]
    assert len(pairs) == len(videos) + 1
    for found, figures_wanted in pairs:
        assert set(figures_wanted) == set(MOT_FIGURES)
        for name, value in figures_wanted.items():
            if value is None:
                assert math.isnan(found[name]), name
            elif float(value).is_integer():
                assert found[name] == pytest.approx(value, abs=1e-12), name
            else:
                assert found[name] == pytest.approx(value, abs=TOLERANCE), name


def check_hota(videos: tuple[VideoBoxes, ...], wanted: Any) -> None:
    figures = hota_figures(videos)
    near(figures.alphas, wanted['hota_alphas'])
    for family in ('HOTA', 'CLEAR', 'Identity'):
        for name, value in wanted[family].items():
            if isinstance(value, int):
                assert figures.overall[family][name] == value, name
            else:
                near(figures.overall[family][name], value)
    for key, values in wanted['per_video'].items():
        families = figures.by_video[int(key)]
        flat = {**families['CLEAR'], **families['Identity']}
        flat['HOTA_mean'] = float(np.mean(families['HOTA']['HOTA']))
        for name, value in values.items():
            assert flat[name] == pytest.approx(value, abs=TOLERANCE), (key, name)


def test_the_axes_are_the_official_ones() -> None:
    wanted = expected()['main']
    near(IOU_THRESHOLDS, wanted['iou_thresholds'])
    assert list(AREA_RANGES) == wanted['area_labels']
    near(list(AREA_RANGES.values()), wanted['area_ranges'])
    assert list(MAX_RESULTS) == wanted['max_dets']


def test_video_ap_of_the_main_set() -> None:
    check_ap(*main_set(), expected()['main'])


def test_track_ious_of_the_main_set() -> None:
    annotations, results = main_set()
    truths = {track.track_id: track for track in annotations.tracks}
    groups = expected()['main']['video_iou']
    assert groups
    for group in groups.values() if isinstance(groups, dict) else groups:
        found = [results[index].masks for index in group['result_index']]
        near(track_ious(found, [truths[key].masks for key in group['gt_id']]), group['iou'])


@pytest.mark.parametrize('name', EDGES)
def test_video_ap_of_edge_cases(name: str, tmp_path: Path) -> None:
    case = edge(name, tmp_path)
    if name == OPTIONAL:
        assert evaluate_ap(*case).summary()['AP'] == pytest.approx(1.0)
    else:
        check_ap(*case, expected()['edge'][name])


def test_box_tracking_of_the_main_set() -> None:
    wanted = expected()['tracking_boxes']
    videos = video_boxes(*main_set(), score_threshold=wanted['score_threshold'])
    check_mot(videos, wanted['motmetrics'])
    pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')
    check_hota(videos, wanted['trackeval'])


@pytest.mark.parametrize('name', TRACKED)
def test_box_tracking_of_edge_cases(name: str, tmp_path: Path) -> None:
    wanted = expected()['edge'][name]['tracking_boxes']
    videos = video_boxes(*edge(name, tmp_path), score_threshold=wanted['score_threshold'])
    check_mot(videos, wanted['motmetrics'])
    pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')
    check_hota(videos, wanted['trackeval'])


def test_all_edge_cases_with_tracking_are_checked() -> None:
    cases = expected()['edge']
    assert {name for name in cases if 'tracking_boxes' in cases[name]} == set(TRACKED)
