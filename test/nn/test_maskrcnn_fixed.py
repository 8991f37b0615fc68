# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN in fixed sizes against torchvision's own code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vis_ros.nn import maskrcnn_fixed
from vis_ros.nn.maskprop.config import DetectionOptions, MaskPropSizes
from vis_ros.nn.maskprop.detector import Features, VideoMaskRcnn, set_options
from vis_ros.nn.maskrcnn import image_list
from vis_ros.ops.nms import nms_in_steps

SIZES = MaskPropSizes('slim18', 96, 160, 16, 8, 32, 16, 8, 32, 8)
PADDED, PICTURE = (96, 160), (90, 150)
PLACES = 40  # proposals
CASES = {
    'some': {
        'score_threshold': 0.3,
        'nms_threshold': 0.3,
        'any_class_overlap': 0.4,
        'limit': 60,
    },
    'more than the limit': {'score_threshold': 0.1, 'limit': 3},
    'nothing': {'score_threshold': 1.0},
    'all that there is': {
        'score_threshold': 0.0,
        'nms_threshold': 1.0,
        'any_class_overlap': 1.0,
        'limit': 100,
    },
}


@pytest.fixture(params=[0, 1, 2])
def detector(request: pytest.FixtureRequest) -> VideoMaskRcnn:
    """Return a detector that finds boxes of all sizes and classes."""
    torch.manual_seed(request.param)
    module = VideoMaskRcnn(SIZES, 3).eval().requires_grad_(False)
    predictor = module.roi_heads.box_predictor
    torch.nn.init.normal_(predictor.cls_score.weight, std=0.5)
    torch.nn.init.zeros_(predictor.cls_score.bias)
    torch.nn.init.normal_(predictor.bbox_pred.weight, std=0.3)
    for layer in (module.rpn.head.cls_logits, module.rpn.head.bbox_pred):
        torch.nn.init.normal_(layer.weight, std=0.2)
    module.rpn._pre_nms_top_n['testing'] = 150  # less than the finest levels have
    for pool in (module.roi_heads.box_roi_pool, module.roi_heads.mask_roi_pool):
        pool.canonical_scale = 40  # boxes of a small picture are of all levels
    return module


@pytest.fixture(params=['compact', 'padded'])
def is_padded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Choose boxes as on a CPU, or as elsewhere."""
    if request.param == 'padded':
        monkeypatch.setattr(maskrcnn_fixed, 'greedy_nms', nms_in_steps)
    return request.param == 'padded'


def seen(module: VideoMaskRcnn, picture: tuple[int, int] = PICTURE) -> Features:
    return module.features(torch.rand(1, 3, *PADDED), picture)


def check_places(is_real: Tensor, count: int, places: int | None) -> None:
    """Check that the real ones are so many and come first, and the places if they are given."""
    assert is_real.tolist() == [n < count for n in range(places or count)]


@pytest.mark.parametrize('limit', [7, PLACES, 2000])
def test_proposals(detector: VideoMaskRcnn, is_padded: bool, limit: int) -> None:
    detector.rpn._post_nms_top_n['testing'] = limit
    features = seen(detector)
    images = image_list(features.levels, PADDED, PICTURE)
    (expected,), _ = detector.rpn(images, features.levels)
    found = maskrcnn_fixed.proposals(detector.rpn, features.levels, PADDED, PICTURE, 2 * limit)
    assert 0 < len(expected) <= limit
    check_places(found.is_real, len(expected), limit if is_padded else None)
    torch.testing.assert_close(found.boxes[found.is_real], expected)
    less = maskrcnn_fixed.proposals(detector.rpn, features.levels, PADDED, PICTURE, 5)
    torch.testing.assert_close(less.boxes, expected[:5])


@pytest.mark.parametrize('options', CASES.values(), ids=CASES)
def test_heads(detector: VideoMaskRcnn, is_padded: bool, options: dict[str, Any]) -> None:
    set_options(detector, DetectionOptions(proposals=PLACES, **options))
    rpn, heads, features = detector.rpn, detector.roi_heads, seen(detector)
    images = image_list(features.levels, PADDED, PICTURE)
    (expected,), _ = heads(features.levels, rpn(images, features.levels)[0], [PICTURE])

    proposed = maskrcnn_fixed.proposals(rpn, features.levels, PADDED, PICTURE, PLACES)
    found = maskrcnn_fixed.detections(heads, features.levels, proposed, PICTURE)
    masks = maskrcnn_fixed.masks(heads, features.levels, found.boxes, found.labels, PICTURE)
    count = len(expected['boxes'])
    check_places(found.is_real, count, heads.detections_per_img if is_padded else None)
    for name in ('boxes', 'scores', 'labels'):
        torch.testing.assert_close(getattr(found, name)[:count], expected[name])
    torch.testing.assert_close(masks[:count], expected['masks'][:, 0])


def test_the_cases_are_what_they_say(detector: VideoMaskRcnn) -> None:
    counts = {}
    for name, values in CASES.items():
        options = DetectionOptions(proposals=PLACES, **values)
        set_options(detector, options)
        (found,) = detector.detect(seen(detector), options)
        counts[name] = len(found.boxes)
    assert 3 < counts['some'] < 60
    assert counts['more than the limit'] == 3
    assert counts['nothing'] == 0


@pytest.mark.parametrize('options', CASES.values(), ids=CASES)
def test_instances(detector: VideoMaskRcnn, is_padded: bool, options: dict[str, Any]) -> None:
    chosen = DetectionOptions(proposals=PLACES, **options)
    set_options(detector, chosen)
    features = seen(detector)
    (expected,) = detector.detect(features, chosen)
    found = detector.detect_fixed(features, chosen)
    if is_padded:
        assert all(len(value) == chosen.limit for value in found)
    for single in found.brought_down():
        for a, b in zip(single, expected, strict=True):
            torch.testing.assert_close(a, b)


def test_every_level_is_pooled_from(detector: VideoMaskRcnn) -> None:
    pool, features = detector.roi_heads.box_roi_pool, seen(detector)
    corners = [(3, 2, 15, 14), (9, 5, 44, 40), (70, 20, 135, 85), (0, 0, 150, 90), (7, 7, 7, 7)]
    boxes = torch.tensor(corners, dtype=torch.float32)
    found = maskrcnn_fixed.pooled(pool, features.levels, boxes, PICTURE)
    assert pool.map_levels([boxes]).tolist() == [0, 1, 2, 3, 0]
    torch.testing.assert_close(found, pool(features.levels, [boxes], [PICTURE]))


def test_scales_are_those_of_the_first_picture(detector: VideoMaskRcnn) -> None:
    """torchvision finds out once how large the levels are, and errs where most is padding."""
    pool, boxes = detector.roi_heads.box_roi_pool, torch.tensor([[3.0, 2.0, 90.0, 19.0]])
    scales = []
    for picture in ((20, 150), PICTURE):
        features, pool.scales = seen(detector, picture), None
        found = maskrcnn_fixed.pooled(pool, features.levels, boxes, picture)
        scales.append(pool.scales)
        for fresh in (scales[-1], None):
            pool.scales = fresh
            torch.testing.assert_close(found, pool(features.levels, [boxes], [picture]))
    assert scales[0] != scales[1]


def test_a_picture_in_which_nothing_is_large_enough(detector: VideoMaskRcnn) -> None:
    detector.rpn.min_size = 1000.0
    options = DetectionOptions(proposals=PLACES)
    (expected,) = detector.detect(features := seen(detector), options)
    found, host = detector.detect_fixed(features, options).brought_down()
    assert len(expected.boxes) == len(found.boxes) == len(host.boxes) == 0
