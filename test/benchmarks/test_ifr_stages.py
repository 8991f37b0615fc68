# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of IFR: what it runs and what it adds up, never how long that takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import ifr_stages

from vis_ros.methods import ifr
from vis_ros.nn.ifr import IfrSizes
from vis_ros.nn.ifr import model as model_module

TINY = IfrSizes('slim18', None, 64, 96, 32, 1, 32, 2, 32, 4, 6)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)


def test_every_query_is_a_track_and_nothing_stays_patched() -> None:
    method = ifr_stages.build('small', 'cpu')
    before = ifr.prepare, ifr.shown
    found = ifr_stages.stages_of(method, 2, 0)
    assert tuple(found) == ifr_stages.STAGES and all(value >= 0 for value in found.values())
    assert before == (ifr.prepare, ifr.shown) and 'see' not in vars(method._model)
    state = method.init_state()
    for frame in ifr_stages.frames(method, 2):
        state, (result,) = method.step(state, frame)
    assert sum(track.is_observed for track in result.tracks) == TINY.queries


def test_a_step_that_leaves_a_stage_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    method = ifr_stages.build('small', 'cpu')
    monkeypatch.setattr(method, 'step', lambda state, frame: (state, []))
    with pytest.raises(RuntimeError, match='stages: expected'):
        ifr_stages.stages_of(method, 1, 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = ['--repetitions', '1', '--warm-up', '0', '--video', '3', '--rounds', '1']
    ifr_stages.main([*counts, '--frames', '20', '--json', str(tmp_path / 'found.json')])
    found = json.loads((tmp_path / 'found.json').read_text())
    assert set(found['stages_ms']) == set(ifr_stages.STAGES)
    assert set(found['against_stream']) == set(ifr_stages.MODES)
    assert found['against_stream']['stream'] == 1.0
    assert found['long_stream']['use']['queries_in_use'] == TINY.queries
    assert len(found['long_stream']['state_bytes']) == 1
    assert 'expected one size' in capsys.readouterr().out


@pytest.mark.parametrize('words', [['--frames', '19'], ['--network', 'huge'], ['--rounds', '0']])
def test_bad_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        ifr_stages.main(words)
    assert error.value.code == 2
    assert words[0] in capsys.readouterr().err
