# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from tiny_data import FIRST, LENGTH, SECOND, data_set, load, result, truth

from vis_ros.evaluation import tracking
from vis_ros.evaluation.box_tracks import box_ious, video_boxes
from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.tracking import Event, hota_figures, mot_figures

HERE, THERE = [FIRST] * LENGTH, [SECOND] * LENGTH

pytest.importorskip('motmetrics')
pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')


def test_ious_of_boxes():
    none, one = np.zeros((0, 4), dtype=np.int64), np.array([[0, 0, 2, 2]])
    assert box_ious(none, one).shape == (0, 1)
    assert box_ious(one, none).shape == (1, 0)
    others = np.array([[0, 0, 2, 2], [1, 0, 2, 2], [2, 0, 2, 2], [0, 0, 4, 1]])
    assert box_ious(one, others).tolist() == [[1.0, 2 / 6, 0.0, 2 / 6]]


def test_nothing_at_all(tmp_path):
    annotations, _ = load(tmp_path, data_set([], videos=()))
    figures = evaluate(annotations, []).figures()
    assert figures['IDF1'] == figures['MOTA'] == figures['HOTA'] == figures['AP'] == -1


def test_a_video_without_tracks(tmp_path):
    annotations, _ = load(tmp_path, data_set([]))
    (video,) = video_boxes(annotations, [])
    assert (video.truth_boxes, video.result_boxes, len(video.frames)) == (0, 0, LENGTH)
    figures = evaluate(annotations, []).figures()
    assert figures['MOTA'] == figures['HOTA'] == -1
    assert figures['switches'] == 0


def test_only_false_positives(tmp_path):
    annotations, results = load(tmp_path, data_set([]), [result(0.9, HERE)])
    figures = evaluate(annotations, results).figures()
    assert (figures['MOTA'], figures['HOTA'], figures['false_positives']) == (-1, -1, LENGTH)


def test_what_counts_as_a_box(tmp_path):
    empty = {'size': [24, 40], 'counts': [24 * 40]}
    wide = truth(1, [FIRST, None, SECOND, FIRST])
    wide['segmentations'][3] = empty
    truths = [wide, truth(2, THERE, iscrowd=1)]
    found = [result(0.5, HERE), result(0.49, THERE), result(0.9, THERE, category_id=77)]
    annotations, results = load(tmp_path, data_set(truths), found)
    (video,) = video_boxes(annotations, results)
    assert video.truth_ids == (1,)
    assert video.result_indices == (0, 2)
    assert [frame.truths.tolist() for frame in video.frames] == [[0], [], [0], []]
    assert video.frames[0].ious.tolist() == [[1.0, 0.0]]
    (video,) = video_boxes(annotations, results, score_threshold=0.6)
    assert video.result_indices == (2,)


def test_a_perfect_result(tmp_path):
    truths = [truth(1, HERE), truth(2, THERE, category_id=2)]
    annotations, results = load(tmp_path, data_set(truths), [result(1, HERE), result(1, THERE)])
    figures = evaluate(annotations, results).figures()
    for name in ('IDF1', 'IDP', 'IDR', 'MOTA'):
        assert figures[name] == 1.0
    for name in ('HOTA', 'DetA', 'AssA', 'LocA'):
        assert figures[name] == pytest.approx(1.0)
    assert figures['switches'] == figures['misses'] == figures['false_positives'] == 0


def test_half_an_iou_is_enough(tmp_path):
    for height, matches in ((5, LENGTH), (4, 0)):
        found = [result(1, [(4, 2, 10, height)] * LENGTH)]
        videos = video_boxes(*load(tmp_path, data_set([truth(1, HERE)]), found))
        assert mot_figures(videos).overall['num_matches'] == matches
        assert hota_figures(videos).overall['CLEAR']['CLR_TP'] == matches


def test_a_switch_is_an_event(tmp_path):
    parts = [result(0.9, [FIRST, FIRST, None, None]), result(0.8, [None, None, None, FIRST])]
    annotations, results = load(tmp_path, data_set([truth(5, HERE)]), parts)
    figures = mot_figures(video_boxes(annotations, results))
    assert figures.events[1] == (
        Event(0, 'match', 0, 0),
        Event(1, 'match', 0, 0),
        Event(2, 'miss', 0, None),
        Event(3, 'switch', 0, 1),
    )
    assert figures.overall['num_switches'] == 1
    assert figures.overall['mota'] == 0.5
    assert figures.by_video[1] == pytest.approx(figures.overall, nan_ok=True)


def test_the_libraries_disagree_on_a_return_after_a_gap(tmp_path):
    """The old result returns beside a new one that fits better: see the module."""
    old = result(0.9, [FIRST, None, (5, 2, 10, 10), None])
    new = result(0.8, [None, SECOND, FIRST, None])
    truths = [truth(1, [FIRST, FIRST, FIRST, None])]
    annotations, results = load(tmp_path, data_set(truths), [old, new])
    videos = video_boxes(annotations, results)
    assert mot_figures(videos).overall['num_switches'] == 0
    assert hota_figures(videos).overall['CLEAR']['IDSW'] == 1
    assert evaluate(annotations, results).figures()['switches'] == 0


def test_tracks_without_a_box_are_no_tracks_for_trackeval(tmp_path):
    truths = [truth(1, [None] * LENGTH), truth(2, HERE)]
    annotations, results = load(
        tmp_path, data_set(truths), [result(1, [None] * LENGTH), result(1, HERE)]
    )
    clear = hota_figures(video_boxes(annotations, results)).overall['CLEAR']
    assert (clear['MT'], clear['ML']) == (1, 0)


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'motmetrics', None)
    with pytest.raises(ValueError, match=r"motmetrics: pip install 'vis_ros\[evaluation\]'"):
        tracking.mot_figures([])
    monkeypatch.setitem(__import__('sys').modules, 'trackeval', None)
    with pytest.raises(ValueError, match='pip install --no-deps trackeval'):
        tracking.hota_figures([])


def test_the_whole_document_is_finite(tmp_path):
    annotations, results = load(tmp_path, data_set([], videos=(2, 1)), [result(0.9, HERE)])

    def numbers(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            return [number for part in value for number in numbers(part)]
        return [value] if isinstance(value, (int, float)) else []

    document = evaluate(annotations, results).to_json()
    assert list(document['by_video']) == ['1', '2']
    assert all(math.isfinite(number) for number in numbers(document))
