# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Anchors, NMS, masks and selection on cases small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vis_ros.nn.yolact import (
    SelectionConfig,
    Yolact,
    YolactConfig,
    YolactOutput,
    prepare,
    prepare_frame,
    rgnnvis_config,
    select,
    stock_config,
)
from vis_ros.nn.yolact.anchors import decode_boxes, encode_boxes, make_anchors, to_pixels
from vis_ros.nn.yolact.backbone import ResNetTaps, Taps
from vis_ros.nn.yolact.head import Raw
from vis_ros.nn.yolact.masks import box_masks, mask_logits, stock_boxes, stock_masks
from vis_ros.nn.yolact.network import level_sizes
from vis_ros.nn.yolact.nms import pairwise_iou, select_stock, survivors
from vis_ros.nn.yolact.selection import PAD_BOX, PAD_LOGIT, PAD_MASK

SMALL = YolactConfig('resnet18', 64, 96, num_classes=4, channels=8, prototypes=4)


@pytest.fixture(scope='module')
def network() -> Yolact:
    torch.manual_seed(0)
    return Yolact(SMALL).eval().requires_grad_(False)


def output_of(network: Yolact, offsets: torch.Tensor, logits: torch.Tensor) -> YolactOutput:
    """Return an output with given predictions for the first anchors, background for the rest."""
    anchors = len(network.anchors)
    batch, count = offsets.shape[:2]
    all_offsets = torch.zeros(batch, anchors, 4)
    all_logits = torch.zeros(batch, anchors, SMALL.num_classes)
    all_logits[..., 0] = 30.0
    all_offsets[:, :count], all_logits[:, :count] = offsets, logits
    none = torch.zeros(0)
    raw = Raw(all_offsets, all_logits, torch.ones(batch, anchors, SMALL.prototypes) / 4)
    return YolactOutput(Taps(none, none, none), (), torch.ones(batch, 4, 16, 24), raw)


def offsets_of(network: Yolact, boxes: torch.Tensor) -> torch.Tensor:
    """Return the offsets of boxes in pixels to the first anchors."""
    scale = torch.tensor([96.0, 64.0, 96.0, 64.0])
    return encode_boxes(boxes / scale, network.anchors[: boxes.shape[-2]])


def test_sizes_of_levels() -> None:
    assert level_sizes(480, 864) == [(60, 108), (30, 54), (15, 27), (8, 14), (4, 7)]
    assert level_sizes(550, 550) == [(69, 69), (35, 35), (18, 18), (9, 9), (5, 5)]


def test_numbers_of_anchors() -> None:
    for config, count in ((rgnnvis_config('resnet50', 41), 25935), (stock_config(), 19248)):
        assert len(make_anchors(config, level_sizes(config.height, config.width))) == count


def test_shapes_of_anchors_are_in_pixels() -> None:
    anchors = make_anchors(rgnnvis_config('resnet50', 41), level_sizes(480, 864))
    size = anchors[:3, 2:] * torch.tensor([864.0, 480.0])
    expected = torch.tensor([[30.91, 30.91], [21.86, 43.72], [43.72, 21.86]])
    torch.testing.assert_close(size, expected, atol=0.01, rtol=0)
    square = make_anchors(stock_config(), level_sizes(550, 550))
    assert torch.equal(square[:, 2], square[:, 3])


def test_boxes_round_trip() -> None:
    anchors = make_anchors(SMALL, level_sizes(64, 96))
    low, size = torch.rand(2, len(anchors), 2), torch.rand(2, len(anchors), 2) + 0.1
    boxes = torch.cat((low, low + size), -1)
    torch.testing.assert_close(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes)
    assert decode_boxes(torch.zeros(0, 4), anchors[:0]).shape == (0, 4)


def test_clamping_is_one_sided() -> None:
    boxes = torch.tensor([[-0.5, -0.5, -0.25, 2.0], [0.5, 0.5, 1.0, 1.0]])
    expected = torch.tensor([[0.0, 0.0, -25.0, 99.0], [50.0, 50.0, 99.0, 99.0]])
    assert torch.equal(to_pixels(boxes, 100, 100), expected)


def test_overlaps() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3]])
    assert torch.allclose(pairwise_iou(a, a), torch.tensor([[1.0, 1 / 7], [1 / 7, 1.0]]))
    assert pairwise_iou(a[:0], a).shape == (0, 2)
    empty = torch.zeros(1, 4)
    assert pairwise_iou(empty, empty).isnan().all()
    assert pairwise_iou(empty, empty, epsilon=1e-7) == 1


def test_a_fallen_box_still_fells_others() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10], [0, 0, 0, 0]])
    assert survivors(boxes, 0.5).tolist() == [True, False, False, True]
    assert survivors(boxes[[3, 3]], 0.5).tolist() == [True, False]  # no area: not a number


def test_stock_selection_of_nothing() -> None:
    logits = torch.tensor([[9.0, 0, 0]])
    for is_cross_class in (False, True):
        best = select_stock(torch.zeros(1, 4), logits, is_cross_class=is_cross_class)
        assert len(best.anchor) == len(best.class_id) == len(best.score) == 0


def test_stock_selection_within_and_across_classes() -> None:
    boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 0.1, 0.1]])
    logits = torch.tensor([[0.0, 5, 0], [0.0, 0, 4], [0.0, 3, 0]])
    best = select_stock(boxes, logits, min_score=0.5)
    assert best.anchor[:3].tolist() == [0, 1, 2]  # then their other classes, with low scores
    assert best.class_id[:3].tolist() == [0, 1, 0]
    best = select_stock(boxes, logits, is_cross_class=True, min_score=0.5)
    assert (best.anchor.tolist(), best.class_id.tolist()) == ([0, 2], [0, 0])


