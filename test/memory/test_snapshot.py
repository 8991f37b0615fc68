# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Memory files: whole or not at all, and only what we wrote."""

import errno
import gc
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vis_ros.memory.mask_store import MaskStore
from vis_ros.memory.snapshot import Snapshot, joined, load_snapshot, parts_of, save_snapshot
from vis_ros.ops.rle import from_crop
from vis_ros.structures import CropMask

EMPTY = Snapshot({}, {})
FULL = Snapshot(
    {'a': torch.arange(6).reshape(2, 3), 'b': torch.tensor(2**62), 'c': torch.zeros(0, 4)},
    {'names': ['x', 'y'], 'stamp_ns': 1_763_600_000_123_456_789, 'none': None},
)


@pytest.mark.parametrize('snapshot', [EMPTY, FULL])
def test_round_trip(tmp_path: Path, snapshot: Snapshot) -> None:
    path = tmp_path / 'memory.safetensors'
    save_snapshot(path, snapshot)
    again = load_snapshot(path)
    assert again.meta == snapshot.meta
    assert set(again.tensors) == set(snapshot.tensors)
    for name, value in snapshot.tensors.items():
        assert again.tensors[name].dtype == value.dtype
        assert torch.equal(again.tensors[name], value)
    assert os.listdir(tmp_path) == ['memory.safetensors']


def test_parts_are_joined_and_found_again() -> None:
    assert joined({}) == {} and parts_of(EMPTY) == {}
    assert parts_of(EMPTY, 'memory', 'scene') == {'memory': {}, 'scene': {}}
    parts = {
        'memory': {'box': torch.ones(2), 'a.b': torch.ones(1)},
        'scene': {'size': FULL.tensors['b']},
    }
    tensors = joined(parts)
    assert set(tensors) == {'memory.box', 'memory.a.b', 'scene.size'}
    again = parts_of(Snapshot({**tensors, 'frames': torch.ones(3)}, {}), 'memory', 'clips')
    assert again.keys() == {'memory', 'clips', 'scene', 'frames'}
    assert again['memory'] == parts['memory'] and again['scene'] == parts['scene']
    assert again['clips'] == {} and again['frames'].keys() == {''}


def test_views_and_shared_tensors_are_saved(tmp_path: Path) -> None:
    base = torch.arange(12).reshape(3, 4)
    save_snapshot(tmp_path / 'm', Snapshot({'a': base.T, 'b': base[1:], 'c': base}, {}))
    again = load_snapshot(tmp_path / 'm').tensors
    assert torch.equal(again['a'], base.T) and torch.equal(again['b'], base[1:])


def test_saving_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    def types() -> int:
        gc.collect()
        return sum(issubclass(type(item), type) for item in gc.get_objects())

    def write(size: int) -> None:
        tensors = {'a': torch.zeros(size), 'b': torch.zeros(2, size, dtype=torch.bool)}
        save_snapshot(tmp_path / 'memory', Snapshot(tensors, {}))

    write(1)
    before = types()
    for size in range(2, 40):  # each of another size, as a memory is
        write(size)
    assert types() == before


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='no such file'):
        load_snapshot(tmp_path / 'nothing')
    with pytest.raises(FileNotFoundError):
        load_snapshot(tmp_path)
    with pytest.raises(OSError):
        save_snapshot(tmp_path / 'no' / 'folder', FULL)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'm'
    save_snapshot(path, FULL)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match='not a readable track memory'):
            load_snapshot(path)


@pytest.mark.parametrize(
    'data', [b'', b'\x00' * 64, b'PK\x03\x04 and more', b'{}' * 50, b'\xff' * 99]
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / 'm'
    path.write_bytes(data)
    with pytest.raises(ValueError, match='not a readable track memory'):
        load_snapshot(path)


@pytest.mark.parametrize('meta', [None, {'vis_ros': '{"format": "another"}'}, {'other': 'x'}])
def test_other_safetensors_are_refused(tmp_path: Path, meta: dict[str, str] | None) -> None:
    save_file({'a': torch.zeros(1)}, tmp_path / 'm', metadata=meta)
    with pytest.raises(ValueError, match='but not a "vis_ros track memory 1"'):
        load_snapshot(tmp_path / 'm')


@pytest.mark.parametrize('text', ['[]', '3', 'null', '"text"', '{'])
def test_meta_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    save_file({'a': torch.zeros(1)}, tmp_path / 'm', metadata={'vis_ros': text})
    with pytest.raises(ValueError):
        load_snapshot(tmp_path / 'm')


@pytest.mark.parametrize('name', ['write', 'fsync', 'replace'])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / 'm'
    save_snapshot(path, EMPTY)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        if name == 'write':
            real = os.fdopen

            def fdopen(*args: object) -> object:
                file = real(*args)  # type: ignore[call-overload]
                return Stingy(file)

            patch.setattr(os, 'fdopen', fdopen)
        else:
            patch.setattr(os, name, full)
        with pytest.raises(OSError, match='No space left'):
            save_snapshot(path, FULL)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['m']
    assert load_snapshot(path).meta == {}


class Stingy:
    """A file that takes ten bytes and is full then."""

    def __init__(self, file) -> None:
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[:10])
        raise OSError(errno.ENOSPC, 'No space left on device')


def test_the_file_is_whole_when_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'm'
    seen = []
    real = os.replace

    def replace(source: str, target: Path) -> None:
        assert not path.exists()
        assert Path(source).parent == path.parent  # the same file system
        seen.append(load_snapshot(Path(source)).meta)
        real(source, target)

    monkeypatch.setattr(os, 'replace', replace)
    save_snapshot(path, FULL)
    assert seen == [FULL.meta]


def test_mask_store_round_trip() -> None:
    assert MaskStore.from_tensors(MaskStore(0 + 2).to_tensors(), 2).masks == [None, None]
    store = MaskStore(3)
    first = CropMask(4, 5, np.array([[True, False], [True, True]]))
    padded = CropMask(1, 1, np.array([[False, False], [False, True]]))
    store.put(np.array([1, -1, 0]), [first, padded])
    again = MaskStore.from_tensors(store.to_tensors(), 3)
    assert [again.rle(slot) for slot in range(3)] == [store.rle(slot) for slot in range(3)]
    assert again.rle(2) == from_crop(first)
    assert again.masks[1] is None
    store.put(np.array([-1, -1, -1]), [])
    assert store.rle(2) == from_crop(first)  # stays until the slot is used again


def test_mask_store_refuses_broken_tensors() -> None:
    store = MaskStore(2)
    store.put(np.array([0, -1]), [CropMask(0, 0, np.array([[True, False, True]]))])
    good = store.to_tensors()
    with pytest.raises(ValueError, match=r'place: expected shape \(3, 4\)'):
        MaskStore.from_tensors(good, 3)
    for cut in range(len(good['counts'])):
        with pytest.raises(ValueError, match='cut off'):
            MaskStore.from_tensors({**good, 'counts': good['counts'][:cut]}, 2)
    wrong = good['counts'].clone()
    wrong[1] += 1
    with pytest.raises(ValueError, match='expected a sum'):
        MaskStore.from_tensors({**good, 'counts': wrong}, 2)
