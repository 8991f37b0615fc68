# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights by path and by name: checked, and loaded without running code."""

import hashlib
import os
import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vis_ros.nn.weights import LoadedWeights, load_strictly
from vis_ros.pipeline import weights
from vis_ros.pipeline.weights import load_weights, manifest, sha256_of

TENSORS = {'weight': torch.arange(6.0).reshape(2, 3), 'bias': torch.tensor([1.0, 2.0])}


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_no_weights() -> None:
    assert load_weights('') is None
    random = load_weights('random')
    assert random is not None
    assert random.is_random
    assert not random.tensors


@pytest.mark.parametrize('key', [None, 'model', 'state_dict'])
@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.bin'])
def test_state_dicts(tmp_path: Path, suffix: str, key: str | None) -> None:
    path = tmp_path / f'file{suffix}'
    torch.save(TENSORS if key is None else {key: TENSORS, 'epoch': 3}, path)
    got = load_weights(str(path))
    assert got is not None
    assert (got.source, got.is_random) == (str(path), False)
    assert all(torch.equal(got.tensors[name], value) for name, value in TENSORS.items())


def test_safetensors_with_meta(tmp_path: Path) -> None:
    path = tmp_path / 'file.safetensors'
    save_file(TENSORS, path, metadata={'vis_ros': '{"classes": ["cup"]}'})
    got = load_weights(str(path))
    assert got is not None
    assert got.meta == {'classes': ['cup']}
    assert set(got.tensors) == set(TENSORS)
    save_file(TENSORS, path)
    assert load_weights(str(path)).meta == {}  # type: ignore[union-attr]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"'/no/such\.pth' is neither a file nor a name") as info:
        load_weights('/no/such.pth')
    assert 'give its full path' in str(info.value)
    assert info.value.__cause__ is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='neither a file nor a name'):
        load_weights(str(tmp_path))


@pytest.mark.parametrize('writer', ['torch', 'pickle', 'zip'])
def test_code_in_a_file_is_not_run(tmp_path: Path, writer: str) -> None:
    path, trap = tmp_path / 'file.pth', tmp_path / 'trap'
    content = {'weight': torch.zeros(1), 'code': Malicious(trap)}
    if writer == 'pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=writer == 'zip')
    with pytest.raises(ValueError, match='not a readable weights file'):
        load_weights(str(path))
    assert not trap.exists()


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize(
    'data',
    [b'', b'\x00' * 40, b'PK\x03\x04', b'<html>404</html>', b'\xff' * 9],
)
def test_damaged_files_are_refused(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f'file{suffix}'
    path.write_bytes(data)
    with pytest.raises(ValueError, match='weights: .*file'):
        load_weights(str(path))


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'file{suffix}'
    if suffix == '.pth':
        torch.save(TENSORS, path)
    else:
        save_file(TENSORS, path)
    data = path.read_bytes()
    for length in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match='weights: .*file'):
            load_weights(str(path))


@pytest.mark.parametrize('content', [[1, 2], 'text', {'epoch': 3}, {'model': [1]}, None])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / 'file.pth')
    with pytest.raises(ValueError, match='expected a state dict'):
        load_weights(str(tmp_path / 'file.pth'))


@pytest.mark.parametrize('text', ['[]', '3', 'null'])
def test_meta_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    save_file(TENSORS, tmp_path / 'file.safetensors', metadata={'vis_ros': text})
    with pytest.raises(ValueError, match='weights: '):
        load_weights(str(tmp_path / 'file.safetensors'))


def test_named_weights_must_have_their_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'ours.safetensors'
    save_file(TENSORS, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sha256_of(path) == digest
    entry = {'file': 'ours.safetensors', 'sha256': digest}
    monkeypatch.setattr(weights, 'manifest', lambda: {'ours': entry})
    monkeypatch.setattr(weights, 'resource_path', lambda *parts: tmp_path)
    for text in ('ours', str(path)):
        assert load_weights(text).source == str(path)  # type: ignore[union-attr]
    path.write_bytes(path.read_bytes()[:-1] + b'x')
    for text in ('ours', str(path)):
        with pytest.raises(ValueError, match=rf'SHA-256 is .*says {digest}'):
            load_weights(text)
    path.unlink()
    with pytest.raises(ValueError, match='no such file'):
        load_weights('ours')
    with pytest.raises(ValueError, match='known names: ours'):
        load_weights('theirs')


def test_the_shipped_manifest_is_whole() -> None:
    for entry in manifest().values():
        assert {'method', 'file', 'sha256', 'licence', 'trained'} <= set(entry)


@pytest.mark.parametrize('name', ['', 'Nothing.V1', 'ResNet50_Weights.NOT_THERE', 'nonsense'])
def test_unknown_weights_of_torchvision(name: str) -> None:
    with pytest.raises(ValueError, match='torchvision has no weights'):
        load_weights(f'torchvision:{name}')


def test_a_robot_without_internet_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_net(*_: object, **__: object) -> None:
        raise URLError('no route to host')

    monkeypatch.setattr('torchvision.models._api.load_state_dict_from_url', no_net)
    with pytest.raises(ValueError, match=r'could not be downloaded \(.*no route.*copy it here'):
        load_weights('torchvision:MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1')


def test_wrong_keys_are_listed() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    cases = (
        ({}, '2 missing: bias, weight'),
        ({**TENSORS, 'odd': torch.zeros(1)}, '1 unexpected: odd'),
        ({**TENSORS, 'bias': torch.zeros(5)}, r'bias \(expected \(2,\), got \(5,\)\)'),
        ({f'x{k:02}': torch.zeros(1) for k in range(20)}, '20 unexpected: x00, .* and 12 more'),
    )
    for tensors, text in cases:
        with pytest.raises(ValueError, match=f'file.pth does not fit Linear: .*{text}'):
            load_strictly(layer, LoadedWeights(tensors, 'file.pth'))
        assert torch.equal(layer.weight, before)
    load_strictly(layer, LoadedWeights({}, 'random', is_random=True))
    assert torch.equal(layer.weight, before)
    load_strictly(layer, LoadedWeights(TENSORS, 'file.pth'))
    assert torch.equal(layer.weight, TENSORS['weight'])
