# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, places, masks and selection on cases small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from condinst_world import CPU, TINY, blank, put, tiny
from torch.nn import functional

from vis_ros.nn.condinst import place, prepare, stock_config, video_config
from vis_ros.nn.condinst.head import boxes_of, places
from vis_ros.nn.condinst.masks import (
    CONTROLLERS,
    aligned_bilinear,
    at_input,
    at_source,
    mask_logits,
    soft_masks,
)
from vis_ros.nn.condinst.selection import select_stock, strongest

PICTURE = (64, 128)


@pytest.mark.parametrize(
    ('size', 'picture', 'padded'),
    [
        ((720, 1280), (360, 640), (384, 640)),
        ((1280, 720), (640, 360), (640, 384)),
        ((480, 640), (360, 480), (384, 480)),
        ((250, 432), (360, 622), (384, 640)),
        ((1, 5000), (1, 640), (32, 640)),
    ],
)
def test_pictures_keep_their_shape(
    size: tuple[int, int], picture: tuple[int, int], padded: tuple[int, int]
) -> None:
    placement = place(*size, video_config('resnet50', 40))
    assert (placement.source, placement.picture, placement.padded) == (size, picture, padded)
    assert placement.scale_xy == (picture[1] / size[1], picture[0] / size[0])


def test_a_picture_is_normalised_and_padded_with_zeros() -> None:
    image = np.full((60, 128, 3), 255, np.uint8)
    image.flags.writeable = False
    x = prepare(image, TINY, 'cpu')
    assert x.shape == (1, 3, 64, 128)
    white = (255 - np.array(TINY.mean)) / np.array(TINY.deviation)
    assert torch.allclose(x[0, :, :60], torch.tensor(white, dtype=torch.float32)[:, None, None])
    assert (x[0, :, 60:] == 0).all()
    assert prepare(np.zeros((30, 64, 3), np.uint8), TINY, 'cpu').shape == (1, 3, 64, 128)


def test_networks_by_name() -> None:
    assert video_config('small', 5).backbone == 'slim18'
    assert stock_config().num_classes == 80
    with pytest.raises(ValueError, match='expected one of resnet50, resnet101, small'):
        video_config('resnet18', 5)


