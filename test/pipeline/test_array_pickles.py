# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pickles of arrays: numbers come back, code does not run."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vis_ros.pipeline.array_pickles import read_arrays


def written(path: Path, value: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_arrays_come_back(tmp_path: Path, protocol: int) -> None:
    value = {
        'empty': np.zeros((0, 3), np.float32),
        'a': np.arange(6, dtype=np.float32).reshape(2, 3),
        'turned': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        'nested': collections.OrderedDict(n=np.array(7)),
        'big': np.arange(3, dtype='>i4'),
        'step': np.int64(9),
        'names': ['x', 1, 2.5, None],
    }
    found = read_arrays(written(tmp_path / 'a.pkl', value, protocol))
    assert found.keys() == value.keys()
    for name in ('empty', 'a', 'turned'):
        assert torch.equal(found[name], torch.from_numpy(np.ascontiguousarray(value[name])))
    assert found['big'].tolist() == [0, 1, 2]
    assert found['nested']['n'].shape == () and found['nested']['n'] == 7 and found['step'] == 9
    assert found['names'] == value['names']


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.path,)


def test_no_code_is_run(tmp_path: Path) -> None:
    made = tmp_path / 'made'
    for value in (Malicious(made), {'a': np.array([Malicious(made)], object)}):
        with pytest.raises(pickle.UnpicklingError, match='expected'):
            read_arrays(written(tmp_path / 'evil.pkl', value))
    assert not made.exists()


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    for array in (np.array([{}]), np.array(['x']), np.zeros(2, 'c8'), np.zeros(2, 'i4,f4')):
        with pytest.raises(pickle.UnpicklingError, match='expected'):
            read_arrays(written(tmp_path / 'a.pkl', {'a': array}))


def test_damaged_files_are_told(tmp_path: Path) -> None:
    path, rng = tmp_path / 'a.pkl', np.random.default_rng(0)
    whole = pickle.dumps({'a': np.ones((3, 3)), 'n': np.float32(2), 'b': [1, 'x']}, protocol=2)
    contents = [b'', b'hello', whole[:60]]
    for _ in range(400):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        contents.append(bytes(damaged))
    told = 0
    for content in contents:
        path.write_bytes(content)
        try:
            read_arrays(path)
        except (pickle.UnpicklingError, EOFError):
            told += 1
    assert told > 100
    for content in contents[:3]:
        path.write_bytes(content)
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            read_arrays(path)
