# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of messages: there and back, and what is refused."""

from array import array
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from track_messages import mask_of

from vis_ros.client.masks import (
    MAX_PIXELS,
    decode_mask,
    mask_area_px,
    mask_contains,
    overlap_px,
    read_mask,
)
from vis_ros.ops.rle import encode
from vis_ros.structures import Rle

images = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


def raw(x=0, y=0, width=2, height=2, counts=(4,)):
    """Return a message with any numbers in it."""
    return SimpleNamespace(x=x, y=y, width=width, height=height, counts=counts)


def test_the_empty_mask():
    empty = mask_of(Rle())
    assert decode_mask(empty).shape == (0, 0)
    assert not decode_mask(empty, (3, 5)).any()
    assert decode_mask(empty, (0, 0)).shape == (0, 0)
    assert mask_area_px(empty) == 0
    assert not mask_contains(empty, 0, 0)
    assert overlap_px(read_mask(empty), np.ones((3, 3), np.bool_)) == 0


@given(images)
def test_encode_message_decode_is_the_mask(pixels):
    height, width = pixels.shape
    mask = mask_of(encode(pixels))
    assert np.array_equal(decode_mask(mask, pixels.shape), pixels)
    crop = decode_mask(mask)
    assert crop.dtype == np.bool_
    assert np.array_equal(
        crop, pixels[mask.y : mask.y + mask.height, mask.x : mask.x + mask.width]
    )
    assert mask_area_px(mask) == pixels.sum()
    asked = [[mask_contains(mask, u + 0.5, v) for u in range(width)] for v in range(height)]
    assert np.array_equal(np.array(asked), pixels)


@given(images, images)
def test_overlap_is_that_of_the_images(a, b):
    height, width = max(a.shape[0], b.shape[0]), max(a.shape[1], b.shape[1])
    both = np.zeros((height, width), np.bool_), np.zeros((height, width), np.bool_)
    for image, pixels in zip(both, (a, b), strict=True):
        image[: pixels.shape[0], : pixels.shape[1]] = pixels
    assert overlap_px(encode(a), b) == np.count_nonzero(both[0] & both[1])


@pytest.mark.parametrize(
    'counts', [(1, 2, 1), [1, 2, 1], array('I', [1, 2, 1]), np.array([1, 2, 1], np.uint32)]
)
def test_counts_of_any_host(counts):
    assert decode_mask(raw(counts=counts)).tolist() == [[False, True], [True, False]]


def test_runs_without_pixels_are_runs():
    assert decode_mask(raw(counts=(0, 1, 0, 3))).all()


def test_reading_copies():
    counts = np.array([0, 4], np.uint32)
    rle = read_mask(raw(counts=counts))
    counts[:] = 2
    assert rle.counts.tolist() == [0, 4]


@pytest.mark.parametrize(
    ('mask', 'text'),
    [
        (raw(counts=(3,)), r'counts: expected a sum of 2 x 2 = 4, got 3'),
        (raw(counts=(4, 1)), 'got 5'),
        (raw(counts=()), 'got 0'),
        (raw(width=0, height=0, counts=(1,)), 'got 1'),
        (raw(width=0, counts=()), 'one side only, got 0x2'),
        (raw(counts=(2, -1, 3)), r'in \[0, 2\*\*32\), got -1 to 3'),
        (raw(counts=(2.0, 2.0)), 'integers, got float64'),
        (raw(counts=((2,), (2,))), 'of shape'),
        (raw(counts=(2**32, 4)), '4294967296'),
        (raw(x=-1), 'no negative number, got 2x2 at'),
        (raw(width=2**32 - 1, height=2**32 - 1, counts=(1,)), f'at most {MAX_PIXELS} pixels'),
    ],
)
def test_bad_masks_are_refused(mask, text):
    for ask in (decode_mask, mask_area_px, lambda bad: mask_contains(bad, 0, 0)):
        with pytest.raises(ValueError, match=text):
            ask(mask)


@pytest.mark.parametrize('shape', [(3, 3), (4, 2), (0, 0)])
def test_out_of_the_image(shape):
    with pytest.raises(ValueError, match=r'crop 2x2 at \(1, 2\) reaches out of the'):
        decode_mask(raw(x=1, y=2), shape)


@pytest.mark.parametrize(
    ('shape', 'text'), [((-1, 4), 'no negative side'), ((2**20, 2**20), 'at most')]
)
def test_bad_images_are_refused(shape, text):
    with pytest.raises(ValueError, match=text):
        decode_mask(raw(), shape)


@pytest.mark.parametrize(
    ('u', 'v'), [(-1, 0), (0, -0.1), (2, 0), (0, 2), (np.nan, 0), (0, np.inf)]
)
def test_points_outside_of_the_crop(u, v):
    assert not mask_contains(raw(counts=(0, 4)), u, v)


@given(
    st.lists(st.integers(0, 2**32 - 1), max_size=4), st.tuples(*[st.integers(0, 2**32 - 1)] * 4)
)
def test_any_numbers_are_read_or_refused(counts, numbers):
    x, y, width, height = numbers
    try:
        pixels = decode_mask(raw(x, y, width, height, counts), (48, 64))
    except ValueError:
        return
    assert pixels.shape == (48, 64)
