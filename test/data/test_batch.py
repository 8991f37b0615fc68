# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from tiny_videos import painted

from vis_ros.data.batch import collate
from vis_ros.data.clip import Clip

SIZE = (6, 8)


def test_a_clip_without_objects_has_one_place_of_padding():
    images, truth = collate([painted(SIZE, [[], []])])
    assert images.shape == (1, 2, 6, 8, 3)
    assert images.dtype == torch.uint8
    assert truth.boxes.shape == (1, 2, 1, 4)
    assert truth.labels.shape == (1, 2, 6, 8)
    assert not truth.is_visible.any()
    assert not truth.boxes.any()
    assert truth.class_ids.tolist() == [[0]]


def test_objects_of_clips_are_padded_to_the_most():
    first = painted(SIZE, [[(1, 2, 3, 2)], [None]], classes=[4])
    second = painted(SIZE, [[(0, 0, 2, 2), (5, 5, 1, 1)], [None, (6, 0, 2, 6)]], classes=[0, 9])
    images, truth = collate([first, second])
    assert truth.boxes.dtype == torch.float32
    assert truth.boxes[0].tolist() == [[[1, 2, 4, 4], [0] * 4], [[0] * 4, [0] * 4]]
    assert truth.boxes[1, 0].tolist() == [[0, 0, 2, 2], [5, 5, 6, 6]]
    assert truth.boxes[1, 1].tolist() == [[0] * 4, [6, 0, 8, 6]]
    assert truth.is_visible.tolist() == [
        [[True, False], [False, False]],
        [[True, True], [False, True]],
    ]
    assert truth.class_ids.tolist() == [[5, 0], [1, 10]]
    assert truth.class_ids.dtype == torch.int64
    for i, clip in enumerate((first, second)):
        assert np.array_equal(images[i].numpy(), clip.images)
        assert np.array_equal(truth.labels[i].numpy(), clip.labels)


def test_a_batch_does_not_share_memory_with_its_clips():
    clip = painted(SIZE, [[(1, 2, 3, 2)]])
    images, truth = collate([clip])
    images.zero_()
    truth.labels.zero_()
    assert clip.images.any()
    assert clip.labels.any()


def test_clips_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='one or more'):
        collate([])
    with pytest.raises(ValueError, match='same shape'):
        collate([painted(SIZE, [[]]), painted(SIZE, [[], []])])
    clip = painted(SIZE, [[(0, 0, 2, 2)]])
    with pytest.raises(ValueError, match='labels: expected at most 0, got 1'):
        collate([Clip(clip.images, clip.labels, np.zeros(0, np.int64))])
