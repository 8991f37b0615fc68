# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded calls: what is recorded when, and whose results they are; on a GPU for real."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from dense_parts import ALL, Parts
from recordings import Recorder
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from vis_ros.nn import cuda_graphs
from vis_ros.nn.acceleration import accelerate
from vis_ros.nn.cuda_graphs import RecordedCalls
from vis_ros.nn.inference import for_inference
from vis_ros.nn.precision import running_in

CPU = torch.device('cpu')


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(cuda_graphs, 'record', made)
    return made


def double(x: Tensor, more: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    return 2 * x, [x + more['y']]


def test_a_size_is_recorded_once(recorder: Recorder) -> None:
    calls = RecordedCalls(double)
    for size in (3, 4, 3, 3, 4):
        x, y = torch.rand(size), torch.rand(size)
        twice, (total,) = calls(x, {'y': y})
        assert torch.equal(twice, 2 * x) and torch.equal(total, x + y)
    assert recorder.made == [(3,), (4,)]
    assert recorder.replays == 5


def test_results_stay_when_the_next_come(recorder: Recorder) -> None:
    calls = RecordedCalls(torch.neg)
    first = calls(torch.ones(2))
    calls(torch.zeros(2))
    assert torch.equal(first, -torch.ones(2))
    assert len(recorder.made) == 1


def test_types_nesting_and_precision_are_told_apart(recorder: Recorder) -> None:
    calls = RecordedCalls(lambda *args: [x.float() for x in tree_leaves(args)])
    one = torch.ones(2)
    calls(one, one)
    calls([one, one])
    calls(one.double(), one)
    assert len(recorder.made) == 3
    with running_in(CPU, 'bfloat16'):
        calls(one, one)
    with running_in(CPU, 'tf32'):
        calls(one, one)
    calls(one, one)
    assert len(recorder.made) == 5


def test_numbers_and_options_have_recordings_of_their_own(recorder: Recorder) -> None:
    calls = RecordedCalls(lambda x, size, *, by: x.expand(size) * by)
    one = torch.ones(1)
    assert calls(one, (2,), by=3).tolist() == [3, 3]
    assert calls(one, (2,), by=4).tolist() == [4, 4]
    assert calls(2 * one, (2,), by=3).tolist() == [6, 6]
    assert calls(one, (1,), by=3).tolist() == [3]
    assert len(recorder.made) == 3


def test_the_recordings_used_last_are_kept(recorder: Recorder) -> None:
    calls = RecordedCalls(torch.neg, limit=2)
    for size in (1, 2, 1, 3, 1, 2):
        calls(torch.ones(size))
    assert [shape[0] for shape in recorder.made] == [1, 2, 3, 2]


def gpu() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    return torch.device('cuda')


@pytest.mark.parametrize('precision', ['float32', 'float16'])
@pytest.mark.parametrize('parts', ALL)
def test_networks_give_the_same_on_a_gpu(parts: Callable[[], Parts], precision: str) -> None:
    device = gpu()
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(0)
        for name, (module, argument) in parts().items():
            given = tree_map(lambda x: x.to(device), argument)
            holder = nn.ModuleDict({'part': for_inference(module, device)})
            with running_in(device, precision):
                expected = tree_leaves(holder['part'](given))
                assert accelerate(holder, ['part'], 'graphs', device) == 'graphs'
                for _ in range(2):
                    found = tree_leaves(holder['part'](given))
            for mine, theirs in zip(found, expected, strict=True):
                torch.testing.assert_close(
                    mine, theirs, rtol=1e-3, atol=1e-3, msg=lambda m, n=name: f'{n}: {m}'
                )
