# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of MaskProp: what it runs and what it adds up, never how long that takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))

import maskprop_stages
import steps

from vis_ros.methods import maskprop
from vis_ros.nn import maskrcnn_fixed
from vis_ros.nn.maskprop import model as model_module
from vis_ros.nn.maskprop import perception
from vis_ros.nn.maskprop.config import MaskPropSizes

TINY = MaskPropSizes('slim18', 64, 96, 8, 8, 16, 16, 8, 32, 8, 16)
STAGES = (
    'scaling',
    'normalising, backbone',
    'FPN',
    'RPN, boxes',
    'masks',
    'masks in the image',
    'propagation',
    'clip matching',
    'memory, packing',
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)
    short = {'lookahead': 1, 'past': 1, 'detections.proposals': 20}
    opened = {**maskprop_stages.steps.OPEN['maskprop'], **short}
    monkeypatch.setattr(maskprop_stages.steps, 'OPEN', {'maskprop': opened})


@pytest.mark.parametrize('form', ['plain', 'strong'])
def test_every_step_has_all_stages_and_nothing_stays_patched(form: str) -> None:
    method = maskprop_stages.build('small', 'cpu', form, 5)
    before = perception.scaled, perception.pasted_masks, maskprop.identity_scores
    found = maskprop_stages.stages_of(method, 2)
    more = set() if form == 'plain' else {'supporting frames', 'refinement'}
    assert tuple(stage for stage in found if stage not in more) == STAGES
    assert set(found) == {*STAGES, *more} and all(value >= 0 for value in found.values())
    assert before == (perception.scaled, perception.pasted_masks, maskprop.identity_scores)
    assert 'detect' not in vars(method._model.detector) and 'refine' not in vars(method._model)


@pytest.mark.parametrize(('form', 'is_fixed'), [('plain', True), ('cascade', False)])
def test_boxes_of_a_gpu_end_where_they_have_a_fixed_size(form: str, is_fixed: bool) -> None:
    method = maskprop_stages.build('small', 'cpu', form, 1)
    method.device = torch.device('meta')
    (owner,) = (o for o, _, stage in maskprop_stages.places_of(method) if stage == 'RPN, boxes')
    assert (owner is maskrcnn_fixed) == is_fixed


@pytest.mark.parametrize('count', maskprop_stages.COUNTS)
def test_every_frame_has_so_many_instances(count: int) -> None:
    method = maskprop_stages.build('small', 'cpu', 'plain', count)
    state = method.init_state()
    with torch.inference_mode():
        for frame in maskprop_stages.frames(method, 3):
            state, _ = method.step(state, frame)
    assert [len(old.owners) for old in state.window.tracks] == [count, count]


def test_a_step_that_leaves_a_stage_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    method = maskprop_stages.build('small', 'cpu', 'plain', 1)
    monkeypatch.setattr(method, 'step', lambda state, frame: (state, []))
    with pytest.raises(RuntimeError, match='stages: expected'):
        maskprop_stages.stages_of(method, 1)


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, 'MAX_GROWTH', 1e9)  # time is not tested
    words = ['--repetitions', '1', '--frames', '20', '--form', 'sampling']
    assert maskprop_stages.main([*words, '--json', str(tmp_path / 'found.json')]) == 0
    found = json.loads((tmp_path / 'found.json').read_text())
    assert set(found['stages_ms']) == {'1', '5', '20'}
    assert found['against_one']['1'] == 1.0
    assert len(found['long_stream']['state_bytes']) == 1
    assert found['long_stream']['use']['support_frames'] == 3
    assert 'expected one size' in capsys.readouterr().out


@pytest.mark.parametrize('words', [['--frames', '19'], ['--form', 'huge'], ['--threads', '0']])
def test_bad_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        maskprop_stages.main(words)
    assert error.value.code == 2
    assert words[0] in capsys.readouterr().err
