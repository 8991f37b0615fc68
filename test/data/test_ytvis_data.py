# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tiny_videos import COLOURS, painted, write_videos

from vis_ros.data.ytvis_data import YtvisData
from vis_ros.evaluation.json_input import DataError
from vis_ros.evaluation.ytvis import read_annotations

SIZE = (24, 40)
LARGE, SMALL, FAR = (4, 2, 20, 16), (10, 6, 6, 6), (30, 10, 8, 10)
FIRST = painted(SIZE, [[LARGE, SMALL], [LARGE, None], [None, None]])
SECOND = painted(SIZE, [[FAR]])
OTHER_SIZE = painted((20, 20), [[(0, 0, 5, 5)]] * 4)
VIDEOS = {5: FIRST, 2: SECOND, 9: OTHER_SIZE}


def note(video_id, category_id, places, **more):
    return {'video_id': video_id, 'category_id': category_id, 'places': places, **more}


NOTES = [
    note(2, 7, [FAR]),
    note(5, 3, [SMALL, None, None]),
    note(5, 3, [(0, 0, 40, 24)] * 3, iscrowd=1),
    note(5, 7, [LARGE, LARGE, None]),
    note(9, 7, [(0, 0, 5, 5)] * 4),
]


@pytest.fixture
def files(tmp_path):
    return write_videos(tmp_path, VIDEOS, NOTES)


def test_a_data_set_is_read_back(files):
    data = YtvisData(*files)
    assert data.classes == ('cat', 'dog')
    assert data.lengths == (3, 1, 4)
    clip = data.clip(0, [0, 1, 2])
    assert np.array_equal(clip.images, FIRST.images)
    # In the file the small object comes first; a crowd is no object and in no label.
    assert clip.class_ids.tolist() == [1, 0]
    assert np.array_equal(clip.labels, np.array([0, 2, 1], np.uint8)[FIRST.labels])
    assert data.clip(1, [0]).class_ids.tolist() == [0]


def test_objects_stay_the_same_whichever_frames_are_asked_for(files):
    data = YtvisData(*files)
    whole = data.clip(0, [0, 1, 2])
    for frames in ([0], [2], [1, 2], [2, 0, 0]):
        clip = data.clip(0, frames)
        assert np.array_equal(clip.images, whole.images[frames])
        assert np.array_equal(clip.labels, whole.labels[frames])
        assert np.array_equal(clip.class_ids, whole.class_ids)


def test_jpeg_images_are_read_as_rgb(tmp_path):
    data = YtvisData(*write_videos(tmp_path, VIDEOS, NOTES, suffix='.jpg'))
    clip = data.clip(1, [0])
    inner = clip.images[0, 12:18, 32:36].reshape(-1, 3).mean(axis=0)
    assert np.abs(inner - COLOURS[1]).max() < 12


def test_a_video_without_objects_is_background(tmp_path):
    data = YtvisData(*write_videos(tmp_path, {1: SECOND}, []))
    clip = data.clip(0, [0])
    assert not clip.labels.any()
    assert clip.class_ids.shape == (0,)


def test_videos_can_be_chosen(files):
    kept = YtvisData(*files, size=SIZE)
    assert [video.video_id for video in kept.videos] == [5, 2]
    assert YtvisData(*files, min_length=3).lengths == (3, 4)
    assert YtvisData(*files, video_ids=range(3, 10)).lengths == (3, 4)
    annotations = read_annotations(files[0])
    one = YtvisData(annotations, files[1], size=SIZE, min_length=2, video_ids={5, 9})
    assert np.array_equal(one.clip(0, [1]).labels, kept.clip(0, [1]).labels)
    with pytest.raises(ValueError, match=r'none of 3 videos is left.*\(7, 7\)'):
        YtvisData(*files, size=(7, 7))


def test_missing_images_are_named_when_opened(files):
    path, images = files
    with pytest.raises(ValueError, match='expected a folder, got .*nowhere'):
        YtvisData(path, images / 'nowhere')
    (images / '0002/00000.png').unlink()
    with pytest.raises(ValueError, match=r'1 of 3 videos is missing: .*0002/00000\.png'):
        YtvisData(path, images)
    assert len(YtvisData(path, images, video_ids={5}).videos) == 1


def test_images_that_cannot_be_used_are_named(files):
    data = YtvisData(*files)
    second, third = (files[1] / f'0005/0000{i}.png' for i in (1, 2))
    second.write_bytes(b'no picture')
    third.write_bytes((files[1] / '0009/00000.png').read_bytes())
    with pytest.raises(ValueError, match=r'0005/00001\.png: '):
        data.clip(0, [0, 1])
    with pytest.raises(ValueError, match=r'00002\.png: expected 24 x 40 pixels, got \(20, 20\)'):
        data.clip(0, [2])
    third.unlink()
    with pytest.raises(ValueError, match=r'0005/00002\.png'):
        data.clip(0, [2])


def test_a_faulty_annotation_file_is_named(files, tmp_path):
    files[0].write_text('{"videos": []}')
    with pytest.raises(DataError, match='categories'):
        YtvisData(*files)
    with pytest.raises(OSError, match='nothing'):
        YtvisData(tmp_path / 'nothing.json', files[1])


def test_too_many_objects_are_refused(tmp_path):
    notes = [note(1, 7, [(i % 40, i // 40, 1, 1)]) for i in range(255)]
    few = YtvisData(*write_videos(tmp_path, {1: SECOND}, notes[:254]))
    assert few.clip(0, [0]).labels.max() == 254
    with pytest.raises(ValueError, match='video 1: expected at most 254 objects, got 255'):
        YtvisData(*write_videos(tmp_path, {1: SECOND}, notes))
