# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network that was made ready to run gives what it gave before."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from dense_parts import ALL, Parts
from torch import nn
from torch.utils._pytree import tree_leaves
from torchvision.ops import FrozenBatchNorm2d

from vis_ros.nn.inference import for_inference

CPU = torch.device('cpu')


def trained(module: nn.Module) -> nn.Module:
    """Let batch norms do something, as those of trained networks."""
    generator = torch.Generator().manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d | FrozenBatchNorm2d):
            for name, low in (('running_mean', -0.1), ('running_var', 0.5), ('weight', 0.5)):
                getattr(norm, name).data.uniform_(low, low + 1.0, generator=generator)
            norm.bias.data.uniform_(-0.1, 0.1, generator=generator)
    return module.eval()


@pytest.mark.parametrize('parts', ALL)
def test_networks_give_what_they_gave(parts: Callable[[], Parts]) -> None:
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        for name, (module, argument) in parts().items():
            module = trained(copy.deepcopy(module))
            expected = tree_leaves(module(argument))
            ready = for_inference(module, CPU)
            for mine, theirs in zip(tree_leaves(ready(argument)), expected, strict=True):
                scale = float(theirs.abs().amax()) if theirs.numel() else 0.0
                torch.testing.assert_close(
                    mine, theirs, rtol=1e-4, atol=1e-5 * scale, msg=lambda m, n=name: f'{n}: {m}'
                )
            kinds = {type(each).__name__ for each in ready.modules()}
            assert not kinds & {'BatchNorm2d', 'FrozenBatchNorm2d'}, name


@pytest.mark.parametrize('norm', [nn.BatchNorm2d, FrozenBatchNorm2d])
@pytest.mark.parametrize('bias', [False, True])
def test_a_norm_goes_into_the_convolution_before_it(norm: type[nn.Module], bias: bool) -> None:
    convolution = nn.Conv2d(4, 6, 3, groups=2, bias=bias)
    module = trained(nn.Sequential(convolution, norm(6), nn.ReLU()))
    x = torch.randn(2, 4, 9, 7)
    expected = module(x)
    assert for_inference(module, CPU) is module
    assert [type(child) for child in module] == [nn.Conv2d, nn.Identity, nn.ReLU]
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(module(x), expected, rtol=1e-5, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_a_norm_without_a_convolution_stays() -> None:
    module = trained(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)))
    x = torch.randn(1, 4, 5, 5)
    expected = module(x)
    torch.testing.assert_close(for_inference(module, CPU)(x), expected)
    assert isinstance(module[1], nn.BatchNorm2d)
