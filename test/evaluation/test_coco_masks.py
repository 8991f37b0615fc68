# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as mask_utils

from vis_ros.evaluation.coco_masks import boxes, decode_counts, from_rle, read_mask, to_rle
from vis_ros.evaluation.json_input import DataError, Item
from vis_ros.ops import rle as rle_ops
from vis_ros.structures import Rle

pixels_of_any_size = st.tuples(
    st.integers(1, 9), st.integers(1, 9), st.binary(min_size=81, max_size=81)
).map(lambda x: np.frombuffer(x[2], np.uint8)[: x[0] * x[1]].reshape(x[0], x[1]) % 3 == 0)


def read(value, height=4, width=3):
    return read_mask(Item('gt.json: here', value), height, width)


def plain_runs(pixels):
    flat = pixels.reshape(-1, order='F')
    runs, current = [0], False
    for value in flat:
        if value != current:
            runs.append(0)
            current = bool(value)
        runs[-1] += 1
    return runs


def test_null_and_empty():
    assert read(None) is None
    for counts in ([12], [12, 0], [0, 0, 12], [5, 0, 7]):
        mask = read({'size': [4, 3], 'counts': counts})
        assert mask.area_px == 0
        assert mask_utils.area(mask.to_coco()) == 0
    assert from_rle(Rle(), 4, 3).area_px == 0
    assert boxes([]).shape == (0, 4)


@given(pixels_of_any_size)
def test_all_forms_are_one_mask(pixels):
    height, width = pixels.shape
    packed = mask_utils.encode(np.asfortranarray(pixels.astype(np.uint8)))
    size = [height, width]
    compressed = read({'size': size, 'counts': packed['counts'].decode('ascii')}, height, width)
    plain = read({'size': size, 'counts': plain_runs(pixels)}, height, width)
    own = from_rle(rle_ops.encode(pixels), height, width)
    assert compressed == plain == own
    assert compressed.area_px == int(pixels.sum())
    assert (rle_ops.to_dense(to_rle(compressed), height, width) == pixels).all()
    assert (mask_utils.decode([compressed.to_coco()])[..., 0] == pixels).all()
    if pixels.any():
        rows, columns = np.nonzero(pixels)
        x, y = columns.min(), rows.min()
        expected = [x, y, columns.max() + 1 - x, rows.max() + 1 - y]
        assert boxes([compressed]).tolist() == [expected]


@given(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=30))
def test_compressed_strings_are_read_like_pycocotools_writes_them(runs):
    total = sum(runs)
    packed = mask_utils.frPyObjects({'size': [max(total, 1), 1], 'counts': runs}, max(total, 1), 1)
    assert decode_counts(packed['counts']).tolist() == runs


def test_runs_without_length_are_joined():
    mask = read({'size': [4, 3], 'counts': [0, 0, 2, 1, 0, 2, 0, 0, 7]})
    same = read({'size': [4, 3], 'counts': [2, 3, 7]})
    assert mask == same
    packed = mask_utils.frPyObjects({'size': [4, 3], 'counts': [2, 1, 0, 2, 7]}, 4, 3)['counts']
    assert read({'size': [4, 3], 'counts': packed.decode('ascii')}) == same
    assert boxes([mask]).tolist() == [[0, 0, 2, 4]]


def test_polygons_are_filled():
    mask = read([[0, 0, 2, 0, 2, 3, 0, 3]])
    assert mask.area_px == 6
    assert boxes([mask]).tolist() == [[0, 0, 2, 3]]


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (5, 'expected an object with keys'),
        ({}, "the key 'size' is missing"),
        ({'size': [4, 3]}, "the key 'counts' is missing"),
        ({'size': [3, 4], 'counts': [12]}, r'here\.size: expected .* \[4, 3\], got \[3, 4\]'),
        ({'size': [4, 3], 'counts': [11]}, 'sum of 4 x 3 = 12, got'),
        ({'size': [4, 3], 'counts': []}, 'sum of 4 x 3'),
        ({'size': [4, 3], 'counts': [-1, 13]}, 'integers of 0 or more'),
        ({'size': [4, 3], 'counts': [12.0]}, 'integers of 0 or more'),
        ({'size': [4, 3], 'counts': {}}, 'a compressed string or a list'),
        ({'size': [4, 3], 'counts': ''}, 'the string is empty'),
        ({'size': [4, 3], 'counts': 'P'}, 'ends within a number'),
        ({'size': [4, 3], 'counts': 'é'}, 'compressed run lengths'),
        ({'size': [4, 3], 'counts': '\x01'}, 'outside of the code'),
        ({'size': [4, 3], 'counts': 'PPPPPPPPP0'}, 'too long'),
        ({'size': [4, 3], 'counts': 'O='}, 'sum of 4 x 3'),
        ([], 'polygons'),
        ([[0, 0, 1]], 'polygons'),
        ([[0, 0, 1, 1, 'x', 2]], r'\[0\]\[4\]: expected a finite number'),
    ],
)
def test_wrong_masks_are_refused_with_their_place(value, text):
    with pytest.raises(DataError, match=text) as caught:
        read(value)
    assert str(caught.value).startswith('gt.json: here')
