# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Official files of CondInst and IAI, in their layouts, with random numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import official_condinst_shapes as shapes
import pytest
import torch
from torch import Tensor

from vis_ros.nn.condinst import CondInst, stock_config, video_config
from vis_ros.pipeline.build import build_method
from vis_ros.pipeline.official_weights import read_official
from vis_ros.pipeline.weights import write_weights


@cache
def numbers(kind: str) -> dict[str, Tensor]:
    made: dict[str, tuple[int, ...]] = getattr(shapes, kind)()
    return {name: torch.full(shape, 0.01) for name, shape in made.items()}


def saved(path: Path, tensors: dict[str, Tensor], place: str = 'state_dict') -> Path:
    torch.save({'meta': {'epoch': 12}, place: tensors}, path)
    return path


def test_shapes_of_the_official_file_are_those_of_the_fact_sheet() -> None:
    made = shapes.iai()
    assert len(made) == 463
    buffers = ('running_mean', 'running_var', 'num_batches_tracked')
    sizes = [torch.Size(s).numel() for n, s in made.items() if not n.endswith(buffers)]
    assert sum(sizes) == 45_433_337
    more = [
        torch.Size(s).numel() for n, s in shapes.iai(25, 25).items() if not n.endswith(buffers)
    ]
    assert sum(more) == 46_804_207


def test_a_whole_iai_checkpoint_runs(tmp_path: Path) -> None:
    official = read_official(saved(tmp_path / 'iai.pth', numbers('iai')))
    assert official.meta == {
        'method': 'iai',
        'part': 'whole',
        'num_classes': 41,
        'config': {'network': 'resnet50', 'model.ids': 20},
    }
    write_weights(tmp_path / 'iai.safetensors', official.tensors, official.meta)
    method = build_method('iai', weights=str(tmp_path / 'iai.safetensors'))
    assert method.config.network == 'resnet50'
    assert len(method.classes) == 40


def test_the_image_model_of_iai_is_one_of_ours(tmp_path: Path) -> None:
    official = read_official(saved(tmp_path / 'c.pth', numbers('iai_image')), ['x'] * 80)
    assert (official.meta['part'], official.meta['num_classes']) == ('detector', 81)
    own = CondInst(video_config('resnet50', 80)).state_dict()
    assert set(official.tensors) == {f'image.{name}' for name in own}


def test_a_condinst_of_adelaidet(tmp_path: Path) -> None:
    tensors = dict(numbers('condinst'))
    first = torch.arange(3.0)[None, :, None, None].expand(64, 3, 7, 7).contiguous()
    tensors['backbone.bottom_up.stem.conv1.weight'] = first
    tensors['mask_branch.logits.bias'] = torch.zeros(80)  # of the auxiliary loss
    official = read_official(saved(tmp_path / 'c.pth', tensors, place='model'))
    assert official.meta == {
        'method': 'condinst',
        'part': 'detector',
        'num_classes': 81,
        'config': {'backbone': 'resnet50'},
    }
    own = CondInst(stock_config()).state_dict()
    assert {n: v.shape for n, v in official.tensors.items()} == {
        n: v.shape for n, v in own.items()
    }
    assert official.tensors['backbone.conv1.weight'][0, :, 0, 0].tolist() == [2, 1, 0]  # BGR


@pytest.mark.parametrize(
    ('kind', 'name'),
    [
        ('iai', 'encoder_projector.bias'),
        ('iai_image', 'bbox_head.conv_cls.bias'),
        ('condinst', 'proposal_generator.fcos_head.cls_logits.bias'),
    ],
)
def test_files_that_are_not_whole_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    tensors = {n: v for n, v in numbers(kind).items() if n != name} | {'strange': torch.zeros(1)}
    with pytest.raises(ValueError, match=r'1 missing: .*bias; 1 unexpected: strange'):
        read_official(saved(tmp_path / 'c.pth', tensors))
