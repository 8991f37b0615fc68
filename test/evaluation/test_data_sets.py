# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets taken apart and put together."""

import json

import pytest
import tiny_data

from vis_ros.evaluation.data_sets import (
    annotations_json,
    as_one_class,
    join,
    match_classes,
    one_video,
    video_name,
)
from vis_ros.evaluation.ytvis import Annotations, Video, read_annotations

EMPTY = Annotations({}, {}, ())
FIRST = [tiny_data.FIRST] * tiny_data.LENGTH


def loaded(tmp_path, *, videos=(1, 5)):
    truths = [
        tiny_data.truth(7 + n, FIRST, video_id=video_id, category_id=1 + n % 2)
        for n, video_id in enumerate(videos)
    ]
    results = [tiny_data.result(0.5, FIRST, video_id=video_id) for video_id in videos]
    return tiny_data.load(tmp_path, tiny_data.data_set(truths, videos), results)


def test_nothing_joined():
    assert join([]) == (EMPTY, ())
    assert join([(EMPTY, ())]) == (EMPTY, ())


def test_a_joined_part_keeps_everything_but_its_ids(tmp_path):
    annotations, results = loaded(tmp_path)
    joined, found = join([(annotations, results), (annotations, results)])
    assert list(joined.videos) == [1, 2, 3, 4]
    assert [video.video_id for video in joined.videos.values()] == [1, 2, 3, 4]
    assert joined.categories == {1: 'a', 2: 'b'}
    assert [track.track_id for track in joined.tracks] == [1, 2, 3, 4]
    assert [track.video_id for track in joined.tracks] == [1, 2, 3, 4]
    assert [track.category_id for track in joined.tracks] == [1, 2, 1, 2]
    assert [result.video_id for result in found] == [1, 2, 3, 4]
    assert [result.masks for result in found[2:]] == [result.masks for result in results]


def test_categories_of_one_name_are_one(tmp_path):
    annotations, results = loaded(tmp_path, videos=(1,))
    turned = Annotations(annotations.videos, {2: 'a', 1: 'c'}, annotations.tracks)
    joined, found = join([(annotations, results), (turned, results)])
    assert joined.categories == {1: 'a', 2: 'b', 3: 'c'}
    assert [track.category_id for track in joined.tracks] == [1, 3]
    assert [result.category_id for result in found] == [1, 3]


def test_results_of_unknown_categories_are_left_out(tmp_path):
    annotations, results = loaded(tmp_path)
    lacking = Annotations(annotations.videos, {}, ())
    assert join([(lacking, results)])[1] == ()


def test_what_is_written_is_read_again(tmp_path):
    annotations, _ = loaded(tmp_path)
    path = tmp_path / 'again.json'
    path.write_text(json.dumps(annotations_json(annotations)))
    assert read_annotations(path) == annotations
    path.write_text(json.dumps(annotations_json(EMPTY)))
    assert read_annotations(path) == EMPTY


def test_occlusion_is_written_too(tmp_path):
    levels = ['no_occlusion', None, 'slight_occlusion', 'severe_occlusion']
    document = tiny_data.data_set([tiny_data.truth(1, FIRST, occlusion=levels, iscrowd=1)])
    annotations, _ = tiny_data.load(tmp_path, document)
    path = tmp_path / 'again.json'
    path.write_text(json.dumps(annotations_json(annotations)))
    assert read_annotations(path) == annotations


@pytest.mark.parametrize(
    ('classes', 'categories', 'expected'),
    [
        (('cat', 'dog'), {4: 'dog', 9: 'bird'}, (None, 4)),
        (('Giant Panda',), {3: 'giant_panda'}, (3,)),
        (('cat', 'cat'), {1: 'cat', 2: 'cat'}, (1, 1)),
    ],
)
def test_classes_are_matched_by_name(classes, categories, expected):
    assert match_classes(classes, categories) == expected


def test_classes_that_share_no_name():
    with pytest.raises(ValueError, match=r'\(object\).*\(cat, dog\) share no name'):
        match_classes(('object',), {1: 'cat', 2: 'dog'})
    with pytest.raises(ValueError, match=r'\(none\).*c11 and 8 more'):
        match_classes((), {n: f'c{n}' for n in range(20)})
    assert match_classes(('object', 'x'), {1: 'cat'}, is_class_agnostic=True) == (1, 1)


def test_one_class(tmp_path):
    annotations, _ = loaded(tmp_path)
    one = as_one_class(annotations)
    assert one.categories == {1: 'object'}
    assert {track.category_id for track in one.tracks} == {1}
    assert [track.masks for track in one.tracks] == [t.masks for t in annotations.tracks]


def test_names_of_videos():
    assert video_name(Video(1, 2, 3, ())) == ''
    assert video_name(Video(1, 2, 3, ('a.jpg',))) == ''
    assert video_name(Video(1, 2, 3, ('x/y/a.jpg',))) == 'x/y'


@pytest.mark.parametrize(
    ('wanted', 'near', 'expected'), [('5', '', 5), ('v1', '', 1), (None, 'v5', 5)]
)
def test_one_of_several_videos(tmp_path, wanted, near, expected):
    annotations, _ = loaded(tmp_path)
    one = one_video(annotations, wanted, near=near)
    assert list(one.videos) == [expected]
    assert [track.video_id for track in one.tracks] == [expected]


def test_the_only_video_needs_no_name(tmp_path):
    annotations, _ = loaded(tmp_path, videos=(5,))
    assert list(one_video(annotations, None, near='bag').videos) == [5]
    with pytest.raises(ValueError, match="called '6'"):
        one_video(annotations, '6')


def test_a_video_that_is_not_clear(tmp_path):
    annotations, _ = loaded(tmp_path)
    with pytest.raises(ValueError, match='which one.*1 v1, 5 v5'):
        one_video(annotations, None)
    with pytest.raises(ValueError, match="called 'bag'.*1 v1, 5 v5"):
        one_video(annotations, None, near='bag')
