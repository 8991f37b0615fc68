# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of probabilities as masks in the image."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from vis_ros.ops.rle import from_crop, to_dense
from vis_ros.ops.soft_masks import paste_mask


def test_nothing_above_the_threshold() -> None:
    for soft in (np.zeros((4, 5), np.float32), np.full((4, 5), 0.5, np.float32)):
        assert not paste_mask(soft, (40, 50), 0.5).pixels.any()


def test_by_hand() -> None:
    soft = np.array([[0, 1, 1, 0]], np.float32)
    mask = paste_mask(soft, (1, 8), 0.5)
    dense = to_dense(from_crop(mask), 1, 8)
    # pixels lie at -0.25, 0.25, 0.75, 1.25, ... of the cells
    assert dense.tolist() == [[False, False, True, True, True, True, False, False]]


def test_the_crop_is_no_larger_than_needed() -> None:
    soft = np.zeros((20, 20), np.float32)
    soft[4:6, 10:13] = 1
    mask = paste_mask(soft, (200, 200), 0.5)
    assert mask.pixels.shape[0] <= 50 and mask.pixels.shape[1] <= 60


@pytest.mark.parametrize('size', [(40, 60), (80, 120), (37, 61), (720, 1280), (9, 7), (1, 1)])
def test_same_as_scaling_the_whole_map(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        soft = np.zeros((40, 60), np.float32)
        top, left = rng.integers(0, 40), rng.integers(0, 60)
        part = soft[top : top + rng.integers(1, 41), left : left + rng.integers(1, 61)]
        part[:] = rng.random(part.shape) * rng.choice([1.0, 0.4])
        whole = functional.interpolate(torch.from_numpy(soft)[None, None], size, mode='bilinear')
        expected = whole[0, 0].numpy()
        mask = paste_mask(soft, size, 0.5)
        found = to_dense(from_crop(mask), *size) if mask.pixels.any() else np.zeros(size, np.bool_)
        is_clear = np.abs(expected - 0.5) > 1e-5
        np.testing.assert_array_equal(found[is_clear], (expected > 0.5)[is_clear])
        height, width = mask.pixels.shape
        assert 0 <= mask.x <= size[1] - width and 0 <= mask.y <= size[0] - height
