# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""After a GPU ran out of memory nothing of the failed frame is held any more."""

import weakref

import pytest
import torch

from vis_ros.pipeline.gpu_memory import free_gpu_memory


@pytest.fixture
def emptied(monkeypatch):
    """Return what is seen of the failed frame's tensors each time the cache is emptied."""
    seen = []
    monkeypatch.setattr(torch.cuda, 'empty_cache', lambda: seen.append(held() is not None))
    return seen


def held():
    """Return the tensor of the last failed step, if anything still holds it."""
    return _last[0]()


_last = [lambda: None]


def step(error):
    features = torch.zeros(1000)
    _last[0] = weakref.ref(features)
    raise error


def test_tensors_are_let_go_before_the_cache_is_emptied(emptied):
    with pytest.raises(torch.cuda.OutOfMemoryError) as info:
        step(torch.cuda.OutOfMemoryError('CUDA out of memory'))
    assert held() is not None  # the traceback holds it
    free_gpu_memory(info.value)
    assert emptied == [False]


@pytest.mark.parametrize('kind', [RuntimeError, ValueError, MemoryError, KeyboardInterrupt])
def test_other_errors_wait_for_no_device(emptied, kind):
    with pytest.raises(kind) as info:
        step(kind('another'))
    free_gpu_memory(info.value)
    assert not emptied
    assert held() is not None


@pytest.mark.gpu
def test_the_device_has_its_memory_back():
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    before = torch.cuda.memory_reserved()

    def take_all():
        kept = torch.empty(2**28, dtype=torch.uint8, device='cuda')
        return kept, torch.empty(2**50, dtype=torch.uint8, device='cuda')

    with pytest.raises(torch.cuda.OutOfMemoryError) as info:
        take_all()
    free_gpu_memory(info.value)
    assert torch.cuda.memory_reserved() <= before
