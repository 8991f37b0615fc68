# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compilers of networks, without those that are not here."""

from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vis_ros.nn import acceleration
from vis_ros.nn.acceleration import AccelerationWarning, accelerate, engine_folder

CPU = torch.device('cpu')
CUDA = torch.device('cuda:0')


def network() -> nn.Module:
    model = nn.ModuleDict({'first': nn.Conv2d(3, 4, 3), 'second': nn.Conv2d(4, 2, 1)})
    return model.requires_grad_(False).eval()


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Let there be a GPU and Torch-TensorRT; return how modules are compiled."""
    module = types.ModuleType('torch_tensorrt')
    module.__version__ = '2.8.0'  # type: ignore[attr-defined]
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, 'torch_tensorrt', module)
    monkeypatch.setattr(acceleration.importlib.metadata, 'version', lambda name: '10.12')
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'NVIDIA H200')
    monkeypatch.setenv('VIS_ROS_CACHE', str(tmp_path))
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(nn.Module, 'compile', lambda self, **values: calls.append(values))
    return calls


def test_nothing_is_done_by_default() -> None:
    model = network()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert accelerate(model, ['first'], 'none', CPU) == 'none'
    assert model['first']._compiled_call_impl is None


def test_an_unknown_accelerator_is_refused() -> None:
    with pytest.raises(
        ValueError, match="expected one of none, graphs, compile, tensorrt, got 'magic'"
    ):
        accelerate(network(), ['first'], 'magic', CPU)


def test_parts_are_compiled_and_what_is_not_there_is_left_out() -> None:
    if fault := acceleration._compiler_fault(CPU):
        pytest.skip(f'torch.compile does not work here: {fault}')
    model = network()
    x = torch.randn(1, 3, 8, 9)
    expected = model['second'](model['first'](x))
    assert accelerate(model, ['first', 'third'], 'compile', CPU) == 'compile'
    assert model['first']._compiled_call_impl is not None
    assert model['second']._compiled_call_impl is None
    torch.testing.assert_close(model['second'](model['first'](x)), expected)


def test_without_a_compiler_there_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: Any) -> Any:
        def call(x: Any) -> Any:
            raise RuntimeError('no C++ compiler\nat all')

        return call

    acceleration._compiler_fault.cache_clear()
    monkeypatch.setattr(torch, 'compile', broken)
    model = network()
    with pytest.warns(AccelerationWarning, match=r'compile .*: RuntimeError: no C\+\+ compiler\.'):
        assert accelerate(model, ['first'], 'compile', CPU) == 'none'
    assert model['first']._compiled_call_impl is None
    acceleration._compiler_fault.cache_clear()


def test_without_a_gpu_or_the_package_there_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for how in ('graphs', 'tensorrt'):
        with pytest.warns(AccelerationWarning, match='an NVIDIA GPU, and the device is cpu'):
            assert accelerate(network(), ['first'], how, CPU) == 'none'
    monkeypatch.setattr(acceleration, 'find_spec', lambda name: None)
    with pytest.warns(AccelerationWarning, match=r'pip install vis_ros\[tensorrt\]'):
        assert accelerate(network(), ['first'], 'tensorrt', CUDA) == 'none'


def test_engines_are_kept_by_part(tensorrt: list[dict[str, Any]], tmp_path: Path) -> None:
    assert accelerate(network(), ['first', 'second'], 'tensorrt', CUDA) == 'tensorrt'
    first, second = tensorrt
    assert first['backend'] == 'torch_tensorrt' and first['dynamic'] is False
    folders = [Path(each['options']['engine_cache_dir']) for each in (first, second)]
    assert folders[0] != folders[1]
    assert all(folder.is_dir() and folder.is_relative_to(tmp_path) for folder in folders)


@pytest.mark.usefixtures('tensorrt')
def test_engines_of_others_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    part = network()['first']
    mine = engine_folder(part, 'first', CUDA, '2.8.0')
    assert engine_folder(part, 'first', CUDA, '2.8.0') == mine
    engine_folder(nn.BatchNorm2d(3), 'norm', CUDA, '2.8.0')  # has a number that is no array
    assert engine_folder(part, 'first', CUDA, '2.9.0') != mine
    assert engine_folder(part, 'second', CUDA, '2.8.0') != mine
    assert engine_folder(network()['first'], 'first', CUDA, '2.8.0') != mine
    part.half()
    assert engine_folder(part, 'first', CUDA, '2.8.0') != mine
    part.float()
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'NVIDIA H100')
    assert engine_folder(part, 'first', CUDA, '2.8.0') != mine
