# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stages of IAI and VisSTG: what is run and what is added up, never how long that takes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import method_stages
import steps
from method_stages import PLANS, TRACKS, build

TINY = (64, 96)


@pytest.mark.parametrize('name', PLANS)
def test_each_step_goes_through_all_stages(name: str) -> None:
    method = build(name, 'small', 'cpu', TINY)
    found = method_stages.stages_of(name, method, 1, 0)
    assert tuple(found) == PLANS[name].stages
    assert all(value >= 0 for value in found.values())
    assert not {'_match', '_assign', '_claim'} & set(vars(method))  # nothing stays patched
    assert 'propagate' not in vars(method._model)


def test_ten_tracks_go_on_in_each_step_of_visstg() -> None:
    method = build('visstg', 'small', 'cpu', TINY)
    state, births = method.init_state(), []
    claim = state.memory.claim

    def claimed(*given: Any) -> Any:
        born = claim(*given)
        births.append(int((born >= 0).sum()))
        return born

    state.memory.claim = claimed
    with PLANS['visstg'].steadied(method):
        for frame in method_stages.frames(method, 4):
            state, _ = method.step(state, frame)
            assert method.memory_use(state)['tracks'] == TRACKS
    assert births == [TRACKS, 0, 0, 0]


def test_fewer_tracks_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = PLANS['visstg']
    few = replace(plan, options={**plan.options, 'detections.limit': TRACKS - 1})
    monkeypatch.setattr(method_stages, 'PLANS', {'visstg': few})
    method = build('visstg', 'small', 'cpu', TINY)
    with pytest.raises(RuntimeError, match='expected 10 tracks, got 9'):
        method_stages.stages_of('visstg', method, 1, 0)


def figures(growth: float, sizes: list[int], graph: float = 0.0) -> dict[str, Any]:
    spans = {'graph': graph, 'warp': 10.0, 'masks': 100.0 - graph - 10.0}
    return {'stages_ms': spans, 'long_stream': {'growth': growth, 'state_bytes': sizes}}


def test_bars() -> None:
    for found, expected in (
        (figures(1.0, [9]), [True, True, True]),
        (figures(1.31, [9]), [False, True, True]),
        (figures(0.5, [9, 10]), [True, False, True]),
        (figures(1.0, [9], 10.0), [True, True, True]),
        (figures(1.0, [9], 10.5), [True, True, False]),
    ):
        assert [kept for _, kept in method_stages.verdicts('visstg', found)] == expected
        assert [kept for _, kept in method_stages.verdicts('iai', found)] == expected[:2]


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method_stages, 'SMALL_PICTURE', TINY)
    monkeypatch.setattr(method_stages, 'MAX_SHARE', 1.0)  # time is not tested
    monkeypatch.setattr(steps, 'MAX_GROWTH', 1e9)
    path = tmp_path / 'found.json'
    words = ['visstg', '--repetitions', '1', '--warm-up', '0', '--frames', '20']
    assert method_stages.main([*words, '--json', str(path)]) == 0
    found = json.loads(path.read_text())
    assert found['long_stream']['use']['tracks'] == TRACKS
    assert len(found['long_stream']['state_bytes']) == 1
    assert 'expected one size' in capsys.readouterr().out


@pytest.mark.parametrize(
    'words', [['visstg', '--frames', '19'], ['iai', '--network', 'huge'], ['rgnnvis']]
)
def test_bad_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        method_stages.main(words)
    assert error.value.code == 2
    assert words[-1] in capsys.readouterr().err
