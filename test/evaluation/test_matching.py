# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from vis_ros.evaluation.coco_masks import from_rle
from vis_ros.evaluation.matching import match, track_ious
from vis_ros.ops import rle as rle_ops

HEIGHT, WIDTH, LENGTH = 5, 4, 3
THRESHOLDS = np.array([0.5, 0.75])
NO = np.zeros(1, dtype=np.bool_)


def random_tracks(rng, count):
    """Return dense masks (count, T, H, W) and the same masks packed, None for some empty ones."""
    dense = rng.random((count, LENGTH, HEIGHT, WIDTH)) < rng.choice([0.0, 0.3, 0.7], (count, 3))[
        ..., None, None
    ].reshape(count, LENGTH, 1, 1)
    packed = [
        tuple(
            None
            if not pixels.any() and rng.random() < 0.5
            else from_rle(rle_ops.encode(pixels), HEIGHT, WIDTH)
            for pixels in track
        )
        for track in dense
    ]
    return dense, packed


def slow_match(ious, threshold, ignored, crowd):
    """Return what `match` returns for one threshold and range, one pair after the other."""
    order = sorted(range(ious.shape[1]), key=lambda g: ignored[g])
    taken, matched = set(), []
    for row in ious:
        best, best_iou = -1, min(threshold, 1 - 1e-10)
        for g in order:
            if g in taken and not crowd[g]:
                continue
            if best >= 0 and not ignored[best] and ignored[g]:
                break
            if row[g] >= best_iou:
                best, best_iou = g, row[g]
        taken.add(best)
        matched.append(best)
    return matched


def test_no_tracks():
    assert track_ious([], []).shape == (0, 0)
    some = [(from_rle(rle_ops.encode(np.ones((2, 2), np.bool_)), HEIGHT, WIDTH),)]
    assert track_ious(some, []).shape == (1, 0)
    assert track_ious([], some).shape == (0, 1)
    assert track_ious([(None,)], [(None,)]).tolist() == [[0.0]]
    empty = np.zeros((1, 0), dtype=np.bool_)
    assert match(np.zeros((0, 0)), THRESHOLDS, empty, NO[:0]).shape == (1, 2, 0)
    assert match(np.zeros((2, 0)), THRESHOLDS, empty, NO[:0]).tolist() == [[[-1, -1]] * 2]
    assert match(np.zeros((0, 1)), THRESHOLDS, NO[None], NO).shape == (1, 2, 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_ious_are_those_of_dense_masks(seed, results, truths):
    rng = np.random.default_rng(seed)
    first, first_packed = random_tracks(rng, results)
    second, second_packed = random_tracks(rng, truths)
    both = (first[:, None] & second[None]).sum(axis=(2, 3, 4))
    either = (first[:, None] | second[None]).sum(axis=(2, 3, 4))
    expected = np.where(either > 0, both / np.maximum(either, 1), 0.0)
    assert (track_ious(first_packed, second_packed) == expected).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(1, 5))
def test_matches_are_those_of_the_slow_way(seed, results, truths):
    rng = np.random.default_rng(seed)
    ious = rng.integers(0, 5, (results, truths)) / 4.0  # many ties, many at a threshold
    crowd = rng.random(truths) < 0.3
    ignored = np.stack([crowd, crowd | (rng.random(truths) < 0.5)])
    found = match(ious, THRESHOLDS, ignored, crowd)
    for area in range(2):
        for index, threshold in enumerate(THRESHOLDS):
            expected = slow_match(ious, threshold, ignored[area], crowd)
            assert found[area, index].tolist() == expected


def test_the_later_of_two_equal_tracks_wins():
    assert match(np.array([[0.8, 0.8]]), THRESHOLDS, np.zeros((1, 2), bool), np.zeros(2, bool))[
        0
    ].tolist() == [[1], [1]]


def test_an_iou_of_almost_one_reaches_a_threshold_of_one():
    assert match(np.array([[1 - 5e-11]]), np.array([1.0]), NO[None], NO).tolist() == [[[0]]]
    assert match(np.array([[1.0]]), np.array([1.0]), NO[None], NO).tolist() == [[[0]]]
