# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import copy
import json
import zipfile

import pytest
from tiny_data import FIRST, LENGTH, SECOND, data_set, load, result, segmentation, truth, write

from vis_ros.evaluation.json_input import DataError
from vis_ros.evaluation.results import read_results, write_results
from vis_ros.evaluation.ytvis import read_annotations

PRESENT = [FIRST] * LENGTH
LEVELS = ['no_occlusion', None, 'severe_occlusion', 'slight_occlusion']


def test_empty_data_set(tmp_path):
    annotations, results = load(tmp_path, {'videos': [], 'categories': [], 'annotations': []})
    assert annotations.tracks == results == ()
    assert not annotations.has_occlusion


def test_what_a_file_says(tmp_path):
    places = [FIRST, None, SECOND, FIRST]
    track = truth(7, places, iscrowd=1, occlusion=LEVELS, length=1, areas=[1, None, 0, 2.5])
    annotations, results = load(
        tmp_path, data_set([track]), [result(0.5, places, category_id=77, more='x')]
    )
    (read,) = annotations.tracks
    assert (read.track_id, read.video_id, read.category_id, read.is_crowd) == (7, 1, 1, True)
    assert [mask and mask.area_px for mask in read.masks] == [100, None, 100, 100]
    assert read.areas_px == (1, None, 0, 2.5)
    assert read.occlusion == tuple(LEVELS)
    assert annotations.has_occlusion
    assert annotations.categories == {1: 'a', 2: 'b'}
    assert annotations.videos[1].file_names[0] == 'v1/0.jpg'
    assert results[0].category_id == 77
    assert results[0].masks == read.masks


@pytest.mark.parametrize('name', ['again.json', 'again.zip'])
def test_results_are_written_as_they_were_read(tmp_path, name):
    entries = [result(0.25, [FIRST, None, SECOND, None]), result(1, PRESENT, category_id=2)]
    annotations, results = load(tmp_path, data_set([]), entries)
    write_results(tmp_path / name, results)
    assert read_results(tmp_path / name, annotations) == results
    if name.endswith('json'):
        assert json.loads((tmp_path / name).read_text()) == entries


def change(document, path, value):
    """Return the document with the value at a path of keys changed, or removed for `...`."""
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


A = ('annotations', 0)
V = ('videos', 0)


@pytest.mark.parametrize(
    ('path', 'value', 'text'),
    [
        (('videos',), ..., "gt.json: the key 'videos' is missing"),
        (('videos',), {}, 'gt.json: videos: expected a list, got {}'),
        (('categories',), ..., "the key 'categories' is missing"),
        (('annotations',), ..., 'scored by a server'),
        (('annotations',), None, 'scored by a server'),
        ((*V, 'id'), 'x', r'videos\[0\].id: expected an integer'),
        ((*V, 'id'), True, 'expected an integer'),
        ((*V, 'height'), 0, r'height: expected an integer of 1 or more, got 0'),
        ((*V, 'length'), 9, r'videos\[0\].length: expected 4, the number of file_names, got 9'),
        ((*V, 'file_names', 2), 3, r'file_names\[2\]: expected a string, got 3'),
        (('categories', 1, 'id'), 1, r'categories\[1\].id: 1 is there twice'),
        (('categories', 1, 'name'), None, 'name: expected a string'),
        ((*A, 'video_id'), 5, r'annotations\[0\].video_id: expected the id of one of the 1 video'),
        ((*A, 'category_id'), 3, r'category_id: expected one of the categories \[1, 2\], got 3'),
        ((*A, 'id'), ..., r"annotations\[0\]: the key 'id' is missing"),
        ((*A, 'id'), 8, r'annotations\[1\].id: 8 is there twice'),
        ((*A, 'iscrowd'), 2, 'iscrowd: expected 0 or 1, got 2'),
        ((*A, 'segmentations'), [None], 'segmentations: expected 4 entries, .* got 1'),
        ((*A, 'segmentations', 1, 'size'), [40, 24], r'segmentations\[1\].size: expected the vid'),
        ((*A, 'segmentations', 1, 'counts'), '1', r'segmentations\[1\].counts: expected run'),
        ((*A, 'areas'), ..., "the key 'areas' is missing"),
        ((*A, 'areas'), [1, 2, 3], 'areas: expected 4 entries'),
        ((*A, 'areas', 3), -1, r'areas\[3\]: expected 0 or more, got -1'),
        ((*A, 'areas', 3), 'x', r'areas\[3\]: expected a finite number'),
        ((*A, 'bboxes'), [None], 'bboxes: expected 4 entries'),
        ((*A, 'occlusion'), ['no_occlusion'], 'occlusion: expected 4 entries'),
        ((*A, 'occlusion', 2), 'much', r'occlusion\[2\]: expected null or one of no_occlusion'),
    ],
)
def test_wrong_annotations_are_refused_with_their_place(tmp_path, path, value, text):
    document = data_set([truth(7, PRESENT, occlusion=list(LEVELS)), truth(8, PRESENT)])
    gt, _ = write(tmp_path, change(document, path, value))
    with pytest.raises(DataError, match=text) as caught:
        read_annotations(gt)
    assert str(caught.value).startswith(str(gt))


@pytest.mark.parametrize(
    ('path', 'value', 'text'),
    [
        ((0, 'video_id'), 5, r'results.json: \[0\].video_id: expected the id of one of the 1 '),
        ((0, 'video_id'), ..., r"\[0\]: the key 'video_id' is missing"),
        ((0, 'category_id'), 1.5, r'\[0\].category_id: expected an integer'),
        ((0, 'score'), float('nan'), r'\[0\].score: expected a finite number, got nan'),
        ((0, 'score'), None, r'score: expected a finite number, got None'),
        ((0, 'segmentations'), [None] * 5, 'segmentations: expected 4 entries, .* got 5'),
        ((0, 'segmentations', 0), 'x' * 99, r'segmentations\[0\]: expected .*x\.\.\.$'),
        ((0,), 4, r'\[0\]: expected an object'),
    ],
)
def test_wrong_results_are_refused_with_their_place(tmp_path, path, value, text):
    gt, results = write(tmp_path, data_set([]), change([result(0.5, PRESENT)], path, value))
    with pytest.raises(DataError, match=text) as caught:
        read_results(results, read_annotations(gt))
    assert str(caught.value).startswith(str(results))


def test_files_that_are_no_json(tmp_path):
    path = tmp_path / 'gt.json'
    for data in (b'', b'{', b'\xff\xfe\x00'):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r'gt\.json: '):
            read_annotations(path)
    path.write_text('[]')
    with pytest.raises(DataError, match=r'gt\.json: expected an object with keys, got \[\]'):
        read_annotations(path)
    with pytest.raises(FileNotFoundError):
        read_annotations(tmp_path / 'none.json')
    archive = tmp_path / 'results.zip'
    archive.write_bytes(b'x')
    with pytest.raises(DataError, match='not a zip'):
        read_annotations(archive)
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('a.txt', '')
    with pytest.raises(DataError, match=r'one JSON file in it, got \[\]'):
        read_annotations(archive)


def test_twice_the_same_video(tmp_path):
    gt, _ = write(tmp_path, data_set([], videos=(1, 1)))
    with pytest.raises(DataError, match=r'videos\[1\].id: 1 is there twice'):
        read_annotations(gt)


def test_the_helper_writes_what_files_hold():
    assert segmentation(None) is None
    assert set(segmentation(FIRST)) == {'size', 'counts'}
