# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Methods and detectors whose dense parts are compiled do what they did before."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import lively_iai
import lively_weights
import numpy as np
import pytest
import torch
from coloured_world import Case, run, street
from recordings import Recorder
from torch import nn

from vis_ros.detectors import DETECTORS
from vis_ros.methods import METHODS
from vis_ros.methods._learned import NetworkMethod
from vis_ros.nn import acceleration, cuda_graphs
from vis_ros.nn.weights import LoadedWeights
from vis_ros.structures.options import build_config, options_of, replace_config

NETWORKS = [name for name, each in METHODS.items() if issubclass(each, NetworkMethod)]
FORMS = {
    'iai': [{}, {'model.detector': 'maskrcnn'}],
    'visstg': [{}, {'model.branches': 'separate'}],
}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Let parts be traced as for a compiler, each in one piece, and run as they are.

    Returns:
        Names of the parts that ran so.
    """
    ran: set[str] = set()

    def settings(how: str, part: nn.Module, name: str, device: torch.device) -> dict[str, Any]:
        def backend(graph: Any, inputs: Any) -> Any:
            ran.add(name)
            return graph.forward

        return {'backend': backend, 'fullgraph': True}

    monkeypatch.setattr(acceleration, '_obstacle', lambda how, device: '')
    monkeypatch.setattr(acceleration, '_settings', settings)
    torch._dynamo.reset()
    return ran


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Let CUDA graphs be had, as stand-ins."""
    made = Recorder()
    monkeypatch.setattr(cuda_graphs, 'record', made)
    monkeypatch.setattr(acceleration, '_obstacle', lambda how, device: '')
    return made


@pytest.mark.parametrize('name', NETWORKS)
def test_each_part_is_there_in_some_form(name: str) -> None:
    wanted, known = set[str](), set[str]()
    for options in FORMS.get(name, [{}]):
        method: Any = Case(name, tuple(options.items())).build()
        wanted |= set(method.dense)
        known |= set(dict(method._model.named_modules()))
    assert wanted <= known


@pytest.mark.parametrize('name', sorted(set(NETWORKS) - {'rgnnvis'}))
def test_results_are_the_same(name: str, traced: set[str]) -> None:
    frames = street(4)
    expected = run(Case(name).build(), frames)
    method = Case(name).build(accelerate='compile')
    assert method.accelerator == 'compile'  # type: ignore[attr-defined]
    assert run(method, frames) == expected
    assert traced


@pytest.mark.parametrize('name', sorted(set(NETWORKS) - {'rgnnvis'}))
def test_results_of_recordings_are_the_same(name: str, recorder: Recorder) -> None:
    frames = street(4)
    expected = run(Case(name).build(), frames)
    assert run(Case(name).build(accelerate='graphs'), frames) == expected
    assert recorder.replays >= len(frames)
    assert len(recorder.made) < recorder.replays


def test_a_recorded_tracker_follows_options_and_restores(recorder: Recorder) -> None:
    def results(**options: Any) -> list[Any]:
        cls = METHODS['rgnnvis']
        config = build_config(cls.Config, options)
        method: Any = cls(config, weights=lively_weights.loaded(), device='cpu')
        state, found = method.init_state(), []
        for index, frame in enumerate(lively_weights.frames(9)):
            if index == 3:
                method.config = replace_config(method.config, {'min_score': 0.3})
            if index == 6:
                state = method.restore(method.save(state))
            state, (result,) = method.step(state, frame)
            found.append(result)
        return found

    expected = results()
    assert len({track.track_id for result in expected for track in result.tracks}) > 4
    assert results(accelerate='graphs') == expected
    assert len(recorder.made) == 4  # detector, selection, tracker with each least score
    assert recorder.replays == 9 * 2 + 8  # the frame after the restore goes without


@pytest.mark.parametrize('options', [{}, {'detector': 'maskrcnn'}, {'association': False}])
def test_recorded_identities_are_the_same(options: dict[str, Any], recorder: Recorder) -> None:
    def results(**given: Any) -> list[Any]:
        cls = METHODS['iai']
        config = build_config(cls.Config, given)
        return run(cls(config, weights=lively_iai.loaded(options), device='cpu'), video)

    video = lively_weights.frames(6)
    expected = results()
    assert len({track.track_id for result in expected for track in result.tracks}) > 9
    assert results(accelerate='graphs') == expected
    assert recorder.replays > 6 * 3


def test_what_is_recorded_does_not_depend_on_what_is_seen(recorder: Recorder) -> None:
    method: Any = Case('iai', (('model.detector', 'maskrcnn'),)).build(accelerate='graphs')
    run(method, street(6))
    # the first frame, which has no memory, is recorded apart from the others
    assert len(recorder.made) == len(method.dense) + 2 * len(method.recorded) == 7


@pytest.mark.parametrize('name', ['deepsort', 'rgnnvis_pp'])
def test_a_memory_goes_on_with_another_accelerator(name: str) -> None:
    key = 'detectors.yolact.accelerate' if name == 'deepsort' else 'accelerate'
    plain = Case(name).build()
    snapshot = plain.save(plain.init_state())
    with pytest.warns(acceleration.AccelerationWarning) if name != 'deepsort' else nullcontext():
        other = Case(name).build(**{key: 'tensorrt'})
    other.restore(snapshot)


def test_the_detector_is_compiled_whole(traced: set[str]) -> None:
    config = build_config(DETECTORS['yolact'].Config, {'accelerate': 'compile'})
    random = LoadedWeights({}, 'random', is_random=True)
    detector = DETECTORS['yolact'](config, weights=random, device='cpu')
    detector.detect(detector.init_state(), street(1)[0])
    assert traced == {''}


@pytest.mark.parametrize('precision', ['bfloat16', 'float16', 'tf32'])
def test_mask_rcnns_run_in_other_precisions(precision: str) -> None:
    frames = street(2)
    assert len(run(Case('maskprop').build(precision=precision), frames)) == 2
    config = build_config(DETECTORS['maskrcnn'].Config, {'precision': precision, 'min_size': 64})
    random = LoadedWeights({}, 'random', is_random=True)
    detector = DETECTORS['maskrcnn'](config, weights=random, device='cpu')
    _, found = detector.detect(detector.init_state(), frames[0])
    assert found.features.dtype == found.boxes.dtype == np.float32


@pytest.mark.parametrize('name', METHODS)
def test_every_network_can_be_accelerated(name: str) -> None:
    names = {item.name.rpartition('.')[2] for item in options_of(METHODS[name].Config)}
    assert {'accelerate', 'precision'} <= names