def test_places_lie_in_the_middle_of_their_cells() -> None:
    where = places(64, 96, CPU)
    assert where.counts == (8 * 12, 4 * 6, 2 * 3, 1 * 2, 1 * 1)
    assert where.xy[:2].tolist() == [[4, 4], [12, 4]]
    assert where.xy[12].tolist() == [4, 12]
    assert where.xy[-3:].tolist() == [[32, 32], [96, 32], [64, 64]]
    assert where.level.bincount().tolist() == list(where.counts)
    box = boxes_of(where.xy[:1], torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert box.tolist() == [[3, 2, 7, 8]]


def test_the_network_gives_what_it_says() -> None:
    network = tiny()
    output = network(torch.randn(2, 3, 64, 128))
    where = places(64, 128, CPU)
    count = len(where.xy)
    assert [tuple(level.shape[2:]) for level in output.levels] == [
        (8, 16),
        (4, 8),
        (2, 4),
        (1, 2),
        (1, 1),
    ]
    assert output.dense.classes.shape == (2, count, 3)
    assert output.dense.boxes.shape == (2, count, 4)
    assert (output.dense.boxes >= 0).all()
    assert output.dense.controllers.shape == (2, count, CONTROLLERS)
    assert CONTROLLERS == 169
    assert output.features.shape == (2, 8, 8, 16)
    with pytest.raises(ValueError, match=r'multiples of 32, got \(1, 3, 60, 128\)'):
        network(torch.zeros(1, 3, 60, 128))


def test_a_batch_is_its_images() -> None:
    network, images = tiny(), torch.randn(2, 3, 64, 64)
    both = network(images)
    for index in range(2):
        one = network(images[index : index + 1])
        for a, b in zip(one.dense, both.dense, strict=True):
            assert torch.allclose(a[0], b[index], rtol=1e-3, atol=1e-4)
        assert torch.allclose(one.features[0], both.features[index], atol=1e-5)


def test_scales_belong_to_levels() -> None:
    network, image = tiny(), torch.randn(1, 3, 64, 64)
    before, where = network(image).dense.boxes, places(64, 64, CPU)
    network.head.scales[2].fill_(3.0)
    after = network(image).dense.boxes
    is_third = where.level == 2
    assert torch.allclose(after[:, is_third], 3 * before[:, is_third], atol=1e-5)
    assert torch.equal(after[:, ~is_third], before[:, ~is_third])


def test_the_stride_of_the_stock_network_comes_first() -> None:
    block = tiny(backbone='resnet50', is_stock=True).backbone.layer3[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    assert tiny(is_stock=True, backbone='resnet50').head.class_tower[0].conv.bias is not None
    assert tiny().head.class_tower[0].conv.bias is None


@pytest.mark.parametrize('factor', [1, 2, 4])
def test_enlarging_keeps_what_is_constant_and_what_is_linear(factor: int) -> None:
    assert torch.allclose(
        aligned_bilinear(torch.full((1, 2, 3, 5), 7.0), factor), torch.tensor(7.0)
    )
    x = torch.arange(6.0).expand(1, 1, 4, 6)
    wide = aligned_bilinear(x, factor)
    assert wide.shape == (1, 1, 4 * factor, 6 * factor)
    at = torch.arange(6) * factor + factor // 2  # a cell's value is at its point
    inside = at < wide.shape[-1]
    assert torch.allclose(wide[0, 0, 0][at[inside]], torch.arange(6.0)[inside])


def test_masks_of_no_instance() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    logits = mask_logits(
        torch.zeros(1, 8, 4, 6), none, torch.zeros(0, 169), torch.zeros(0, 2), none
    )
    assert logits.shape == (0, 4, 6)
    assert at_source(torch.zeros(0, 32, 48), (30, 48), (15, 24)).shape == (0, 15, 24)


def test_masks_are_tiny_networks() -> None:
    """Against the same written for one pixel of one instance."""
    torch.manual_seed(1)
    features, controllers = torch.randn(2, 8, 4, 6), torch.randn(3, 169)
    image, level = torch.tensor([1, 0, 1]), torch.tensor([0, 4, 2])
    xy = torch.tensor([[4.0, 4.0], [40.0, 12.0], [20.0, 28.0]])
    logits = mask_logits(features, image, controllers, xy, level)
    for n, row, column in ((0, 0, 0), (1, 3, 5), (2, 1, 4)):
        size = (64, 128, 256, 512, 1024)[level[n]]
        point = torch.tensor([8.0 * column + 4, 8.0 * row + 4])
        x = torch.cat(((xy[n] - point) / size, features[image[n], :, row, column]))
        p = controllers[n]
        x = functional.relu(p[:80].reshape(8, 10) @ x + p[152:160])
        x = functional.relu(p[80:144].reshape(8, 8) @ x + p[160:168])
        want = p[144:152] @ x + p[168]
        assert logits[n, row, column].item() == pytest.approx(want.item(), abs=1e-4)


def test_masks_find_their_way_to_the_image() -> None:
    logits = torch.full((1, 8, 8), -9.0)
    logits[:, 2:6, 2:6] = 9.0
    soft = soft_masks(logits)
    assert soft.shape == (1, 16, 16)
    whole = at_input(soft)
    assert whole.shape == (1, 64, 64)
    assert (whole[0, 20:44, 20:44] > 0.5).all() and (whole[0, 0] < 0.5).all()
    image = at_source(whole, (32, 64), (64, 128))
    assert image.shape == (1, 64, 128)
    assert torch.equal(at_source(whole, (32, 64), (32, 64)), whole[:, :32])


def test_the_strongest_of_each_level() -> None:
    scores = torch.tensor([1.0, 5.0, 3.0, 2.0, 9.0, 8.0])
    assert strongest(scores, (4, 2), 2).tolist() == [1, 2, 4, 5]
    assert strongest(scores, (4, 2), 1).tolist() == [1, 4]
    assert strongest(scores[:0], (0, 0), 1).tolist() == []


def test_stock_selection_finds_nothing_in_nothing() -> None:
    output, where = blank()
    assert [len(part) for part in select_stock(output, 0, where, PICTURE)] == [0, 0, 0, 0]


def test_stock_selection_is_per_class_and_inside_the_picture() -> None:
    output, where = blank()
    sides = torch.tensor([10.0, 10.0, 10.0, 10.0])
    put(output, 17, 0.9, sides)  # (12, 12)
    put(output, 17, 0.5, sides, class_id=2)  # the same box as another class stays
    put(output, 18, 0.8, sides + torch.tensor([8.0, 0, -8.0, 0]))  # the same box falls
    put(output, 30, 0.04, sides)  # too weak
    put(output, 127, 0.7, sides)  # (124, 60), reaches out of the picture
    output.dense.centerness[0, 127] = 0.0
    found = select_stock(output, 0, where, (60, 120))
    assert found.place.tolist() == [17, 17, 127]
    assert found.class_id.tolist() == [0, 2, 0]
    assert torch.allclose(found.score, torch.tensor([0.9, 0.5, 0.35]).sqrt(), atol=1e-4)
    assert found.boxes.tolist() == [[2, 2, 22, 22], [2, 2, 22, 22], [114, 50, 120, 60]]
    assert len(select_stock(output, 0, where, (60, 120), limit=1).place) == 1
    assert select_stock(output, 0, where, (60, 120), top=1).place.tolist() == [17]
