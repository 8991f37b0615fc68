# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import random

import numpy as np
import pytest
from tiny_data import FIRST, LENGTH, SECOND, data_set, load, result, truth

from vis_ros.evaluation.video_ap import evaluate_ap, mean_area_px, occlusion_score

NOWHERE = [None] * LENGTH
HERE, THERE = [FIRST] * LENGTH, [SECOND] * LENGTH


def summary(folder, truths, results, videos=(1,)):
    return evaluate_ap(*load(folder, data_set(truths, videos), results)).summary()


def random_case(seed, videos=(1, 2, 3)):
    """Return truths and results of some videos, with many ties, misses and duplicates."""
    rng = random.Random(seed)
    truths, results = [], []

    def place(x, y):
        side = rng.choice([6, 8, 9])
        return None if rng.random() < 0.2 else (x + rng.randint(0, 2), y, side, side)

    for video_id in videos:
        for _ in range(rng.randint(0, 4)):
            x, y, category = rng.randint(0, 27), rng.randint(0, 12), rng.randint(1, 2)
            more = {'video_id': video_id, 'category_id': category}
            places = [place(x, y) for _ in range(LENGTH)]
            truths.append(truth(len(truths) + 1, places, iscrowd=int(rng.random() < 0.1), **more))
            for _ in range(rng.randint(0, 3)):
                places = [place(x, y) for _ in range(LENGTH)]
                results.append(result(rng.randint(1, 5) / 5, places, **more))
    return truths, results


def test_nothing_is_undefined(tmp_path):
    assert set(summary(tmp_path, [], []).values()) == {-1.0}
    assert set(summary(tmp_path, [], [result(0.5, HERE)]).values()) == {-1.0}


def test_no_results_are_zero(tmp_path):
    figures = summary(tmp_path, [truth(1, HERE)], [])
    assert figures['AP'] == figures['AP50'] == figures['AR1'] == figures['APs'] == 0.0
    assert figures['APm'] == figures['APl'] == figures['APso'] == -1.0


def test_a_perfect_result(tmp_path):
    figures = summary(tmp_path, [truth(1, HERE)], [result(0.1, HERE)])
    assert figures['AP'] == pytest.approx(1.0)
    assert figures['AR1'] == figures['AR100'] == 1.0


def test_an_iou_that_equals_a_threshold_counts(tmp_path):
    figures = summary(tmp_path, [truth(1, HERE)], [result(0.9, [FIRST, FIRST, None, None])])
    assert figures['AP50'] == pytest.approx(1.0)
    assert figures['AP75'] == 0.0
    assert figures['AP'] == pytest.approx(0.1)


def test_a_false_positive_before_the_true_one_halves_precision(tmp_path):
    truths, true = [truth(1, HERE)], result(0.5, HERE)
    assert summary(tmp_path, truths, [true, result(0.9, THERE)])['AP'] == pytest.approx(0.5)
    assert summary(tmp_path, truths, [true, result(0.2, THERE)])['AP'] == pytest.approx(1.0)


def test_the_file_decides_between_equal_scores(tmp_path):
    truths = [truth(1, HERE)]
    results = [result(0.5, HERE), result(0.5, THERE)]
    assert summary(tmp_path, truths, results)['AP'] == pytest.approx(1.0)
    assert summary(tmp_path, truths, results[::-1])['AP'] == pytest.approx(0.5)


def test_a_crowd_is_no_target_and_takes_any_number(tmp_path):
    truths = [truth(1, HERE), truth(2, THERE, iscrowd=1)]
    results = [result(0.9, THERE), result(0.8, THERE), result(0.7, HERE)]
    assert summary(tmp_path, truths, results)['AP'] == pytest.approx(1.0)


def test_areas_are_those_of_the_file(tmp_path):
    big = truth(1, HERE, areas=[300.0**2, None, 0, 300.0**2])
    figures = summary(tmp_path, [big], [result(0.9, HERE)])
    assert figures['APl'] == pytest.approx(1.0)
    assert figures['APs'] == figures['APm'] == -1.0
    assert mean_area_px([]) == mean_area_px([None, 0]) == 0.0
    assert mean_area_px([None, 4, 0, 8]) == 6.0


