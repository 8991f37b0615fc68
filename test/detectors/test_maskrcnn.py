# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN with random parameters and tiny inputs: geometry, classes, loading."""

from functools import cache

import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import FrozenBatchNorm2d

from vis_ros.detectors import maskrcnn as module
from vis_ros.detectors.maskrcnn import (
    MaskRcnnConfig,
    MaskRcnnDetector,
    _build,
    _categories,
    _pool_features,
)
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.box_masks import paste_masks
from vis_ros.ops.masks import tight_box
from vis_ros.ops.rle import from_crop, to_dense
from vis_ros.structures import Detections, Frame
from vis_ros.structures.options import build_config

RANDOM = LoadedWeights({}, 'random', is_random=True)
TINY = {
    'classes': ('cup', 'plate'),
    'min_size': 64,
    'max_size': 96,
    'score_threshold': 0.0,
    'max_detections': 6,
}


def config_of(**options: object) -> MaskRcnnConfig:
    return build_config(MaskRcnnConfig, {**TINY, **options})


@cache
def detector_of(version: str, device: str = 'cpu') -> MaskRcnnDetector:
    return MaskRcnnDetector(config_of(version=version), weights=RANDOM, device=device)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def check(found: Detections, height: int, width: int) -> None:
    for mask, box in zip(found.masks, found.boxes, strict=True):
        assert tuple(box) == tight_box(mask)
        assert mask.area_px > 0
        assert 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
    assert found.features.shape == (len(found), 256)
    np.testing.assert_allclose(np.linalg.norm(found.features, axis=1), 1, atol=1e-4)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert ((found.class_ids >= 0) & (found.class_ids < 2)).all()


def test_nothing_above_the_threshold() -> None:
    detector = MaskRcnnDetector(config_of(score_threshold=1.0), weights=RANDOM)
    state, found = detector.detect(detector.init_state(), Frame(picture(8, 9), 0))
    assert state is None
    assert len(found) == 0
    assert found.features.shape == (0, detector.feature_size)


def test_pasting_nothing() -> None:
    assert paste_masks(torch.empty(0, 28, 28), torch.empty(0, 4), (5, 5), 0.5) == []


@pytest.mark.parametrize('version', ['v1', 'v2'])
@pytest.mark.parametrize('size', [(48, 64), (1, 1), (3, 5), (1, 700), (700, 1)])
def test_images_of_any_size(version: str, size: tuple[int, int]) -> None:
    detector = detector_of(version)
    _, found = detector.detect(None, Frame(picture(*size), 0))
    check(found, *size)
    assert len(found) <= 6
    if size == (48, 64):
        assert len(found) > 0


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_masks_are_those_of_torchvision(version: str) -> None:
    """The whole way: the same network called as torchvision means it."""
    detector = detector_of(version)
    image = picture(45, 67)
    _, found = detector.detect(None, Frame(image, 0))
    tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        (theirs,) = detector._model([tensor])
    dense = (theirs['masks'][:, 0] >= 0.5).numpy()
    rows = dense.any(axis=(1, 2))
    assert len(found) == rows.sum() > 0
    for mask, pixels in zip(found.masks, dense[rows], strict=True):
        np.testing.assert_array_equal(to_dense(from_crop(mask), 45, 67), pixels)
    np.testing.assert_array_equal(found.scores, theirs['scores'][rows].numpy())
    np.testing.assert_array_equal(found.class_ids, theirs['labels'][rows].numpy() - 1)