def test_box_masks_sample_from_end_to_end() -> None:
    masks = box_masks(torch.tensor([[0.0, 0.0, 4.0, 9.0], [9.0, 9.0, 0.0, 0.0]]), (4, 3), 9, 8)
    assert masks[0].tolist() == [[True, True, False]] * 4
    assert not masks[1].any()


def test_mask_logits_are_weighted_sums() -> None:
    prototypes = torch.arange(8.0).reshape(1, 2, 2, 2)
    masks = mask_logits(prototypes, torch.tensor([[[1.0, 0.0], [0.5, -0.5]]]))
    assert masks[0, 0].tolist() == [[0, 1], [2, 3]]
    assert masks[0, 1].tolist() == [[-2, -2], [-2, -2]]


def test_stock_masks_are_cropped() -> None:
    boxes = torch.tensor([[0.75, 0.25, 0.25, 0.75]])  # corners in any order
    assert stock_boxes(boxes, (40, 80)).tolist() == [[20, 10, 60, 30]]
    soft = stock_masks(torch.full((1, 8, 8), 9.0), torch.ones(1, 1), boxes, (8, 8))
    assert (soft[0] > 0.5).sum() == 36  # one pixel wider on each side
    assert stock_masks(torch.ones(1, 8, 8), torch.ones(0, 1), boxes[:0], (4, 6)).shape == (0, 4, 6)


def test_selection_of_nothing(network: Yolact) -> None:
    output = output_of(network, torch.zeros(2, 1, 4), torch.tensor([[[20.0, 0, 0, 0]]] * 2))
    found = select(network, output, SelectionConfig(limit=5))
    assert not found.is_real.any() and found.boxes.shape == (2, 5, 4)
    assert (found.boxes == PAD_BOX).all() and (found.logits == PAD_LOGIT).all()
    assert (found.mask_logits == PAD_MASK).all() and (found.anchor == -1).all()
    assert not found.box_masks.any()


def test_selection_sorts_suppresses_and_pads(network: Yolact) -> None:
    boxes = torch.tensor([[10.0, 10, 30, 30], [10, 10, 30, 31], [50, 10, 70, 30], [0, 0, 9, 9]])
    logits = torch.tensor([[0.0, 3, 0, 0], [0, 0, 5, 0], [0, 4, 0, 0], [9, 0, 0, 0]])
    output = output_of(network, offsets_of(network, boxes)[None], logits[None])
    found = select(network, output, SelectionConfig(limit=3))
    assert found.anchor.tolist() == [[1, 2, -1]]  # 0 falls to 1, which is of another class
    torch.testing.assert_close(found.boxes[0, :2], boxes[[1, 2]], atol=1e-3, rtol=0)
    assert found.logits[0, :2].tolist() == logits[[1, 2]].tolist()
    best = torch.log_softmax(logits, 1)[[1, 2], [2, 1]]
    torch.testing.assert_close(found.scores[0, :2], best)
    assert (found.mask_logits[0, :2] == 1).all()
    assert select(network, output, SelectionConfig(limit=1)).anchor.tolist() == [[1]]


def test_batched_selection_is_single_selection(network: Yolact) -> None:
    torch.manual_seed(1)
    count = len(network.anchors)
    output = output_of(network, torch.randn(3, count, 4), torch.randn(3, count, 4) * 2)
    together = select(network, output, SelectionConfig())
    assert together.is_real.all()
    for index in range(3):
        one = YolactOutput(
            output.taps,
            (),
            output.prototypes[:1],
            Raw(*(x[index : index + 1] for x in output.raw)),
        )
        for a, b in zip(together, select(network, one, SelectionConfig()), strict=True):
            torch.testing.assert_close(a[index : index + 1], b)


def test_batched_network_is_single_network(network: Yolact) -> None:
    x = prepare(torch.randint(0, 256, (2, 50, 70, 3), dtype=torch.uint8), SMALL)
    both, one = network(x), network(x[1:])
    torch.testing.assert_close(both.raw.logits[1:], one.raw.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both.prototypes[1:], one.prototypes, atol=1e-4, rtol=1e-4)
    assert both.prototypes.shape == (2, 4, 16, 24) and (both.prototypes >= 0).all()
    assert network.semantic_logits(both).shape == (2, 3, 8, 12)
    with pytest.raises(ValueError, match='expected'):
        network(x[..., :-1])


def test_prepare_keeps_what_fits_and_normalises() -> None:
    image = torch.full((1, 64, 96, 3), 255, dtype=torch.uint8)
    x = prepare(image, SMALL)
    assert x.shape == (1, 3, 64, 96)
    assert x[0, :, 0, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)


@pytest.mark.parametrize('size', [(64, 96), (65, 97), (127, 300), (128, 192), (720, 1280)])
def test_a_frame_is_prepared_as_images_are(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    image.flags.writeable = False  # as the bytes of a message are
    found = prepare_frame(image, SMALL, torch.device('cpu'))
    expected = prepare(torch.from_numpy(image.copy())[None], SMALL)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize('name', ['slim18', 'resnet18', 'resnet50'])
def test_taps(name: str) -> None:
    backbone = ResNetTaps(name).eval()
    shapes = [tuple(tap.shape) for tap in backbone(torch.zeros(1, 3, 64, 32))]
    a, b, c = backbone.channels
    assert shapes == [(1, a, 8, 4), (1, b, 4, 2), (1, c, 2, 1)]


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(ValueError, match='resnet7'):
        ResNetTaps('resnet7')
    with pytest.raises(ValueError, match='tiny'):
        rgnnvis_config('tiny', 41)
