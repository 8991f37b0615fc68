# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dense networks of all methods are single graphs of operators that TensorRT knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from vis_ros.nn.condinst import video_config
from vis_ros.nn.iai import Iai, IaiOptions
from vis_ros.nn.ifr.config import IfrOptions
from vis_ros.nn.ifr.model import Ifr
from vis_ros.nn.maskprop import MaskProp, ModelOptions
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.visstg import Visstg, VisstgOptions

CLASSES = 3
KNOWN = set((Path(__file__).parent / 'tensorrt_operators.txt').read_text().split('\n'))
POOL = 'torch.ops.aten.max_pool2d_with_indices.default'  # by a pass where nobody wants indices

Parts = Mapping[str, tuple[nn.Module, Any]]
"""Modules by name, with what they take."""


def image() -> Tensor:
    return torch.randn(1, 3, 192, 320, generator=torch.Generator().manual_seed(0))


def rgnnvis() -> Parts:
    return {'detector': (RgnnVis('small', CLASSES + 1, RgnnOptions()).detector, image())}


def iai() -> Parts:
    model = Iai('small', CLASSES, IaiOptions())
    taps = model.image.backbone(image())
    mixed, _ = model.associate(taps, None)
    levels = model.image.pyramid(mixed)
    return {
        'backbone': (model.image.backbone, image()),
        'pyramid': (model.image.pyramid, mixed),
        'head': (model.image.head, levels),
        'masks': (model.image.masks, levels),
        'identities': (model.identities, levels),
    }


def visstg() -> Parts:
    model = Visstg(video_config('small', CLASSES), VisstgOptions())
    taps = model.backbone(image())
    return {
        'backbone': (model.backbone, image()),
        'pyramid': (model.pyramid, taps),
        'branch': (model.plain, model.pyramid(taps)),
    }


def maskprop() -> Parts:
    detector = MaskProp('small', CLASSES, ModelOptions()).detector
    levels = list(detector.backbone(image()).values())
    return {'backbone': (detector.backbone, image()), 'proposals': (detector.rpn.head, levels)}


def ifr() -> Parts:
    model = Ifr('small', CLASSES, IfrOptions())
    taps = model.backbone(image())
    return {'backbone': (model.backbone, image()), 'pixel decoder': (model.pixel_decoder, taps)}


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


@pytest.mark.parametrize('parts', [rgnnvis, iai, visstg, maskprop, ifr])
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
