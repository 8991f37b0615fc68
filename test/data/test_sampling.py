# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from tiny_videos import MemoryData, painted
from torch.utils.data import DataLoader

from vis_ros.data.augment import AugmentConfig
from vis_ros.data.batch import collate
from vis_ros.data.joined_data import JoinedData
from vis_ros.data.sampling import (
    ClipDataset,
    SamplingConfig,
    before_workers,
    clip_frames,
    video_order,
)
from vis_ros.structures.options import options_of

SIZE = (12, 16)


def video(length, place=(2, 3, 6, 5)):
    return painted(SIZE, [[place, (9, 9, 2, 2)]] * length, classes=[0, 1])


def data_of(*lengths):
    return MemoryData(('cat', 'dog'), tuple(video(length) for length in lengths))


def clips(data, *, seed=0, augmentation=None, **values):
    sampling = SamplingConfig(**values)
    return ClipDataset(data, SIZE, sampling, augmentation=augmentation, seed=seed)


def epoch_of(dataset, epoch):
    return [dataset.video(epoch, place) for place in range(len(dataset))]


def same(a, b):
    pairs = zip((a.images, a.labels, a.class_ids), (b.images, b.labels, b.class_ids), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_no_video_is_refused():
    with pytest.raises(ValueError, match='items: expected at most the 0 videos with 10 frames'):
        clips(data_of())
    with pytest.raises(ValueError, match='at most the 2 videos with 3 frames or more .*, got 3'):
        clips(data_of(3, 2, 4), frames=3, items=3)


def test_an_epoch_takes_each_video_once():
    dataset = clips(data_of(*[4] * 50), frames=4)
    assert len(dataset) == 50
    first, second = epoch_of(dataset, 0), epoch_of(dataset, 1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != list(range(50))


def test_order_depends_on_nothing_but_seed_and_epoch():
    data = data_of(*[4] * 50)
    expected = epoch_of(clips(data, frames=4, seed=3), 2)
    again = clips(data, frames=4, seed=3)
    again.video(7, 1)
    assert epoch_of(again, 2) == expected
    assert epoch_of(clips(data, frames=4, seed=4), 2) != expected


def test_ranks_take_disjoint_parts_that_make_up_the_epoch():
    data = data_of(*[4] * 30)
    parts = [
        {clips(data, frames=4, seed=1).video(5, place) for place in range(rank, 30, 3)}
        for rank in range(3)
    ]
    assert [len(part) for part in parts] == [10, 10, 10]
    assert set.union(*parts) == set(range(30))


def test_places_outside_of_the_epoch_are_refused():
    dataset = clips(data_of(4, 4), frames=4)
    for place in (-1, 2):
        with pytest.raises(IndexError, match='expected 0 to 1'):
            dataset.video(0, place)


def test_short_videos_are_left_out_or_their_end_is_repeated():
    data = data_of(2, 5, 4, 1)
    assert sorted(epoch_of(clips(data, frames=4), 0)) == [1, 2]
    padded = clips(data, frames=4, repeat_last=True)
    assert sorted(epoch_of(padded, 0)) == [0, 1, 2, 3]
    assert {padded.item(0, place).labels.shape for place in range(4)} == {(4, *SIZE)}


def test_frames_are_contiguous_and_all_starts_alike():
    assert clip_frames(5, 3, 0.0) == [0, 1, 2]
    assert clip_frames(5, 3, 0.999999) == [2, 3, 4]
    assert clip_frames(2, 4, 0.9) == [0, 1, 1, 1]
    assert clip_frames(1, 1, 0.5) == [0]
    draws = (np.arange(300) + 0.5) / 300
    starts = [clip_frames(12, 10, draw)[0] for draw in draws]
    assert np.bincount(starts).tolist() == [100, 100, 100]


def test_draws_follow_the_weights_without_repetition():
    weights = np.array([0.0, 1.0, 2.0, 5.0])
    orders = [video_order(weights, 3, seed=0, epoch=epoch) for epoch in range(2000)]
    assert all(sorted(order) == [1, 2, 3] for order in orders)
    firsts = np.bincount([order[0] for order in orders], minlength=4) / 2000
    assert np.abs(firsts - weights / 8).max() < 0.04
    after = [order[1] for order in orders if order[0] == 3]
    assert np.mean(np.array(after) == 2) == pytest.approx(2 / 3, abs=0.05)


def test_sources_are_mixed_by_their_shares():
    few, many = data_of(*[4] * 40), data_of(*[1] * 800)
    data = JoinedData([few, many], few.classes)
    dataset = clips(data, frames=1, items=20, shares=(0.25, 0.75))
    assert len(dataset) == 20
    share = np.mean([[v >= 40 for v in epoch_of(dataset, epoch)] for epoch in range(100)])
    assert 0.72 < share < 0.84  # a little more than 0.75, as the few are used up
    assert len(set(epoch_of(dataset, 0))) == 20
    longer = clips(data, frames=4, items=20, shares=(1.0, 0.0))
    assert max(epoch_of(longer, 0)) < 40


def test_shares_that_do_not_fit_are_refused():
    data = JoinedData([data_of(4, 4), data_of(1)], ('cat', 'dog'))
    for shares in ((1.0,), (0.2, 0.3, 0.5), (0.0, 0.0)):
        with pytest.raises(ValueError, match='shares: expected 2, not all 0, got'):
            clips(data, frames=1, shares=shares)
    with pytest.raises(ValueError, match='source 1 has no video that is long enough'):
        clips(data, frames=2, shares=(0.5, 0.5))
    with pytest.raises(ValueError, match='at most the 2 videos'):
        clips(data, frames=1, shares=(1.0, 0.0), items=3)
    assert len(clips(data_of(4, 4), frames=1, shares=(1.0,))) == 2


def test_a_clip_is_a_function_of_seed_epoch_and_place():
    data = data_of(6, 9, 7)
    values = {'frames': 4, 'augmentation': AugmentConfig(fit_height=20, fit_width=30)}
    one, other = clips(data, **values), clips(data, **values)
    assert same(one.item(3, 1), other[3, 1])
    assert same(one.item(3, 1), one.item(3, 1))
    assert not same(one.item(3, 1), clips(data, seed=1, **values).item(3, 1))
    views = [one.item(epoch, 0).labels.tobytes() for epoch in range(10)]
    assert len(set(views)) > 5


def test_without_augmentation_clips_are_stretched():
    data = MemoryData(('cat', 'dog'), (video(1),))
    dataset = ClipDataset(data, (24, 32), SamplingConfig(frames=1))
    clip = dataset[0, 0]
    assert np.array_equal(clip.labels[0], video(1).labels[0].repeat(2, 0).repeat(2, 1))


def test_objects_that_are_not_seen_are_left_out():
    hidden = painted(SIZE, [[None, (2, 2, 5, 5)], [None, None]], classes=[0, 1])
    data = MemoryData(('cat', 'dog'), (hidden,))
    clip = clips(data, frames=2)[0, 0]
    assert clip.class_ids.tolist() == [1]
    assert np.array_equal(clip.labels, hidden.labels // 2)
    none = clips(MemoryData(('cat', 'dog'), (painted(SIZE, [[None, None]], [0, 1]),)), frames=1)
    assert none[0, 0].class_ids.size == 0


def test_workers_give_the_same_batches():
    data = data_of(6, 9, 7, 5)
    dataset = clips(data, frames=4, augmentation=AugmentConfig(fit_height=20, fit_width=30))
    keys = [[(0, 0), (0, 1)], [(0, 2), (0, 3)], [(1, 0), (1, 1)]]
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (31, 31), 0)  # starts OpenCV's threads
    before_workers()
    loader = DataLoader(dataset, batch_sampler=keys, collate_fn=collate, num_workers=1)
    for (images, truth), key in zip(loader, keys, strict=True):
        expected_images, expected = collate([dataset[pair] for pair in key])
        assert images.equal(expected_images)
        assert all(a.equal(b) for a, b in zip(truth, expected, strict=True))


def test_options_are_documented():
    assert all(item.doc for item in options_of(SamplingConfig))
