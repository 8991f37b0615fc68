# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trained weights made small to ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from vis_ros.cli.main import main
from vis_ros.pipeline.packed_weights import packed_entry
from vis_ros.pipeline.weights import load_weights, sha256_of

META: dict[str, Any] = {
    'method': 'rgnnvis_pp',
    'part': 'whole',
    'training': {
        'seed': 3,
        'step': 5,
        'steps': 6,
        'validation': 0.25,
        'recipe': {'data.folders': ['data/easy/train']},
    },
}


def write(path: Path, tensors: dict[str, torch.Tensor], meta: dict[str, Any] = META) -> Path:
    save_file(tensors, path, metadata={'vis_ros': json.dumps(meta)})
    return path


def test_it_is_half_as_large_and_nearly_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = {'a': torch.randn(300, 100), 'n': torch.tensor(7)}
    source = write(tmp_path / 'model.safetensors', tensors)
    out = tmp_path / 'new' / 'folder'
    assert main(['weights', 'pack', str(source), '--as', 'mine', '--out', str(out)]) == 0
    target = out / 'mine.safetensors'
    assert target.stat().st_size < 0.55 * source.stat().st_size
    loaded = load_weights(str(target))
    assert loaded is not None and loaded.meta == META
    torch.testing.assert_close(loaded.tensors['a'].float(), tensors['a'], rtol=1e-3, atol=1e-6)
    assert torch.equal(loaded.tensors['n'], tensors['n'])
    entry = yaml.safe_load(capsys.readouterr().out)['mine']
    assert entry['sha256'] == sha256_of(target) and entry['method'] == 'rgnnvis_pp'
    assert 'seed 3' in entry['trained'] and entry['validation'] == 0.25


@pytest.mark.parametrize(
    ('method', 'part', 'stage'),
    [
        ('rgnnvis', 'whole', 'tracker'),
        ('rgnnvis', 'detector', 'detector'),
        ('iai', 'whole', 'iai'),
    ],
)
def test_the_entry_says_which_command_it_was(
    method: str, part: str, stage: str, tmp_path: Path
) -> None:
    meta = {**META, 'method': method, 'part': part}
    path = write(tmp_path / 'model.safetensors', {'a': torch.zeros(2)}, meta)
    entry = yaml.safe_load(packed_entry('mine', path))['mine']
    assert entry['trained'].startswith(f'vis_ros train {stage}, seed 3')


def test_others_may_read_it(tmp_path: Path) -> None:
    source = write(tmp_path / 'model.safetensors', {'a': torch.zeros(2)})
    main(['weights', 'pack', str(source), '--as', 'mine', '--out', str(tmp_path)])
    (tmp_path / 'plain').touch()
    modes = [(tmp_path / name).stat().st_mode for name in ('mine.safetensors', 'plain')]
    assert modes[0] == modes[1]


def test_what_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = write(tmp_path / 'large.safetensors', {'a': torch.full((2,), 1e6)})
    strange = write(tmp_path / 'strange.safetensors', {'a': torch.zeros(2)}, {})
    for path, text in ((large, 'too large'), (strange, 'that `vis_ros train` wrote')):
        line = ['weights', 'pack', str(path), '--as', 'mine', '--out', str(tmp_path)]
        assert main(line) == 2
        assert text in capsys.readouterr().err
        assert not (tmp_path / 'mine.safetensors').exists()
