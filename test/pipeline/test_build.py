# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method by its name: what is wrong is named, with what would be right."""

import pytest
import torch

import vis_ros
from vis_ros.detectors.base import DETECTORS, register_detector
from vis_ros.methods.base import METHODS, register_method
from vis_ros.pipeline.build import check_device


def test_by_name_with_nested_and_flat_options() -> None:
    nested = vis_ros.build_method('iou', memory={'capacity': 8}, min_overlap=0.4)
    flat = vis_ros.build_method('iou', **{'memory.capacity': 8, 'min_overlap': 0.4})
    assert nested.config == flat.config
    assert nested.config.memory.capacity == 8
    assert nested.name == 'iou'
    assert nested.classes == ('object',)


@pytest.mark.parametrize(
    ('name', 'options', 'text'),
    [
        ('deepsrt', {}, r"method: 'deepsrt' is unknown; did you mean 'deepsort'\? known: .*iou"),
        ('', {}, "method: '' is unknown; known: "),
        ('iou', {'device': 'tpu'}, "device: expected cpu, cuda or cuda:N, got 'tpu'"),
        ('iou', {'device': 'mps'}, "device: expected cpu, cuda or cuda:N, got 'mps'"),
        ('iou', {'device': 'cuda:99'}, "device: 'cuda:99' is not there"),
        ('iou', {'min_overlap': 2.0}, r'min_overlap: expected a value in \[0.0, 1.0\], got 2.0'),
        ('iou', {'min_ovrlap': 0.2}, "did you mean 'min_overlap'"),
        ('iou', {'memory': {'capacity': 0}}, r'memory.capacity: expected a value in \[1'),
        (
            'iou',
            {'detector': 'yolo'},
            "detector: expected one of 'maskrcnn', 'motion', 'yolact', got 'yolo'",
        ),
        ('iou', {'detector': 'maskrcnn'}, r"weights: 'iou' .*needs trained weights.*weights\.md"),
        ('iou', {'weights': '/no/file.pth'}, r"weights: '/no/file\.pth' is neither"),
    ],
)
def test_faults_are_named(name: str, options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        vis_ros.build_method(name, **options)  # type: ignore[arg-type]


def test_cuda_is_checked_without_asking_for_it() -> None:
    check_device('cpu')
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for index in range(count):
        check_device(f'cuda:{index}')
    with pytest.raises(ValueError, match=f'torch sees {count} CUDA devices'):
        check_device(f'cuda:{count}')


def test_random_weights_build_a_network() -> None:
    small = {'classes': ('a', 'b'), 'min_size': 64, 'max_size': 64}
    method = vis_ros.build_method(
        'deepsort', weights='random', detector='maskrcnn', detectors={'maskrcnn': small}
    )
    assert method.classes == ('a', 'b')
    assert method.init_state().memory['gallery'].shape[-1] == 256


def test_names_are_taken_once() -> None:
    with pytest.raises(ValueError, match="method 'iou' is registered already"):
        register_method('iou')(METHODS['iou'])
    with pytest.raises(ValueError, match="detector 'motion' is registered already"):
        register_detector('motion')(DETECTORS['motion'])


def test_the_package_has_one_door() -> None:
    assert vis_ros.__version__
    with pytest.raises(AttributeError, match="'vis_ros' has no attribute 'nothing'"):
        vis_ros.nothing  # noqa: B018
