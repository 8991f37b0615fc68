# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Association beside other trackers: detections, figures and what is missing, never the time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import association
from association import Moment, available, crowd, follow, quality
from trackers import HEIGHT, PACKAGES, TRACKERS, WIDTH, Found

from vis_ros.ops.boxes import iou_matrix


class FirstOverlap:
    """Gives a box the id of the last one that it overlaps most, or a new id."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self.known: dict[int, np.ndarray] = {}

    def ids(self, boxes: Any) -> list[int]:
        found = []
        for box in np.reshape(boxes, (-1, 4)):
            ids = [each for each in self.known if each not in found]
            ious = iou_matrix(np.array([box]), np.reshape([self.known[i] for i in ids], (-1, 4)))
            is_known = ious.max(initial=0.0) > 0.3
            found.append(ids[int(ious.argmax())] if is_known else len(self.known))
            self.known[found[-1]] = box
        return found


class Motpy(FirstOverlap):
    def step(self, found: list[Any]) -> list[Any]:
        boxes = [each.box for each in found]
        pairs = zip(self.ids(boxes), boxes, strict=True)
        return [SimpleNamespace(id=f'uuid {k}', box=box) for k, box in pairs]


class Norfair(FirstOverlap):
    """Reports all that it ever saw, as norfair does for some frames."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__()
        self.tracks: dict[int, Any] = {}

    def update(self, found: list[Any]) -> list[Any]:
        for k, each in zip(self.ids([each.points for each in found]), found, strict=True):
            self.tracks[k] = SimpleNamespace(id=k, estimate=each.points, last_detection=each)
        return list(self.tracks.values())


class ByteTrack(FirstOverlap):
    def update_with_detections(self, found: Any) -> Any:
        ids = np.array(self.ids(found.xyxy), np.int64)
        return SimpleNamespace(tracker_id=ids, xyxy=found.xyxy)


def norfair_detection(points: np.ndarray, scores: np.ndarray) -> Any:
    assert points.shape == (2, 2) and scores.shape == (2,)
    return SimpleNamespace(points=points, scores=scores)


STAND_INS = {
    'motpy': {'MultiObjectTracker': Motpy, 'Detection': SimpleNamespace},
    'norfair': {'Tracker': Norfair, 'Detection': norfair_detection},
    'supervision': {'ByteTrack': ByteTrack, 'Detections': SimpleNamespace},
}


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put stand-ins where the packages would be."""
    for name, parts in STAND_INS.items():
        module = ModuleType(name)
        vars(module).update(parts)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PACKAGES.values():
        monkeypatch.setitem(sys.modules, name, None)


def test_a_crowd() -> None:
    moments = list(crowd(40, 200))
    again = list(crowd(40, 200))
    seen = np.zeros(40)
    for moment, other in zip(moments, again, strict=True):
        assert np.array_equal(moment.found.boxes, other.found.boxes)
        assert len(moment.who) == len(set(moment.who)) == len(moment.found.scores)
        assert moment.boxes.min() >= 0
        assert moment.boxes[:, 2].max() <= WIDTH and moment.boxes[:, 3].max() <= HEIGHT
        assert np.abs(moment.found.boxes - moment.boxes).max() < 6
        seen[moment.who] += 1
    assert 0.9 < seen.mean() / 200 < 0.98
    walked = [np.zeros((0, 4)), *(m.boxes[m.who == 3] for m in moments)]
    assert np.ptp(np.concatenate(walked)[:, 0]) > 50


@pytest.mark.usefixtures('others')
@pytest.mark.parametrize('name', TRACKERS)
def test_two_that_walk_apart_keep_their_ids(name: str) -> None:
    tracker = TRACKERS[name](2)
    boxes = np.array([[100, 100, 140, 160], [600, 300, 650, 350]], np.float32)
    seen: list[set[Any]] = []
    for index in range(12):
        now = boxes + np.array([[2], [-2]], np.float32) * index
        now = now[::-1] if index % 2 else now
        now = now[:0] if index == 9 else now  # an empty frame
        found = Found(index, now, np.full(len(now), 0.9, np.float32))
        shown = tracker.show(tracker.step(tracker.take(found)))
        assert len(shown) == len(now)
        for _, box in shown:
            assert iou_matrix(np.array([box], np.float32), now).max() > 0.8
        seen.append({each for each, _ in shown})
    assert seen[0] == seen[8] == seen[11] and len(seen[0]) == 2


def test_more_objects_than_a_memory_has_by_default() -> None:
    moments = list(crowd(100, 4))
    for name in ('iou', 'deepsort'):
        _, shown = follow({name: TRACKERS[name](100)}, moments)[name]
        assert [len(each) for each in shown] == [len(moment.who) for moment in moments]


def moment(index: int, *who: int) -> Moment:
    boxes = np.array([[100 * k, 0, 100 * k + 50, 50] for k in who], np.float32).reshape(-1, 4)
    found = Found(index, boxes, np.ones(len(who), np.float32))
    return Moment(found, np.array(who, np.int64), boxes)


def test_what_is_wrong_is_counted() -> None:
    first, second = [0, 0, 50, 50], [100, 0, 150, 50]
    moments = [moment(0, 1, 0), moment(1, 0, 1), moment(2, 0), moment(3)]
    right = [[('a', first), ('b', second)], [('b', second), ('a', first)], [('a', first)], []]
    assert quality(moments, right) == {'switches': 0, 'mota': 1.0}
    swapped = [right[0], [('a', second), ('b', first)], [('b', first)], []]
    assert quality(moments, swapped) == {'switches': 2, 'mota': 0.6}
    elsewhere = [right[0], right[1], [('a', second)], []]  # a miss and a false one
    assert quality(moments, elsewhere) == {'switches': 0, 'mota': 0.6}


@pytest.mark.usefixtures('others')
def test_all_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ['--objects', '1', '4', '--frames', '8', '--into', str(tmp_path / 'performance')]
    assert association.main([*given, '--json', str(tmp_path / 'found.json')]) == 0
    text = (tmp_path / 'performance' / 'association.json').read_text()
    assert text == (tmp_path / 'found.json').read_text()
    stored = json.loads(text)
    assert list(stored['figures']) == ['1', '4'] and stored['missing'] == {}
    assert set(stored['packages']) == set(PACKAGES)
    for figures in stored['figures'].values():
        assert list(figures) == list(TRACKERS)
        assert figures['iou']['ratio'] == 1.0
        assert all(each['mota'] == 1.0 and each['switches'] == 0 for each in figures.values())
    assert 'skipped' not in capsys.readouterr().out


@pytest.mark.usefixtures('no_others')
def test_what_is_missing_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    trackers, missing = available(1)
    assert list(trackers) == ['iou', 'deepsort'] and set(missing) == set(PACKAGES)
    stored = association.document([2], 3)
    assert list(stored['figures']['2']) == ['iou', 'deepsort'] and stored['packages'] == {}
    out = capsys.readouterr().out
    assert all(f'{name}: skipped: ' in out for name in PACKAGES)


def test_wrong_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    for given, words in (
        (['--frames', '0'], '--frames: expected 1 or more, got 0'),
        (['--objects', '3', '0'], '--objects: expected 1 or more, got 0'),
    ):
        with pytest.raises(SystemExit):
            association.main(given)
        assert words in capsys.readouterr().err