@pytest.mark.parametrize('seed', range(20))
def test_pasting_is_that_of_torchvision(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    size = (37, 53)
    limit = torch.tensor([53.0, 37.0, 53.0, 37.0])
    ends = torch.rand(5, 4, generator=random) * limit
    boxes = torch.cat((ends.view(5, 2, 2).amin(1), ends.view(5, 2, 2).amax(1)), dim=1)
    boxes[0] = torch.tensor([0.0, 0.0, 53.0, 37.0])
    boxes[1] = torch.tensor([52.9, 36.9, 53.0, 37.0])
    masks = torch.rand(5, 28, 28, generator=random)
    got = paste_masks(masks, boxes, size, 0.5)
    theirs = paste_masks_in_image(masks[:, None], boxes, size)[:, 0] >= 0.5
    for mask, pixels in zip(got, theirs.numpy(), strict=True):
        np.testing.assert_array_equal(to_dense(from_crop(mask), *size), pixels)


def test_features_are_means_over_the_mask() -> None:
    """A level whose first channel is 1 on the left half and whose second is 1 on the right."""
    level = torch.zeros(1, 256, 8, 16)
    level[0, 0, :, :8] = 1
    level[0, 1, :, 8:] = 1
    boxes = torch.tensor([[8.0, 8.0, 120.0, 56.0]]).repeat(3, 1)
    masks = torch.zeros(3, 1, 28, 28)
    masks[0, :, :, :12] = 1
    masks[1, :, :, 16:] = 1
    masks[2] = 1
    features = _pool_features(level, boxes, masks)
    np.testing.assert_allclose(features[0, :2], (1, 0), atol=1e-6)
    np.testing.assert_allclose(features[1, :2], (0, 1), atol=1e-6)
    np.testing.assert_allclose(features[2, :2], (0.5**0.5, 0.5**0.5), atol=1e-6)
    assert _pool_features(level, torch.empty(0, 4), torch.empty(0, 1, 28, 28)).shape == (0, 256)


def test_classes_of_coco() -> None:
    categories = _categories(MaskRcnnConfig(), RANDOM)
    assert len(categories) == 91
    names = [name for name in categories if name]
    assert len(names) == 80
    assert (names[0], names[11], names[-1]) == ('person', 'stop sign', 'toothbrush')


def test_classes_of_other_trainings() -> None:
    named = LoadedWeights({}, 'random', meta={'classes': ['fork']}, is_random=True)
    assert _categories(MaskRcnnConfig(), named) == ('', 'fork')
    assert _categories(config_of(), named) == ('', 'cup', 'plate')
    assert detector_of('v2').classes == ('cup', 'plate')


def test_categories_without_a_name_are_dropped() -> None:
    detector = MaskRcnnDetector(config_of(), weights=RANDOM)
    frame = Frame(picture(48, 64), 0)
    _, both = detector.detect(None, frame)
    detector._class_of = np.array([-1, -1, 0])
    _, one = detector.detect(None, frame)
    assert len(one) == (both.class_ids == 1).sum()
    assert (one.class_ids == 0).all()


def test_no_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r'needs some .*docs/weights\.md'):
        MaskRcnnDetector(MaskRcnnConfig(), weights=None)


@pytest.mark.parametrize('has_counters', [False, True])
@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_weights_are_loaded(
    version: str, has_counters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of frozen batch norm, which have no counters of batches, and those of the other."""
    monkeypatch.setattr(module, 'for_inference', lambda model, device: model)  # as loaded
    tensors = {
        name: value + 1 if name == 'roi_heads.mask_predictor.mask_fcn_logits.bias' else value
        for name, value in _build(config_of(version=version), 3).state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    if has_counters:
        means = [name for name in tensors if name.endswith('running_mean')]
        counters = [name.replace('running_mean', 'num_batches_tracked') for name in means]
        tensors |= {name: torch.tensor(7) for name in counters}
    detector = MaskRcnnDetector(
        config_of(version=version), weights=LoadedWeights(tensors, 'file.pth')
    )
    own = detector._model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in tensors.items() if name in own)
    norms = (torch.nn.BatchNorm2d, FrozenBatchNorm2d)
    eps = {m.eps for m in detector._model.modules() if isinstance(m, norms)}
    assert eps == ({0.0} if version == 'v1' else {1e-5})


def test_weights_that_do_not_fit_are_named() -> None:
    tensors = _build(config_of(version='v2'), 3).state_dict()
    name = 'rpn.head.cls_logits.bias'
    without = {key: value for key, value in tensors.items() if key != name}
    for given, options, text in (
        (without, {}, f'file.pth does not fit MaskRCNN: 1 missing: {name}'),
        (tensors | {'extra': torch.zeros(1)}, {}, '1 unexpected: extra'),
        (tensors, {'classes': ('a', 'b', 'c')}, r'of another shape: .*expected \(4'),
        (tensors, {'version': 'v1'}, 'and [0-9]+ more'),
        ({}, {}, 'missing'),
    ):
        with pytest.raises(ValueError, match=text):
            MaskRcnnDetector(config_of(**options), weights=LoadedWeights(given, 'file.pth'))


def test_random_parameters_are_the_same_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = _build(config_of(), 3).state_dict()
    assert torch.equal(torch.rand(3), expected)
    second = _build(config_of(), 3).state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_images_are_neither_kept_nor_changed() -> None:
    detector = detector_of('v2')
    image = picture(48, 64)
    image.flags.writeable = False
    _, first = detector.detect(None, Frame(image, 0))
    _, second = detector.detect(None, Frame(np.ascontiguousarray(image[:, ::-1])[:, ::-1], 0))
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(image, picture(48, 64))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_the_device_does_not_matter(version: str) -> None:
    frame = Frame(picture(48, 64), 0)
    _, here = detector_of(version).detect(None, frame)
    _, there = detector_of(version, 'cuda').detect(None, frame)
    assert len(here) == len(there) > 0
    np.testing.assert_allclose(here.boxes, there.boxes, atol=1.0)
    np.testing.assert_allclose(here.scores, there.scores, atol=1e-3)
    np.testing.assert_allclose(here.features, there.features, atol=1e-2)
