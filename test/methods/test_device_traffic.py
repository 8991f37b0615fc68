# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One copy up, one copy down: what a step of a method makes the host wait for, without a GPU."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import Case
from device_traffic import META, traffic
from torch import Tensor

from vis_ros.nn.maskprop import detector
from vis_ros.ops.transfer import download
from vis_ros.pipeline.build import build_method
from vis_ros.structures import Frame

HEIGHT, WIDTH = 90, 160
IMAGE = (HEIGHT, WIDTH, 3)


def frames(count: int) -> list[Frame]:
    image = np.random.default_rng(0).integers(0, 256, IMAGE, dtype=np.uint8)
    return [Frame(image, (n + 1) * 100_000_000, 'camera') for n in range(count)]


def on_meta(name: str, **options: Any):
    method = Case(name).build(**options)
    method._model.to(META)
    method.device = META
    return method


@pytest.mark.parametrize('name', ['rgnnvis', 'rgnnvis_pp'])
def test_rgnnvis_waits_once(name: str) -> None:
    method = on_meta(name)
    state = method.init_state()
    first, *others = frames(3)
    with traffic():
        state, _ = method.step(state, first)  # constants go up with the first
    for frame in others:
        with traffic() as counted:
            state, _ = method.step(state, frame)
        assert counted.up == [IMAGE]
        assert counted.waited == []
        assert len(counted.down) == 1, counted.down


def test_cameras_of_rgnnvis_wait_once_each() -> None:
    method = on_meta('rgnnvis')
    states = [method.init_state() for _ in range(3)]
    with traffic() as counted:
        method.step_many(states, [frames(1)[0]] * 3)
    assert counted.up == [IMAGE] * 3
    assert len(counted.down) == 3, counted.down


def test_ifr_waits_for_its_choice_and_for_the_masks() -> None:
    method = on_meta('ifr')
    state = method.init_state()
    first, *others = frames(4)
    with traffic():
        state, _ = method.step(state, first)
    for frame in others:
        with traffic() as counted:
            state, _ = method.step(state, frame)
        assert counted.up[0] == IMAGE and len(counted.up) == 3, counted.up
        assert counted.waited == []
        assert len(counted.down) == 2, counted.down


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
    ('name', 'weights', 'most'),
    [('rgnnvis_pp', 'synth_small', 1), ('maskprop', 'synth_small_maskprop', 2)],
)
def test_a_gpu_says_the_same(name: str, weights: str, most: int) -> None:
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    method = build_method(name, weights=weights, device='cuda')
    state = method.init_state()
    *first, last = frames(method.lag + 2)
    for frame in first:
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
