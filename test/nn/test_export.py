# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dense networks of all methods are single graphs of operators that TensorRT knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from dense_parts import ALL, Parts, image
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

KNOWN = set((Path(__file__).parent / 'tensorrt_operators.txt').read_text().split('\n'))
POOL = 'torch.ops.aten.max_pool2d_with_indices.default'  # by a pass where nobody wants indices


def operators(program: torch.export.ExportedProgram) -> set[str]:
    """Return the operators of a program, but for indices that nobody wants."""
    found = set()
    for node in program.graph.nodes:
        if node.op != 'call_function':
            continue
        name = getattr(node.target, '__name__', str(node.target))
        is_torch = isinstance(node.target, torch._ops.OpOverload)
        name = f'torch.ops.{node.target}' if is_torch else f'operator.{name}'
        wanted = {user.args[1] for user in node.users} if name == POOL else None
        if wanted != {0}:
            found.add(name)
    return found


@pytest.mark.parametrize('parts', ALL)
def test_networks_are_one_graph_of_operators_with_converters(parts: Callable[[], Parts]) -> None:
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        given = parts()
        for name, (module, argument) in given.items():
            expected = module.eval()(argument)
            program = torch.export.export(module, (argument,), strict=False)
            program = program.run_decompositions()
            assert operators(program) <= KNOWN, name
            for mine, theirs in zip(
                tree_leaves(program.module()(argument)), tree_leaves(expected), strict=True
            ):
                torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_an_operator_without_a_converter_is_noticed() -> None:
    class Bessel(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.bessel_j0(x)

    program = torch.export.export(Bessel(), (image(),), strict=False).run_decompositions()
    assert operators(program) - KNOWN == {'torch.ops.aten.special_bessel_j0.default'}
