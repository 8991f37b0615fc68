# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tensors that are made ahead of time, on a CPU and on a GPU."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from vis_ros.ops.ahead import Ahead
from vis_ros.ops.transfer import upload

CPU = torch.device('cpu')


def test_it_is_made_at_once_and_once():
    calls = []
    ahead = Ahead(lambda: calls.append(1) or {'x': torch.arange(3)}, CPU)
    assert calls == [1]
    assert ahead.take() is ahead.take() and ahead.take()['x'].tolist() == [0, 1, 2]
    assert calls == [1]


def test_what_cannot_be_made_says_so_at_once():
    with pytest.raises(ZeroDivisionError):
        Ahead(lambda: 1 // 0, CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_on_a_gpu_it_comes_in_time_and_its_memory_is_kept():
    """While the device is busy with other work, hundreds of pictures come from another thread."""
    device = torch.device('cuda')
    pictures = [np.full((720, 1280, 3), n % 251, np.uint8) for n in range(300)]
    heavy = torch.randn(4096, 4096, device=device)

    def bring(picture: np.ndarray) -> Ahead[list[torch.Tensor]]:
        return Ahead(lambda: [upload(picture, device).float().mean(dim=(0, 1))], device)

    means = []
    with ThreadPoolExecutor(1) as thread:
        for ahead in thread.map(bring, pictures):
            heavy = heavy @ heavy.T / 4096
            (mean,) = ahead.take()
            means.append(mean * 1.0)
            del ahead, mean
    found = torch.stack(means).cpu()
    torch.testing.assert_close(found, torch.tensor([[n % 251.0] * 3 for n in range(300)]))
