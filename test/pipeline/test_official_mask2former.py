# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files of Mask2Former, as `transformers` and its own code write them, with random numbers."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from ifr_world import CLASSES, TINY, reference
from safetensors.torch import save_file
from torch import Tensor

from vis_ros.cli.main import main
from vis_ros.methods.ifr import IfrMethod
from vis_ros.nn.ifr import model as model_module
from vis_ros.nn.ifr import official as names_module
from vis_ros.nn.weights import LoadedWeights
from vis_ros.pipeline import official_mask2former as module
from vis_ros.pipeline.official_mask2former import fetch, is_new
from vis_ros.pipeline.official_weights import read_official
from vis_ros.pipeline.weights import load_weights

META = {'method': 'ifr', 'part': 'start', 'num_classes': CLASSES + 1}


@pytest.fixture(scope='module')
def theirs() -> dict[str, Tensor]:
    state: dict[str, Tensor] = reference().state_dict()
    return state


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)
    monkeypatch.setattr(names_module, 'sizes_of', lambda name: TINY)


def saved(path: Path, tensors: dict[str, Tensor]) -> Path:
    if path.suffix == '.safetensors':
        save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    elif path.suffix == '.bin':
        torch.save(tensors, path)
    else:
        arrays = {name: value.numpy() for name, value in tensors.items()}
        path.write_bytes(pickle.dumps({'model': arrays, '__author__': 'MaskFormer'}, protocol=2))
    return path


@pytest.mark.parametrize('file', ['model.safetensors', 'pytorch_model.bin', 'model_final.pkl'])
def test_all_kinds_of_files(theirs: dict[str, Tensor], tmp_path: Path, file: str) -> None:
    official = read_official(saved(tmp_path / file, theirs))
    assert official.meta == META | {'config': {'network': 'swin_t'}}
    own = model_module.Ifr('tiny', 1, IfrMethod.Config().model).state_dict()
    assert official.tensors.keys() == {name for name in own if not is_new(name)}
    expected = theirs['model.transformer_module.queries_features.weight']
    assert torch.equal(official.tensors['decoder.queries'], expected)


def test_another_number_of_queries_is_kept(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    more = {n: torch.cat((v, v)) if '.queries_' in n else v for n, v in theirs.items()}
    official = read_official(saved(tmp_path / 'm.safetensors', more))
    count = 2 * TINY.queries
    assert official.meta['config'] == {'network': 'swin_t', 'model.queries': count}
    assert len(official.tensors['decoder.place']) == count


@pytest.mark.parametrize('name', ['decoder.queries', 'pixel_decoder.masks.weight'])
def test_files_that_are_not_whole_are_refused(
    theirs: dict[str, Tensor], tmp_path: Path, name: str
) -> None:
    key = {
        'decoder.queries': 'model.transformer_module.queries_features.weight',
        'pixel_decoder.masks.weight': 'model.pixel_level_module.decoder.mask_projection.weight',
    }[name]
    rest = {n: v for n, v in theirs.items() if n != key} | {'strange': torch.zeros(1)}
    with pytest.raises(ValueError, match=rf'1 missing: {name}; 1 unexpected: strange'):
        read_official(saved(tmp_path / 'm.safetensors', rest))


def test_ours_is_no_mask2former(theirs: dict[str, Tensor]) -> None:
    mixed = {**theirs, 'decoder.classes.bias': torch.zeros(3)}
    with pytest.raises(ValueError, match='got IFR itself'):
        module.read_mask2former(mixed, 'x')


def test_a_start_does_not_run(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    official = read_official(saved(tmp_path / 'm.safetensors', theirs))
    weights = LoadedWeights(official.tensors, 'start.safetensors', official.meta)
    with pytest.raises(ValueError, match=r'start of a training only.*vis_ros train ifr'):
        IfrMethod(IfrMethod.Config(), weights=weights, device='cpu')


def test_by_the_name_of_the_hub(
    theirs: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip('huggingface_hub')
    from huggingface_hub.errors import EntryNotFoundError

    path, asked = saved(tmp_path / 'pytorch_model.bin', theirs), []

    def download(model: str, file: str) -> str:
        asked.append((model, file))
        if file != path.name:
            raise EntryNotFoundError('no such file')
        return str(path)

    monkeypatch.setattr(hub, 'hf_hub_download', download)
    assert fetch('hub:facebook/mask2former') == path
    assert asked == [('facebook/mask2former', f) for f in ('model.safetensors', path.name)]


def test_the_command(
    theirs: dict[str, Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = saved(tmp_path / 'model.safetensors', theirs)
    monkeypatch.setattr(module, 'fetch', lambda name: path)
    words = ['--out', str(tmp_path), '--as']
    assert main(['weights', 'import', 'hub:facebook/m2f', *words, 'far']) == 0
    entry = yaml.safe_load(capsys.readouterr().out)['far']
    assert entry['trained'].startswith('imported from hub:facebook/m2f, SHA-256 ')
    assert main(['weights', 'import', str(path), *words, 'near']) == 0
    out, error = capsys.readouterr()
    assert 'imported from model.safetensors, SHA-256 ' in out and 'ifr, start, ' in error
    near, far = (load_weights(str(tmp_path / f'{n}.safetensors')) for n in ('near', 'far'))
    assert near is not None and far is not None and near.meta == far.meta
    assert near.meta['config'] == {'network': 'swin_t'}
    assert near.tensors.keys() == far.tensors.keys()


def test_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip('huggingface_hub')

    def refuse(*words: Any) -> str:
        raise ConnectionError('no route\nto the host')

    monkeypatch.setattr(hub, 'hf_hub_download', refuse)
    with pytest.raises(ValueError, match=r'\(no route\)\. Get its model\.safetensors or pytorch_'):
        fetch('hub:facebook/mask2former')
    for name in ('hub:', 'hub:../x', 'hub:a/b/c', 'hub:a b/c'):
        with pytest.raises(ValueError, match='expected hub:OWNER/MODEL'):
            fetch(name)
    monkeypatch.setitem(__import__('sys').modules, 'huggingface_hub', None)
    with pytest.raises(ValueError, match=r"pip install 'vis_ros\[ifr\]'"):
        fetch('hub:facebook/mask2former')
