# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from vis_ros.evaluation.coco_masks import to_rle
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Video
from vis_ros.ops import rle as rle_ops
from vis_ros.structures import FrameResult, Rle, Track, TrackState

VIDEO = Video(video_id=3, height=6, width=8, file_names=('0', '1', '2'))
MASK = rle_ops.encode(np.ones((2, 3), dtype=np.bool_), x=1, y=4)
ACTIVE, TENTATIVE, LOST = TrackState.ACTIVE, TrackState.TENTATIVE, TrackState.LOST


def track(track_id, score, class_id=0, state=ACTIVE, class_scores=()):
    return Track(
        track_id=track_id,
        slot=0,
        state=state,
        class_id=class_id,
        score=score,
        box=(1.0, 4.0, 4.0, 6.0),
        mask=Rle() if state == LOST else MASK,
        first_seen_ns=0,
        last_seen_ns=0,
        hits=1,
        misses=0,
        class_scores=class_scores,
    )


def frame(*tracks, session_id=1, size=(6, 8)):
    return FrameResult(0, 'camera', *size, tuple(tracks), session_id=session_id)


def gather(frames, categories=(10, 20, None), **options):
    results = VideoResults(VIDEO, categories, **options)
    for index, one in enumerate(frames):
        results.add(index, one)
    return results.finish()


def test_nothing_gives_nothing():
    assert gather([]) == gather([frame(), frame()]) == ()


def test_one_entry_for_each_track():
    found = gather([frame(track(5, 0.9), track(2, 0.5)), frame(track(5, 0.6)), frame()])
    assert [(entry.category_id, entry.score) for entry in found] == [(10, 0.75), (10, 0.5)]
    assert found[0].video_id == 3
    assert [mask and mask.area_px for mask in found[0].masks] == [6, 6, None]
    assert to_rle(found[0].masks[0]) == MASK


def test_the_class_is_that_of_the_highest_mean():
    scores = [((0, 0.6), (1, 0.4)), ((1, 0.9),), ((0, 0.2), (1, 0.1))]
    (entry,) = gather([frame(track(1, 0.5, class_scores=pairs)) for pairs in scores])
    assert entry.category_id == 20
    assert entry.score == pytest.approx((0.4 + 0.9 + 0.1) / 3)


def test_the_lowest_of_equal_classes_is_taken():
    (entry,) = gather([frame(track(1, 0.5, class_scores=((1, 0.5), (0, 0.5))))])
    assert entry.category_id == 10


def test_a_class_that_the_data_set_lacks_is_never_chosen():
    (entry,) = gather([frame(track(1, 0.5, class_scores=((2, 0.9), (1, 0.1))))])
    assert (entry.category_id, entry.score) == (20, 0.1)
    assert gather([frame(track(1, 0.9, class_id=2))]) == ()


def test_lost_frames_do_not_count():
    (entry,) = gather([frame(track(1, 0.8)), frame(track(1, 0.8, state=LOST))])
    assert entry.score == 0.8
    assert entry.masks[1:] == (None, None)


def test_tracks_that_were_never_confirmed_are_left_out():
    frames = [
        frame(track(1, 0.4, state=TENTATIVE), track(2, 0.9, state=TENTATIVE)),
        frame(track(1, 0.8)),
    ]
    (entry,) = gather(frames)
    assert entry.score == pytest.approx(0.6)
    assert entry.masks[0] is not None
    assert len(gather(frames, keep_tentative=True)) == 2


def test_the_same_id_in_two_sessions_is_two_tracks():
    found = gather([frame(track(1, 0.4)), frame(track(1, 0.8), session_id=2)])
    assert [entry.score for entry in found] == [0.4, 0.8]


def test_frames_that_the_video_lacks_are_refused():
    results = VideoResults(VIDEO, (1,))
    for index in (-1, 3):
        with pytest.raises(ValueError, match=rf'frame: expected 0 to 2, got {index}'):
            results.add(index, frame())
    with pytest.raises(ValueError, match='expected 6 x 8, the size of video 3, got 8 x 6'):
        results.add(0, frame(size=(8, 6)))
