# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One copy up, one copy down: what a step of a method makes the host wait for, without a GPU."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import Case
from device_traffic import META, Traffic, traffic
from torch import Tensor

from vis_ros.methods import METHODS
from vis_ros.nn.maskprop import detector
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.transfer import download
from vis_ros.pipeline.build import build_method
from vis_ros.structures import Frame
from vis_ros.structures.options import build_config

HEIGHT, WIDTH = 90, 160
IMAGE = (HEIGHT, WIDTH, 3)
ENLARGED = (2 * HEIGHT, 2 * WIDTH, 3)


def frames(count: int) -> list[Frame]:
    image = np.random.default_rng(0).integers(0, 256, IMAGE, dtype=np.uint8)
    return [Frame(image, (n + 1) * 100_000_000, 'camera') for n in range(count)]


def on_meta(name: str, **options: Any):
    method = Case(name).build(**options)
    method._model.to(META)
    method.device = META
    return method


def after_the_first(name: str) -> Iterator[Traffic]:
    """Yield what each of some steps brings up and down; constants went up with the first one."""
    method = on_meta(name)
    state = method.init_state()
    first, *others = frames(4)
    with traffic():
        state, _ = method.step(state, first)
    for frame in others:
        with traffic() as counted:
            state, _ = method.step(state, frame)
        assert counted.waited == []
        yield counted


@pytest.mark.parametrize('name', ['rgnnvis', 'rgnnvis_pp'])
def test_rgnnvis_waits_once(name: str) -> None:
    for counted in after_the_first(name):
        assert counted.up == [IMAGE]
        assert len(counted.down) == 1, counted.down


def test_cameras_of_rgnnvis_wait_once_each() -> None:
    method = on_meta('rgnnvis')
    states = [method.init_state() for _ in range(3)]
    with traffic() as counted:
        method.step_many(states, [frames(1)[0]] * 3)
    assert counted.up == [IMAGE] * 3
    assert len(counted.down) == 3, counted.down


def test_iai_waits_for_identities_and_for_the_masks() -> None:
    for counted in after_the_first('iai'):
        assert len(counted.up) == 4, counted.up  # the picture, births, what is held, slots
        assert len(counted.down) == 2, counted.down


def test_ifr_waits_for_its_choice_and_for_the_masks() -> None:
    for counted in after_the_first('ifr'):
        assert counted.up[0] == IMAGE and len(counted.up) == 3, counted.up
        assert len(counted.down) == 2, counted.down


@pytest.mark.parametrize('association', ['edge', 'embedding', 'offset'])
def test_visstg_waits_for_the_pairs_and_for_the_results(
    association: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(  # all scores that come down are 0
        'vis_ros.nn.visstg.association.assign_greedy', lambda cost, most: [(0, 1), (2, 0)]
    )
    method = on_meta('visstg', **{'model.association': association})
    state = method.init_state()
    capacity = method.config.memory.capacity
    first, *others = frames(4)
    with traffic() as counted:
        state, _ = method.step(state, first)
    assert len(counted.down) == 1, counted.down  # no tracks, no pairs
    with traffic():
        state.has_tracks = True
        state, _ = method.step(state, others[0])  # more constants
    for frame in others[1:]:
        state.has_tracks = True
        with traffic() as counted:
            state, _ = method.step(state, frame)
        assert counted.up == [ENLARGED, (capacity,), (2,)]  # all matches, and the real ones
        assert counted.waited == []
        assert len(counted.down) == 2, counted.down
        assert not state.has_tracks  # it came down, as 0


def filled(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return what comes down as if all places for instances were taken."""
    host = download(tensors)
    for name in {'scores', 'masks'} & host.keys():
        host[name][:] = 1.0
    return host


MASKPROP: dict[str, tuple[dict[str, Any], int]] = {
    'plain': ({}, 2),  # what is in a frame, and how clips overlap
    'sampling': ({'model.sampling.enabled': True}, 2),
    'refined': ({'model.refinement.enabled': True}, 3),
    'boxes': ({'model.propagation.frame_masks': False}, 3),
}


@pytest.mark.parametrize('limit', [0, 5], ids=['nothing', 'something'])
@pytest.mark.parametrize(('options', 'downs'), MASKPROP.values(), ids=MASKPROP)
def test_maskprop_waits_for_what_is_there_and_for_whose_it_is(
    options: dict[str, Any], downs: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit:
        monkeypatch.setattr(detector, 'download', filled)
    few = {'past': 1, 'detections.limit': limit or 1, 'detections.proposals': 10}
    method = on_meta('maskprop', lookahead=1, **few, **options)
    state = method.init_state()
    first, *others = frames(4)
    with traffic():
        state, _ = method.step(state, first)
    for number, frame in enumerate(others, start=1):
        with traffic() as counted:
            state, (result,) = method.step(state, frame)
        assert counted.up == [(180, 320, 3)]  # the picture
        assert counted.waited == []
        assert len(counted.down) == downs, counted.down
        assert result.stamp_ns == number * 100_000_000
        assert [len(old.owners) for old in state.window.tracks] == [limit] * min(number, 2)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ('name', 'options', 'most'),
    [
        ('rgnnvis_pp', {'weights': 'synth_small'}, 1),
        ('iai', {'weights': 'synth_small_iai'}, 3),  # with the places of new tracks
        ('maskprop', {'weights': 'synth_small_maskprop'}, 2),
        ('visstg', {'detections.min_score': 0.0, 'tracking.birth_score': 0.0}, 2),
    ],
)
def test_a_gpu_says_the_same(name: str, options: dict[str, Any], most: int) -> None:
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    if 'weights' in options:
        method = build_method(name, device='cuda', **options)
    else:
        random = LoadedWeights({}, 'random', is_random=True)
        config = build_config(METHODS[name].Config, options)
        method = METHODS[name](config, weights=random, device='cuda')
    state = method.init_state()
    *others, last = frames(method.lag + 3)
    for frame in others:
        state, _ = method.step(state, frame)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            method.step(state, last)
        finally:
            torch.cuda.set_sync_debug_mode('default')
    waits = [str(each.message) for each in said if 'synchronizing' in str(each.message)]
    assert 1 <= len(waits) <= most, waits  # what is empty needs no copy


def test_what_makes_the_host_wait_is_counted() -> None:
    x = torch.zeros(2, 3, device=META)
    with torch.inference_mode(), traffic() as counted:
        torch.tensor([1.0], device=META)
        torch.ones(4).to(META)
        torch.ones(5).to(META, non_blocking=True)
        assert x.cpu().shape == (2, 3)
        with pytest.raises((RuntimeError, NotImplementedError)):
            bool(x.any())
    assert (counted.waited, counted.up, counted.down) == ([(1,), (4,)], [(5,)], [(2, 3)])
