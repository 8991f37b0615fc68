# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI's memory with 500 objects that come and go: sizes and ids, never how long it takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import iai_endless
import steps
from iai_endless import Crowd, build, stream
from steps import state_bytes

from vis_ros.methods import iai


def test_a_crowd_comes_and_goes() -> None:
    crowd, seen = Crowd(40), set()
    for _ in range(200):
        crowd.advance()
        cells = list(crowd.visible.values())
        assert len(cells) == len(set(cells)) <= 12
        seen |= set(crowd.visible)
    assert len(seen) == 40
    assert crowd.counts['appearances'] > 100


def test_500_objects_leave_nothing_behind() -> None:
    method, crowd = build('cpu'), Crowd(500, at_once=10, stay=4)  # more of them in less time
    size, before = None, iai.detect
    for count, step in enumerate(stream(method, crowd, 640)):
        assert len(step.result.tracks) <= 19
        assert size in (None, state_bytes(method, step.state))
        size = state_bytes(method, step.state)
        if count % 100 == 99:
            values = [v for v in step.state.network if v.is_floating_point()]
            assert all(value.isfinite().all() for value in values)
            assert max(value.abs().max() for value in values) < 100
    use = method.memory_use(step.state)
    assert len(crowd.last_id) == 500
    assert use['ids_given'] == len(crowd.owner) > 500  # long absences give new ones
    assert use['stored_frames'] == use['stored_frames_limit'] == 16
    assert crowd.counts['mixed'] == crowd.counts['repeated'] == 0
    assert crowd.counts['short_losses'] == 0 < crowd.counts['short_returns']
    assert iai.detect is before and not {'look', 'understand'} & set(vars(method._model))


def test_wrong_ids_are_counted() -> None:
    crowd = Crowd(3)
    crowd._name(0, 5)
    crowd._name(1, 5)  # that of another object
    crowd._name(1, 4)  # never seen, yet lower than one before
    assert (crowd.counts['mixed'], crowd.counts['repeated']) == (1, 1)


def figures(growth: float, sizes: list[int], **counts: int) -> dict[str, Any]:
    none = {'mixed': 0, 'repeated': 0, 'short_losses': 0}
    return {'growth': growth, 'state_bytes': sizes, 'counts': {**none, **counts}}


def test_bars() -> None:
    for found, expected in (
        (figures(1.0, [9]), [True] * 4),
        (figures(1.31, [9]), [False, True, True, True]),
        (figures(0.5, [9, 10]), [True, False, True, True]),
        (figures(1.0, [9], mixed=1), [True, True, False, True]),
        (figures(1.0, [9], repeated=1), [True, True, False, True]),
        (figures(1.0, [9], short_losses=1), [True, True, True, False]),
    ):
        assert [is_kept for _, is_kept in iai_endless.verdicts(found)] == expected


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, 'MAX_GROWTH', 1e9)  # time is not tested
    path = tmp_path / 'found.json'
    assert iai_endless.main(['--frames', '20', '--objects', '30', '--json', str(path)]) == 0
    assert 'FAIL' not in capsys.readouterr().out
    assert json.loads(path.read_text())['frames'] == 20
    with pytest.raises(SystemExit):
        iai_endless.main(['--frames', '9'])
    assert '--frames: expected 10 or more, got 9' in capsys.readouterr().err
