# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of streams without an end: what it does, never how long that takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import endless
from endless import Camera, Report, Stream

GIVEN = ['iou', '--early', '5', '--late', '15', '--pairs', '4', '--scene', '6', '--picture']


def test_it_writes_what_it_measured(tmp_path: Path) -> None:
    (tmp_path / 'endless.json').write_text(json.dumps({'methods': {'other': {'ratio': 1.0}}}))
    endless.main([*GIVEN, '48', '64', '--into', str(tmp_path)])
    found = json.loads((tmp_path / 'endless.json').read_text())['methods']
    assert found['other'] == {'ratio': 1.0}
    one = found['iou']
    assert (one['after'], one['pairs'], one['picture']) == ([5, 15], 4, [48, 64])
    for name in ('early', 'late'):
        assert one[name]['ms'] > 0 and one[name]['resident_bytes'] > 0
    assert one['ratio'] > 0


def test_figures_are_of_pairs() -> None:
    report = Report(9.0, 100, 7, 1000)
    times = {'early': [1.0, 10.0, 2.0], 'late': [1.5, 12.0, 2.0]}
    found = endless.figures(times, {'early': report, 'late': report._replace(highest_id=70)})
    assert (found['early']['ms'], found['late']['ms'], found['ratio']) == (2.0, 2.0, 1.2)
    assert (found['early']['highest_id'], found['late']['highest_id']) == (7, 70)


def test_the_bar() -> None:
    assert endless.bar_of('iou', {'after': [1, 2], 'ratio': 1.02})[1]
    assert not endless.bar_of('iou', {'after': [1, 2], 'ratio': 1.021})[1]


def test_both_streams_come_to_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    class Method:
        device = None

        def init_state(self) -> None:
            return None

        def step(self, state: None, frame: endless.Frame) -> tuple[None, list[object]]:
            seen.append(frame.image)
            return state, []

    class Pipe:
        def __init__(self, *counts: int) -> None:
            self._counts = list(counts)

        def recv(self) -> int:
            return self._counts.pop(0)

        def send(self, report: Report) -> None:
            pass

    monkeypatch.setattr(endless, 'build_method', lambda *_, **__: Method())
    monkeypatch.setattr(endless.steps, 'state_bytes', lambda *_: 0)
    camera, next_ones = Camera(48, 64, 4), []
    for count in (3, 13):
        endless.stream('iou', 'cpu', camera, -count % 4, Pipe(count, 1, 0))  # type: ignore[arg-type]
        next_ones.append(seen[-1])
    assert np.array_equal(*next_ones)
    assert not np.array_equal(next_ones[0], seen[-2])


def test_a_stream_that_dies_is_no_endless_wait() -> None:
    broken = Stream('nobody', 'cpu', Camera(48, 64, 2), 0)
    broken.begin(1)
    with pytest.raises(RuntimeError, match='died'):
        broken.report()


@pytest.mark.parametrize('text', [['nobody'], ['--early', '0'], ['--pairs', '0']])
def test_bad_arguments(text: list[str]) -> None:
    with pytest.raises(SystemExit):
        endless.arguments(text)
