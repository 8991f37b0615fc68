# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks in less than float32."""

import pytest
import torch
from torch import nn

from vis_ros.nn.precision import PRECISIONS, autocast


@pytest.mark.parametrize('name', PRECISIONS)
def test_a_layer_runs_in_the_precision(name: str) -> None:
    layer, x = nn.Linear(3, 2), torch.rand(4, 3)
    with autocast(x.device, PRECISIONS[name]):
        y = layer(x)
    assert y.dtype == PRECISIONS[name] and layer.weight.dtype == torch.float32
    assert torch.allclose(y.float(), layer(x), atol=0.02)
    assert layer(x).dtype == torch.float32
