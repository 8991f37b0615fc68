# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Official files, in the layouts that their trainers write, with random numbers."""

from __future__ import annotations

import builtins
import contextlib
import json
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

import official_shapes as shapes
import pytest
import torch
import yaml
from footage import vis_ros
from safetensors import safe_open
from torch import Tensor

from vis_ros.nn.renaming import rename
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.model import RgnnVis
from vis_ros.nn.rgnn.official import MODEL_RULES
from vis_ros.nn.yolact import Yolact, stock_config
from vis_ros.nn.yolact.official import STOCK_RULES
from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.checkpoints import read_checkpoint
from vis_ros.pipeline.weights import sha256_of


@cache
def whole() -> dict[str, Tensor]:
    return {name: torch.full(shape, 0.01) for name, shape in shapes.rgnnvis().items()}


@cache
def stock() -> dict[str, Tensor]:
    return {name: torch.full(shape, 0.01) for name, shape in shapes.stock_yolact().items()}


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework='pt') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        return tensors, json.loads(file.metadata()['vis_ros'])


def trainer_checkpoint(net: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a checkpoint with an object of a class that only the trainer knows."""
    module = types.ModuleType('some_trainer')
    meter = type('AverageMeter', (), {'__module__': 'some_trainer'})
    module.AverageMeter = meter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'some_trainer', module)
    stats = meter()
    stats.history = [0.5, 0.25]
    return {'epoch': 3, 'net_type': 'RGNN', 'net': net, 'stats': {'loss': stats}, 'device': 'cpu'}


def test_shapes_of_the_official_files_are_those_of_the_fact_sheet() -> None:
    names = shapes.rgnnvis()
    parts = {'backbone': 318, 'detector': 36}
    for part, count in parts.items():
        assert sum(name.startswith(part + '.') for name in names) == count
    assert len(names) == 492
    size = sum(torch.Size(s).numel() for n, s in names.items() if n.startswith('detector.'))
    assert size == 7_370_031


def test_every_official_name_has_one_of_ours() -> None:
    model = RgnnVis('resnet50', 41, RgnnOptions())
    assert {rename(name, MODEL_RULES) for name in shapes.rgnnvis()} == set(model.state_dict())
    assert {rename(name, STOCK_RULES) for name in shapes.stock_yolact()} == set(
        Yolact(stock_config()).state_dict()
    )


def test_a_whole_trainer_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / 'rgnnvis_ep0150.pth.tar'
    torch.save(trainer_checkpoint(whole(), monkeypatch), source)
    monkeypatch.delitem(sys.modules, 'some_trainer')
    assert vis_ros('weights', 'import', source, '--as', 'mine', '--out', tmp_path) == 0
    entry = yaml.safe_load(capsys.readouterr().out)['mine']
    target = tmp_path / 'mine.safetensors'
    assert (entry['method'], entry['file']) == ('rgnnvis', target.name)
    assert entry['sha256'] == sha256_of(target) and sha256_of(source) in entry['trained']
    tensors, meta = read(target)
    assert len(tensors) == 492
    assert (meta['part'], meta['config'], meta['num_classes']) == (
        'whole',
        {'network': 'resnet50'},
        41,
    )
    method = build_method('rgnnvis', weights=str(target))
    assert method.config.network == 'resnet50' and len(method.classes) == 40
    assert vis_ros('weights', 'import', source, '--as', 'mine', '--out', tmp_path) == 2
    assert 'exists already' in capsys.readouterr().err


def test_the_published_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / 'vps063.pth.tar'
    torch.save({'net': shared({n: v for n, v in whole().items() if is_detector(n)})}, source)
    names = [f'c{k}' for k in range(40)]
    words = ('weights', 'import', source, '--as', 'd', '--out', tmp_path, '--classes', *names)
    assert vis_ros(*words) == 0
    tensors, meta = read(tmp_path / 'd.safetensors')
    assert len(tensors) == 354 and meta['part'] == 'detector' and meta['classes'] == names
    with pytest.raises(ValueError, match='holds a detector only'):
        build_method('rgnnvis', weights=str(tmp_path / 'd.safetensors'))
    assert vis_ros(*words[:4], 'e', '--out', tmp_path, '--classes', 'a', 'b') == 2
    assert 'has 40 without background, got 2' in capsys.readouterr().err


def is_detector(name: str) -> bool:
    return name.startswith(('backbone.', 'detector.'))


def shared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f'module.{name}': value for name, value in tensors.items()}  # as DataParallel names


def test_stock_yolact(tmp_path: Path) -> None:
    source = tmp_path / 'yolact_resnet50_54_800000.pth'
    tensors = {n: v for n, v in stock().items() if not n.endswith('num_batches_tracked')}
    tensors['fpn.downsample_layers.2.weight'] = torch.zeros(256, 256, 3, 3)  # a relic of training
    torch.save(tensors, source, _use_new_zipfile_serialization=False)
    assert vis_ros('weights', 'import', source, '--as', 'yolact', '--out', tmp_path) == 0
    found, meta = read(tmp_path / 'yolact.safetensors')
    assert set(found) == set(Yolact(stock_config()).state_dict())
    assert meta['method'] == 'yolact' and meta['num_classes'] == 81


@pytest.mark.parametrize('kind', ['whole', 'detector', 'stock'])
def test_missing_and_unexpected_names_are_listed(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = dict(stock() if kind == 'stock' else whole())
    if kind == 'detector':
        tensors = {n: v for n, v in tensors.items() if is_detector(n)}
    name = 'proto_net.10.bias' if kind == 'stock' else 'detector.proto_net.10.bias'
    del tensors[name]
    tensors['detector.what' if kind != 'stock' else 'what'] = torch.zeros(1)
    source = tmp_path / 'wrong.pth'
    torch.save(tensors, source)
    assert vis_ros('weights', 'import', source, '--as', 'x', '--out', tmp_path) == 2
    text = capsys.readouterr().err
    assert '1 missing: ' in text and 'prototypes.out.bias' in text
    assert '1 unexpected: ' in text and 'what' in text
    assert not (tmp_path / 'x.safetensors').exists()


def test_something_else_altogether(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refusal(path: Path, name: str = 'x') -> str:
        assert vis_ros('weights', 'import', path, '--as', name, '--out', tmp_path) == 2
        return capsys.readouterr().err

    assert 'no.pth' in refusal(tmp_path / 'no.pth')
    text = tmp_path / 'text.pth'
    text.write_text('hello')
    assert 'not a readable checkpoint' in refusal(text)
    torch.save({'a': torch.ones(1)}, tmp_path / 'a.pth')
    assert 'unexpected: a' in refusal(tmp_path / 'a.pth')
    torch.save([1, 2], tmp_path / 'list.pth')
    assert 'expected parameters by name, got list' in refusal(tmp_path / 'list.pth')
    torch.save({'a': 1}, tmp_path / 'number.pth')
    assert "no tensors are ['a']" in refusal(tmp_path / 'number.pth')
    assert '--as: expected letters' in refusal(tmp_path / 'a.pth', '../x')


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.path,)


def test_no_code_is_run(tmp_path: Path) -> None:
    source, made = tmp_path / 'evil.pth', tmp_path / 'made'
    for evil in (Malicious(made), Evaluated(f'open({str(made)!r}, "w")', builtins)):
        torch.save({'net': {'a': torch.ones(1)}, 'stats': evil}, source)
        with contextlib.suppress(ValueError):
            read_checkpoint(source)  # a harmless stand-in, or a refusal
        assert not made.exists()


class Evaluated:
    def __init__(self, text: str, module: types.ModuleType) -> None:
        self.text, self.function = text, module.eval

    def __reduce__(self) -> tuple[object, ...]:
        return self.function, (self.text,)


def test_the_list_of_safe_classes_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(torch.serialization.get_safe_globals())
    source = tmp_path / 'a.pth'
    torch.save(trainer_checkpoint({'a': torch.ones(1)}, monkeypatch), source)
    assert list(read_checkpoint(source)) == ['a']
    assert set(torch.serialization.get_safe_globals()) == before
