# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps stretched to the image window by window, against torch's own way with whole images."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.condinst.masks import aligned_bilinear
from vis_ros.ops.rle import from_crop, to_dense
from vis_ros.ops.stretch import (
    axes,
    axes_through,
    labels_of_first,
    labels_of_highest,
    masks_above,
    windows,
)

UNCLEAR = 1e-5  # values this close to a threshold may fall on either side
SIZES = [(40, 60), (80, 120), (37, 61), (720, 1280), (9, 7), (1, 1)]


def whole(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(maps[:, None], size, mode='bilinear', align_corners=False)[:, 0]


def patchy(seed: int, count: int, cells: tuple[int, int]) -> Tensor:
    """Return maps that are 0 but for a rectangle each, of up to 1 or 0.4."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((count, *cells), np.float32)
    for each in maps:
        top, left = rng.integers(0, cells[0]), rng.integers(0, cells[1])
        rows, columns = rng.integers(1, cells[0] + 1), rng.integers(1, cells[1] + 1)
        part = each[top : top + rows, left : left + columns]
        part[:] = rng.random(part.shape) * rng.choice([1.0, 0.4])
    return torch.from_numpy(maps)


def test_nothing_above_the_threshold() -> None:
    to = axes((4, 5), (40, 50))
    for value in (0.0, 0.5):
        maps = torch.full((1, 4, 5), value)
        assert not masks_above(maps, to, 0.5)[0].pixels.any()
        assert not labels_of_highest(maps, to, 0.5).any()
        assert not labels_of_first(maps, to, 0.5, [3]).any()
    assert masks_above(torch.zeros(0, 4, 5), to, 0.5) == []
    assert labels_of_highest(torch.zeros(0, 4, 5), to, 0.5).shape == (40, 50)
    assert labels_of_first(torch.zeros(0, 4, 5), to, 0.5, []).shape == (40, 50)


def test_the_threshold_itself() -> None:
    maps, to = torch.full((1, 4, 5), 0.5), axes((4, 5), (4, 5))
    assert masks_above(maps, to, 0.5, is_inclusive=True)[0].pixels.all()
    assert not masks_above(maps, to, 0.5)[0].pixels.any()


@pytest.mark.parametrize('threshold', [-np.inf, np.inf])
def test_thresholds_without_an_end(threshold: float) -> None:
    maps, to = torch.zeros(1, 4, 5), axes((4, 5), (8, 10))
    for is_inclusive in (False, True):
        (mask,) = masks_above(maps, to, threshold, is_inclusive=is_inclusive)
        assert mask.pixels.all() == mask.pixels.any() == (threshold < 0)


def test_by_hand() -> None:
    maps = torch.tensor([[[0.0, 1, 1, 0]]])
    (mask,) = masks_above(maps, axes((1, 4), (1, 8)), 0.5)
    dense = to_dense(from_crop(mask), 1, 8)
    # pixels lie at -0.25, 0.25, 0.75, 1.25, ... of the cells
    assert dense.tolist() == [[False, False, True, True, True, True, False, False]]


def test_the_crop_is_hardly_larger_than_needed() -> None:
    maps = torch.zeros(1, 20, 20)
    maps[0, 4:6, 10:13] = 1
    (mask,) = masks_above(maps, axes((20, 20), (200, 200)), 0.5)
    assert mask.pixels.shape[0] <= 50 and mask.pixels.shape[1] <= 60


@pytest.mark.parametrize('size', SIZES)
def test_masks_are_those_of_whole_maps(size: tuple[int, int]) -> None:
    maps = patchy(0, 30, (40, 60))
    for values, mask in zip(
        whole(maps, size).numpy(), masks_above(maps, axes((40, 60), size), 0.5), strict=True
    ):
        found = to_dense(from_crop(mask), *size)
        is_clear = np.abs(values - 0.5) > UNCLEAR
        np.testing.assert_array_equal(found[is_clear], (values > 0.5)[is_clear])
        height, width = mask.pixels.shape
        assert 0 <= mask.x <= size[1] - width and 0 <= mask.y <= size[0] - height


@pytest.mark.parametrize('size', SIZES)
def test_labels_are_those_of_whole_maps(size: tuple[int, int]) -> None:
    maps, labels = patchy(1, 9, (40, 60)), [7, 300, 1, 2, 9, 8, 5, 4, 3]
    values = whole(maps, size)
    is_clear = ((values - 0.5).abs() > UNCLEAR).all(0).numpy()
    table, to = np.array([0, *labels]), axes((40, 60), size)
    inside = values > 0.5
    first = torch.where(inside.any(0), inside.to(torch.uint8).argmax(0) + 1, 0).numpy()
    found = labels_of_first(maps, to, 0.5, labels)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found[is_clear], table[first][is_clear])
    stack = torch.cat((values.new_full((1, *size), 0.5), values))
    top = stack.topk(2, dim=0).values
    is_clear = (top[0] - top[1] > UNCLEAR).numpy()
    found = labels_of_highest(maps, to, 0.5, labels)
    np.testing.assert_array_equal(found[is_clear], table[stack.argmax(0).numpy()][is_clear])
    small = labels_of_highest(maps, to, 0.5)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small[is_clear], stack.argmax(0).numpy()[is_clear])


@given(
    seed=st.integers(0, 2**32 - 1),
    cells=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    share=st.tuples(st.floats(0.05, 1.0), st.floats(0.05, 1.0)),
    source=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    is_aligned=st.booleans(),
)
def test_two_steps_are_one(
    seed: int,
    cells: tuple[int, int],
    share: tuple[float, float],
    source: tuple[int, int],
    is_aligned: bool,
) -> None:
    maps = torch.rand(2, *cells, generator=torch.Generator().manual_seed(seed)) + 0.1
    padded = (cells[0] * 4, cells[1] * 4)
    picture = tuple(max(1, int(n * part)) for n, part in zip(padded, share, strict=True))
    larger = aligned_bilinear(maps[:, None], 4)[:, 0] if is_aligned else whole(maps, padded)
    expected = whole(larger[:, : picture[0], : picture[1]], source)
    to = axes_through(cells, padded, picture, source, is_aligned=is_aligned)
    assert to.size == source
    for n, y, x, values in windows(maps, to, 0.0):  # all is above 0
        assert (y, x) == (slice(0, source[0]), slice(0, source[1]))
        np.testing.assert_allclose(values, expected[n].numpy(), atol=2e-5)
