# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tiny_videos import MemoryData, painted

from vis_ros.data.joined_data import JoinedData

ONE = painted((8, 8), [[(0, 0, 3, 3), (5, 5, 2, 2)]], classes=[0, 1])
TWO = painted((8, 8), [[(1, 1, 3, 3)]] * 2, classes=[1])
THREE = painted((8, 8), [[]] * 3)
FIRST = MemoryData(('cat', 'dog'), (ONE, TWO))
SECOND = MemoryData(('fox', 'cat'), (THREE, TWO, ONE))


def test_videos_follow_each_other_and_classes_go_by_name():
    data = JoinedData([FIRST, SECOND], ['dog', 'cat', 'emu', 'fox'])
    assert data.classes == ('dog', 'cat', 'emu', 'fox')
    assert data.lengths == (1, 2, 3, 2, 1)
    assert data.source_of.tolist() == [0, 0, 1, 1, 1]
    classes = [data.clip(video, [0]).class_ids.tolist() for video in range(5)]
    assert classes == [[1, 0], [0], [], [1], [3, 1]]
    clip = data.clip(3, [1, 0])
    assert np.array_equal(clip.labels, TWO.labels)
    assert np.array_equal(clip.images, TWO.images)


def test_joined_data_can_be_joined():
    inner = JoinedData([FIRST], ['dog', 'cat'])
    data = JoinedData([SECOND, inner], ['cat', 'dog', 'fox'])
    assert data.clip(3, [0]).class_ids.tolist() == [0, 1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='at least one'):
        JoinedData([], ['cat'])
    with pytest.raises(ValueError, match='source 1: expected classes among cat, dog, got fox'):
        JoinedData([FIRST, SECOND], ['cat', 'dog'])
    with pytest.raises(ValueError, match='there twice: cat'):
        JoinedData([FIRST], ['cat', 'dog', 'cat'])
