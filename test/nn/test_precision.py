# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks in less than float32."""

import pytest
import torch
from torch import nn

from vis_ros.nn.precision import PRECISIONS, running_in

CPU = torch.device('cpu')
TYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


def tf32() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize('name', [*PRECISIONS, None])
def test_a_layer_runs_in_the_precision(name: str | None) -> None:
    layer, x = nn.Linear(3, 2), torch.rand(4, 3)
    with running_in(CPU, name):
        y = layer(x)
    assert y.dtype == TYPES.get(name or '', torch.float32)
    assert layer.weight.dtype == torch.float32
    assert torch.allclose(y.float(), layer(x), atol=0.02)
    assert layer(x).dtype == torch.float32


def test_tf32_is_allowed_only_meanwhile() -> None:
    before = tf32()
    with running_in(CPU, 'tf32'):
        assert tf32() == (True, True)
        with running_in(CPU, 'float32'):
            assert tf32() == (False, False)
        assert tf32() == (True, True)
        with running_in(CPU, None):
            assert tf32() == (True, True)
    assert tf32() == before
    with pytest.raises(KeyError), running_in(CPU, 'tf32'):
        raise KeyError
    assert tf32() == before


def test_an_unknown_precision_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="expected one of float32, .*, got 'int8'"),
        running_in(CPU, 'int8'),
    ):
        pass
