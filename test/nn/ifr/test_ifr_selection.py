# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which queries become instances, their masks in the image, and pictures as input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from vis_ros.nn.ifr import IfrSelection, IfrSizes
from vis_ros.nn.ifr.picture import normalise, place, prepare
from vis_ros.nn.ifr.selection import aligned, masks_at_source, shown
from vis_ros.nn.picture import Placement
from vis_ros.structures import Rle

SIZES = IfrSizes('slim18', None, 64, 96)
OPTIONS = IfrSelection(score_threshold=0.3, duplicate_overlap=0.7)


def logits(*columns: tuple[int, int]) -> Tensor:
    masks = torch.full((len(columns), 4, 10), -5.0)
    for mask, (start, stop) in zip(masks, columns, strict=True):
        mask[:, start:stop] = 5.0
    return masks


def choose(
    scores: list[float], masks: Tensor, oldest: tuple[int, ...] = (), **options: float
) -> list[int]:
    probability = torch.tensor([[0.0, score] for score in scores]).reshape(-1, 2)
    seniority = np.zeros(len(scores), np.int64)
    seniority[list(oldest)] = range(len(oldest), 0, -1)
    found = shown(probability, masks, seniority, replace(OPTIONS, **options))
    assert np.array_equal(found.probability, probability.numpy()[found.query])
    return found.query.tolist()


def test_nothing_shows_nothing() -> None:
    assert choose([], torch.zeros(0, 4, 10)) == []
    assert choose([0.1], logits((0, 5))) == []
    assert choose([0.9], logits((5, 5))) == []


def test_the_best_come_first() -> None:
    assert choose([0.4, 0.9, 0.2, 0.3], logits((0, 2), (3, 5), (5, 7), (8, 10))) == [1, 0, 3]


def test_of_twins_the_one_with_the_older_track_stays() -> None:
    twins = logits((0, 8), (0, 9), (9, 10))
    assert choose([0.9, 0.5, 0.4], twins) == [0, 2]
    assert choose([0.9, 0.5, 0.4], twins, (1,)) == [1, 2]
    assert choose([0.9, 0.5, 0.4], twins, (0, 1)) == [0, 2]
    assert choose([0.9, 0.5, 0.4], twins, (1, 0)) == [1, 2]
    assert choose([0.9, 0.5, 0.9], twins, (2, 1)) == [2, 1]
    assert choose([0.9, 0.5, 0.4], twins, duplicate_overlap=1.0) == [0, 1, 2]
    assert choose([0.9, 0.5, 0.4], twins, duplicate_overlap=0.95) == [0, 1, 2]


def test_a_twin_of_a_twin_that_went_stays() -> None:
    chain = logits((0, 6), (1, 7), (2, 8))  # neighbours overlap by 5 / 7, ends by 4 / 8
    assert choose([0.9, 0.8, 0.7], chain) == [0, 2]


def box(mask: Rle) -> tuple[int, int, int, int]:
    return mask.x, mask.y, mask.x + mask.width, mask.y + mask.height


@pytest.mark.parametrize('threshold', [0.0, 0.5, 1.0])
def test_masks_in_the_image(threshold: float) -> None:
    where = place(32, 48, SIZES)
    assert where == Placement((32, 48), (32, 48), (32, 64))
    maps = torch.full((1, 8, 16), -5.0)
    maps[:, 2:4, 4:8] = 5.0
    (mask,) = masks_at_source(maps, where, threshold)
    if threshold == 0.5:
        assert box(mask) == (16, 8, 32, 16)
    else:
        assert mask.area_px == (32 * 48 if threshold == 0 else 0)
    assert masks_at_source(maps[:0], where, 0.5) == []


def test_masks_of_a_scaled_image() -> None:
    where = place(128, 192, SIZES)
    assert where.picture == (64, 96)
    maps = torch.full((1, 16, 24), -5.0)
    maps[:, 4:8, 6:12] = 5.0
    (mask,) = masks_at_source(maps, where, 0.5)
    assert np.abs(np.array(box(mask)) - (48, 32, 96, 64)).max() <= 1


def test_where_images_lie() -> None:
    assert place(64, 96, SIZES).padded == (64, 96)
    assert place(20, 30, SIZES).picture == (20, 30), 'small ones keep their size'
    assert place(20, 30, SIZES, 40).picture == (40, 60), 'but where a side is asked for'
    assert place(640, 960, SIZES).picture == (64, 96)
    assert place(10, 5000, SIZES).picture == (6, 96), 'slender ones are squeezed'


def test_pictures_are_normalised_and_padded() -> None:
    image = np.full((32, 48, 3), 255, np.uint8)
    x = prepare(image, place(32, 48, SIZES), 'cpu')
    assert x.shape == (1, 3, 32, 64)
    torch.testing.assert_close(
        x[0, :, 0, 0], torch.tensor((2.2489, 2.4286, 2.64)), atol=1e-3, rtol=0
    )
    assert (x[..., 48:] == 0).all()
    batch = torch.zeros(2, 32, 48, 3, dtype=torch.uint8)
    assert normalise(batch, (32, 64)).shape == (2, 3, 32, 64)


def test_maps_of_several_scales_lie_on_each_other() -> None:
    small, large = place(32, 48, SIZES), place(32, 48, SIZES, 64)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing='ij')
    ramp = torch.stack((rows + 0.5, columns + 0.5))[None] * 2  # of the pixel at the same place
    found = aligned(ramp, large, small)
    assert found.shape == (1, 2, 8, 16)
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(12.0), indexing='ij')
    expected = torch.stack((rows + 0.5, columns + 0.5))[None] * 4
    torch.testing.assert_close(found[..., :12], expected)
    same = torch.rand(2, 3, 8, 16)
    torch.testing.assert_close(aligned(same, small, small), same)
