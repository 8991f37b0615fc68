# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth of a topic in a bag."""

import pytest
from replay_world import (
    HEIGHT,
    START_NS,
    STEP_NS,
    WIDTH,
    frame_at,
    result_of_image,
    track_of,
    write_truth,
    write_world,
)

from vis_ros.evaluation.bag_truth import read_bag_truth
from vis_ros.evaluation.coco_masks import to_rle
from vis_ros.media.bag_writer import BagWriter
from vis_ros.media.source import SourceError
from vis_ros.structures import FrameResult, Rle
from vis_ros.wire.conversion import TRACKS_TYPE


def written(path, *results):
    """Return a bag with such truth and without label info."""
    with BagWriter(path) as writer:
        for result in results:
            write_truth(writer, result, size=(result.height, result.width))
    return path


def result_at(index, *tracks, size=(HEIGHT, WIDTH), session_id=0):
    return FrameResult(START_NS + index * STEP_NS, '', *size, tracks, session_id=session_id)


BOX = result_of_image(frame_at(0)).tracks[0].mask


def test_frames_without_an_object(tmp_path):
    truth = read_bag_truth(written(tmp_path / 'bag', result_at(0), result_at(1)))
    assert truth.annotations.tracks == ()
    assert truth.annotations.videos[1].length == 2


def test_all_that_a_bag_holds(tmp_path):
    truth = read_bag_truth(write_world(tmp_path / 'bag', 3), name='walk')
    video = truth.annotations.videos[1]
    assert (video.height, video.width) == (HEIGHT, WIDTH)
    assert video.file_names == ('walk/000000', 'walk/000001', 'walk/000002')
    assert truth.stamps_ns == tuple(START_NS + i * STEP_NS for i in range(3))
    assert truth.annotations.categories == {1: 'cat', 2: 'dog'}
    assert [track.category_id for track in truth.annotations.tracks] == [1, 2]
    assert truth.annotations.tracks[0].areas_px == (64.0, 64.0, 64.0)
    for index in range(3):
        expected = result_of_image(frame_at(index)).tracks
        found = [to_rle(track.masks[index]) for track in truth.annotations.tracks]
        assert found == [track.mask for track in expected]
    assert truth.problems == ()


def test_classes_without_label_info_come_from_the_tracks(tmp_path):
    path = written(tmp_path / 'bag', result_at(0, track_of(2, BOX)))
    assert read_bag_truth(path).annotations.categories == {2: 'dog'}


def test_hidden_objects_have_no_mask_and_unseen_ones_are_left_out(tmp_path):
    frames = [
        result_at(0, track_of(1, Rle()), track_of(2, Rle())),
        result_at(1, track_of(1, BOX), track_of(2, Rle())),
        result_at(2),
    ]
    (track,) = read_bag_truth(written(tmp_path / 'bag', *frames)).annotations.tracks
    assert [mask is not None for mask in track.masks] == [False, True, False]
    assert track.areas_px == (None, 64.0, None)


def test_messages_out_of_order_are_sorted_by_stamp(tmp_path):
    path = written(tmp_path / 'bag', result_at(2), result_at(0, track_of(1, BOX)))
    truth = read_bag_truth(path)
    assert truth.stamps_ns == (START_NS, START_NS + 2 * STEP_NS)
    assert truth.annotations.tracks[0].masks[1] is None


def test_the_same_id_in_two_sessions_is_two_objects(tmp_path):
    frames = [result_at(i, track_of(1, BOX), session_id=i) for i in range(2)]
    tracks = read_bag_truth(written(tmp_path / 'bag', *frames)).annotations.tracks
    assert [track.track_id for track in tracks] == [1, 2]


def test_a_bag_without_the_topic(tmp_path):
    path = write_world(tmp_path / 'bag', 2, with_truth=False)
    with pytest.raises(SourceError, match=r'no ground truth /ground_truth/tracks.*/image'):
        read_bag_truth(path)
    path = write_world(tmp_path / 'other', 2, topic='/truth/tracks')
    assert len(read_bag_truth(path, topic='/truth/tracks').stamps_ns) == 2


def test_a_topic_without_a_message(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.declare('/ground_truth/tracks', TRACKS_TYPE)
    with pytest.raises(ValueError, match='has no message'):
        read_bag_truth(tmp_path / 'bag')


@pytest.mark.parametrize(
    ('frames', 'text'),
    [
        ([result_at(0), result_at(1, size=(5, 6))], 'message 1: expected 24 x 80, .* got 5 x 6'),
        ([result_at(0), result_at(0)], f'message 1: the stamp {START_NS} ns is there twice'),
        (
            [result_at(0, track_of(1, BOX)), result_at(1, track_of(1, BOX, class_id=1))],
            'id 1: expected the class id 0 that it had before, got 1',
        ),
        ([result_at(0, track_of(1, BOX), track_of(1, BOX))], 'id 1 is there twice'),
        (
            [result_at(0, track_of(1, BOX._replace(x=78)))],
            'id 1 at stamp .* reaches out of the',
        ),
        (
            [result_at(0, track_of(1, BOX._replace(width=9)))],
            'message 0: counts: expected a sum of 72, got 64',
        ),
    ],
)
def test_truth_that_is_none(tmp_path, frames, text):
    path = written(tmp_path / 'bag', *frames)
    with pytest.raises(ValueError, match=text):
        read_bag_truth(path)


def test_a_class_that_the_label_info_lacks(tmp_path):
    path = write_world(tmp_path / 'bag', 1, labels=('cat',))
    with pytest.raises(ValueError, match=r'class ids \[1\]: expected 0 to 0'):
        read_bag_truth(path)


def test_a_bag_that_was_cut_short(tmp_path):
    path = write_world(tmp_path / 'bag', 3)
    (path / 'metadata.yaml').unlink()
    assert len(read_bag_truth(path).stamps_ns) == 3
