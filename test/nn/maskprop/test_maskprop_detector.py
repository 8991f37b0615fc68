# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The detector in two steps, and the geometry around it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models.detection._utils import BoxCoder

from vis_ros.nn.maskprop.config import (
    NETWORKS,
    DetectionOptions,
    MaskPropSizes,
    ModelOptions,
    sizes_of,
)
from vis_ros.nn.maskprop.detector import (
    VideoMaskRcnn,
    _chosen,
    set_options,
)
from vis_ros.nn.maskprop.masktrack import TrackingBranch, identity_logits, match_scores
from vis_ros.nn.maskprop.picture import normalise, place
from vis_ros.nn.maskrcnn import paste_soft
from vis_ros.nn.picture import scaled

SIZES = MaskPropSizes('slim18', 96, 160, 16, 8, 32, 16, 8, 32, 8)


@pytest.fixture(scope='module')
def detector() -> VideoMaskRcnn:
    torch.manual_seed(0)
    module = VideoMaskRcnn(SIZES, 3).eval().requires_grad_(False)
    torch.nn.init.normal_(module.roi_heads.box_predictor.cls_score.weight, std=0.5)
    module.roi_heads.box_predictor.cls_score.bias.zero_()
    return module


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave parameters as they are allocated: drawing millions of numbers takes seconds."""
    for name in ('kaiming_normal_', 'kaiming_uniform_', 'normal_', 'uniform_', 'constant_'):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)


def test_placement() -> None:
    small = sizes_of('small')
    assert place(480, 640, small).picture == (192, 256)
    assert place(360, 640, small).picture == (180, 320)
    assert place(360, 640, small).padded == (192, 320)
    assert place(640, 360, small).picture == (320, 180)
    assert place(3, 900, small).picture[0] == 20  # squeezed: a row must be left
    assert place(360, 640, small).scale_xy == (0.5, 0.5)
    assert place(720, 1280, sizes_of('resnet50')).padded == (608, 1088)
    with pytest.raises(ValueError, match=r"expected one of resnet50, .*got 'vgg'"):
        sizes_of('vgg')


def test_pictures_are_padded_with_zeros() -> None:
    image = np.full((60, 100, 3), 255, np.uint8)
    where = place(60, 100, SIZES)
    picture = scaled(image, where)
    assert picture.shape == (*where.picture, 3)
    x = normalise(torch.from_numpy(picture)[None], where.padded)
    assert x.shape == (1, 3, *where.padded)
    assert not x[..., where.picture[0] :, :].any()
    assert x[0, 0, 0, 0].item() == pytest.approx((1 - 0.485) / 0.229)
    same = place(96, 160, SIZES)
    assert scaled(np.zeros((96, 160, 3), np.uint8), same).shape == (96, 160, 3)


@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.usefixtures('unset')
def test_every_network_has_its_levels(name: str) -> None:
    module = VideoMaskRcnn(dataclasses.replace(sizes_of(name), box=8), 2)
    names = dict(module.named_parameters())
    channels = sizes_of(name).channels
    for level in range(4):
        assert names[f'backbone.fpn.inner_blocks.{level}.0.weight'].shape[0] == channels
    assert names['roi_heads.mask_predictor.mask_fcn_logits.weight'].shape[0] == 3
    assert names['backbone.body.layer4.0.conv1.weight'].numel() > 0


@pytest.mark.usefixtures('unset')
def test_resnet50_carries_torchvisions_names() -> None:
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    mine = VideoMaskRcnn(sizes_of('resnet50'), 90).state_dict()
    theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
    plain = {name for name in theirs if not name.endswith('num_batches_tracked')}
    assert set(mine) == plain
    assert all(mine[name].shape == theirs[name].shape for name in mine)


def test_features_then_detections(detector: VideoMaskRcnn) -> None:
    options = DetectionOptions(limit=5, score_threshold=0.05)
    set_options(detector, options)
    x = torch.rand(2, 3, 96, 160)
    features = detector.features(x, (90, 150))
    assert features.middle.shape == (2, 16, 12, 20)
    assert [level.shape[-1] for level in features.levels.values()] == [40, 20, 10, 5, 3]
    both = detector.detect(features, options)
    assert len(both) == 2
    for found in both:
        count = len(found.boxes)
        assert 0 < count <= 5
        assert found.masks.shape == (count, 28, 28)
        assert (found.scores >= 0.05).all() and (found.scores.diff() <= 0).all()
        assert (found.boxes >= 0).all() and (found.boxes[:, 2] <= 150).all()
        assert (found.class_ids >= 0).all() and (found.class_ids < 3).all()
    single = detector.detect(detector.features(x[:1], (90, 150)), options)[0]
    for a, b in zip(single, both[0], strict=True):
        torch.testing.assert_close(a, b)


def test_an_untrained_detector_sees_nothing() -> None:
    torch.manual_seed(0)
    module = VideoMaskRcnn(SIZES, 3).eval().requires_grad_(False)
    features = module.features(torch.rand(1, 3, 96, 160), (96, 160))
    (found,) = module.detect(features, DetectionOptions())
    assert len(found.boxes) == 0 and found.masks.shape == (0, 28, 28)


def test_twins_of_other_classes_are_dropped() -> None:
    found = {
        'boxes': torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 5]]),
        'scores': torch.tensor([0.9, 0.8, 0.05]),
        'labels': torch.tensor([1, 2, 1]),
        'masks': torch.rand(3, 1, 28, 28),
    }
    assert _chosen(found, DetectionOptions()).class_ids.tolist() == [0]
    both = _chosen(found, DetectionOptions(any_class_overlap=1.0))
    assert both.class_ids.tolist() == [0, 1]
    assert _chosen(found, DetectionOptions(any_class_overlap=1.0, limit=1)).scores.tolist() == [
        pytest.approx(0.9)
    ]
    assert both.select(torch.tensor([1])).class_ids.tolist() == [1]


def test_pasted_masks_fill_their_boxes() -> None:
    boxes = torch.tensor([[16.0, 8.0, 48.0, 24.0]])
    soft = paste_soft(torch.ones(1, 28, 28), boxes, (4, 8), 8)
    expected = torch.zeros(4, 8)
    expected[1:3, 2:6] = 1
    torch.testing.assert_close(soft[0], expected)
    left = torch.zeros(1, 28, 28)
    left[:, :, :14] = 1
    assert (paste_soft(left, boxes, (4, 8), 8)[0] > 0.5)[1].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert paste_soft(torch.ones(0, 28, 28), boxes[:0], (4, 8), 8).shape == (0, 4, 8)


def test_losses_of_empty_and_full_frames(detector: VideoMaskRcnn) -> None:
    torch.manual_seed(0)
    module = VideoMaskRcnn(SIZES, 3).train()
    features = module.features(torch.rand(2, 3, 96, 160), (96, 160))
    masks = torch.zeros(1, 96, 160, dtype=torch.uint8)
    masks[:, 20:60, 30:90] = 1
    targets = [
        {
            'boxes': torch.tensor([[30.0, 20, 90, 60]]),
            'labels': torch.tensor([2]),
            'masks': masks,
        },
        {
            'boxes': torch.zeros(0, 4),
            'labels': torch.zeros(0, dtype=torch.int64),
            'masks': masks[:0],
        },
    ]
    losses = module.losses(features, targets)
    assert sorted(losses) == [
        'loss_box_reg',
        'loss_classifier',
        'loss_mask',
        'loss_objectness',
        'loss_rpn_box_reg',
    ]
    torch.stack(list(losses.values())).sum().backward()
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize('cascade', ['none', 'htc'])
def test_boxes_keep_their_precision_in_16_bits(
    cascade: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pixel at column 319 is empty after rounding to bfloat16, and its logarithm no number."""
    seen = []

    def encode(self: Any, reference: list[torch.Tensor], boxes: list[torch.Tensor]) -> Any:
        seen.extend([*reference, *boxes])
        return coded(self, reference, boxes)

    coded = BoxCoder.encode
    monkeypatch.setattr(BoxCoder, 'encode', encode)
    torch.manual_seed(0)
    module = VideoMaskRcnn(SIZES, 3, ModelOptions(cascade=cascade)).train()
    box = torch.tensor([[319.0, 75, 320, 76]])
    masks = torch.zeros(1, 96, 352, dtype=torch.uint8)
    masks[:, 75, 319] = 1
    with torch.autocast('cpu', dtype=torch.bfloat16):
        features = module.features(torch.rand(1, 3, 96, 352), (96, 352))
        assert features.middle.dtype == torch.bfloat16
        losses = module.losses(
            features, [{'boxes': box, 'labels': torch.tensor([1]), 'masks': masks}]
        )
    assert all(value.isfinite() for value in losses.values())
    assert {boxes.dtype for boxes in seen} == {torch.float32}
    assert any((boxes == box).all(1).any() for boxes in seen)


def test_tracking_branch(detector: VideoMaskRcnn) -> None:
    features = detector.features(torch.rand(2, 3, 96, 160), (96, 160))
    branch = TrackingBranch(16, 8)
    boxes = [torch.tensor([[0.0, 0, 40, 40], [10, 10, 90, 90]]), torch.zeros(0, 4)]
    assert branch(features, boxes).shape == (2, 8)
    logits = identity_logits(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    assert logits.tolist() == [[0, 3, 2]]
    assert identity_logits(torch.ones(2, 3), torch.ones(0, 3)).tolist() == [[0], [0]]


def test_cues_against_plain_arithmetic() -> None:
    logits, overlap = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5]])
    found = match_scores(logits, torch.tensor([0.8]), overlap, torch.tensor([[True]]))
    shares = np.exp([0.0, 1.0]) / np.exp([0.0, 1.0]).sum()
    expected = np.log(shares) + np.log(0.8) + np.array([0.0, 2 * 0.5 + 10])
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
