# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of accuracy: what it compares, and when it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import accuracy

from vis_ros.evaluation.label_truth import annotations_of
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Annotations
from vis_ros.synth.config import CLASSES


def way(easy: float, crowded: float) -> dict[str, Any]:
    return {
        'easy': {'AP': easy, 'IDF1': 0.5, 'standard_error': 0.0025},
        'crowded': {'AP': crowded, 'IDF1': 0.5, 'standard_error': None},
    }


def test_a_way_may_differ_by_a_fifth_of_a_point() -> None:
    ways = {
        'float32/none': way(0.5, 0.2),
        'tf32/none': way(0.5015, 0.1985),
        'float16/none': way(0.5, 0.197),
    }
    found = dict(accuracy.verdicts(ways))
    assert list(found.values()) == [True, True, True, False]
    assert 'float16/none on crowded: AP 19.70, float32 20.00: -0.30' in found
    assert 'tf32/none on easy: AP 50.15, float32 50.00: +0.15 (standard error 0.25)' in found


def videos(count: int) -> tuple[list[list[ResultTrack]], Annotations]:
    """Return results that are the truth itself, of one object in each video."""
    mask = np.zeros((8, 8), np.int32)
    mask[2:6, 2:6] = 1
    truth = annotations_of([(mask[None], np.array([1]))] * count, CLASSES)
    tracks = [
        [ResultTrack(track.video_id, track.category_id, 0.9, track.masks)]
        for track in truth.tracks
    ]
    return tracks, truth


def test_equal_results_differ_by_nothing() -> None:
    tracks, truth = videos(6)
    assert accuracy.evaluated(tracks, truth) == {'AP': 1.0, 'IDF1': 1.0}
    assert accuracy.standard_error(tracks, tracks, truth) == 0
    assert accuracy.standard_error(tracks[:1], tracks[:1], truth) is None


def test_what_one_video_decides_is_uncertain() -> None:
    tracks, truth = videos(6)
    less = [[], *tracks[1:]]
    lost = accuracy.evaluated(tracks, truth)['AP'] - accuracy.evaluated(less, truth)['AP']
    error = accuracy.standard_error(less, tracks, truth)
    assert error == pytest.approx(lost, rel=0.1)  # of a mean, exactly as large as the mean


def test_more_videos_than_groups_are_all_left_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tracks, truth = videos(45)
    left_out = []

    def evaluated(own: Any, truth: Any, without: Any) -> dict[str, float]:
        left_out.extend(without)
        return {'AP': 0.5}

    monkeypatch.setattr(accuracy, 'evaluated', evaluated)
    assert accuracy.standard_error(tracks, tracks, truth) == 0
    assert sorted(left_out) == sorted([*range(1, 46)] * 2)


def test_each_way_follows_the_same_videos(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = []

    class Built:
        def __init__(self, accelerator: str) -> None:
            self.accelerator = accelerator

    def build(name: str, **options: Any) -> Built:
        built.append((options['precision'], options['accelerate']))
        return Built('none' if options['accelerate'] == 'tensorrt' else options['accelerate'])

    monkeypatch.setattr(accuracy, 'build_method', build)
    asked = {}

    def videos_of(name: str, count: int) -> Any:
        asked[name] = count
        return videos(2)

    monkeypatch.setattr(accuracy, 'videos_of', videos_of)
    monkeypatch.setattr(accuracy, 'follow', lambda method, number, shown: shown)
    line = ['--precisions', 'float16', '--json', str(tmp_path / 'a.json')]
    assert accuracy.main([*line, '--accelerate', 'none', 'compile', 'tensorrt']) == 0
    ways = json.loads((tmp_path / 'a.json').read_text())['ways']
    assert asked == {'easy': 30, 'crowded': 40}  # the whole held-out parts
    assert list(ways) == ['float32/none', 'float16/none', 'float16/compile']  # one fell back
    assert built[0] == ('float32', 'none') and len(built) == 4
    assert capsys.readouterr().out.count('pass') == 4