def test_ten_and_a_hundred_results_of_a_video_count(tmp_path):
    def found_after(wrong):
        results = [result(0.9, NOWHERE)] * wrong + [result(0.1, HERE)]
        figures = summary(tmp_path, [truth(1, HERE)], results)
        return [figures[name] for name in ('AR1', 'AR10', 'AR100')]

    assert found_after(0) == [1, 1, 1]
    assert found_after(9) == [0, 1, 1]
    assert found_after(99) == [0, 0, 1]
    assert found_after(100) == [0, 0, 0]


def test_results_of_unknown_categories_are_dropped(tmp_path):
    results = [result(0.9, HERE, category_id=9), result(0.5, HERE)]
    assert summary(tmp_path, [truth(1, HERE)], results)['AP'] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ('levels', 'score'),
    [
        ([], 0.0),
        ([None], 0.0),
        (['no_occlusion'], 0.0),
        (['severe_occlusion', None, 'no_occlusion'], 0.75),
        (['severe_occlusion', 'slight_occlusion', 'no_occlusion'], 0.5),
        (['slight_occlusion', 'no_occlusion', 'no_occlusion', 'no_occlusion'], 0.125),
    ],
)
def test_occlusion_is_the_mean_of_the_worse_half(levels, score):
    assert occlusion_score(levels) == score


def test_ap_by_occlusion(tmp_path):
    clear, heavy = ['no_occlusion'] * LENGTH, ['severe_occlusion'] * LENGTH
    truths = [truth(1, HERE, occlusion=clear), truth(2, THERE, occlusion=heavy)]
    figures = summary(tmp_path, truths, [result(0.9, HERE)])
    assert figures['APso'] == pytest.approx(1.0)
    assert figures['APmo'] == -1.0
    assert figures['APho'] == 0.0
    border = [truth(1, HERE, occlusion=['slight_occlusion'] * LENGTH)]
    figures = summary(tmp_path, border, [result(0.9, HERE)])  # 0.25 is in both ranges
    assert figures['APso'] == figures['APmo'] == pytest.approx(1.0)
    figures = summary(tmp_path, [truths[0], truth(2, THERE)], [])  # levels are not complete
    assert figures['APso'] == -1.0


@pytest.mark.parametrize('seed', range(8))
def test_properties_of_random_cases(tmp_path, seed):
    truths, entries = random_case(seed)
    annotations, results = load(tmp_path, data_set(truths, (1, 2, 3)), entries)
    figures = evaluate_ap(annotations, results).summary()

    videos = dict(reversed(annotations.videos.items()))
    turned = dataclasses.replace(annotations, videos=videos)
    assert evaluate_ap(turned, results).summary() == figures, 'order of the videos in the file'

    by_video = sorted(annotations.tracks, key=lambda track: -track.video_id)
    turned = dataclasses.replace(annotations, tracks=tuple(by_video))
    blocks = sorted(results, key=lambda entry: -entry.video_id)
    assert evaluate_ap(turned, blocks).summary() == figures, 'order of the videos of the tracks'

    scaled = [dataclasses.replace(entry, score=entry.score * 0.01 - 7) for entry in results]
    assert evaluate_ap(annotations, scaled).summary() == figures, 'scale of the scores'

    doubled = evaluate_ap(annotations, [*results, *results])
    assert doubled.summary()['AP'] <= figures['AP'] + 1e-12, 'copies never help precision'
    if (figures['AP'] >= 0) and (figures['AR100'] >= 0):
        assert doubled.summary()['AR100'] >= figures['AR100'], 'nor do they cost recall'

    low = [dataclasses.replace(entry, score=-1.0) for entry in results]
    later = evaluate_ap(annotations, [*results, *low])
    before, after = evaluate_ap(annotations, results).precision, later.precision
    is_reached = before > 0
    assert np.allclose(after[is_reached], before[is_reached]), 'what comes last changes nothing'
