# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks on disk."""

import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as mask_utils

from vis_ros.evaluation.ytvis import OCCLUSION_LEVELS, read_annotations
from vis_ros.synth import data_set
from vis_ros.synth.config import SynthConfig
from vis_ros.synth.data_set import DataSetFolder, Job, write_part
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.truth import occlusion_levels

SMALL = SynthConfig(
    height=64, width=96, length=5, size_max=30.0, objects_min=3, objects_max=5, leaving=0.4
)


def job(count=2, **changes):
    values = {'benchmark': 'easy', 'config': SMALL, 'part': 'train', 'count': count, 'seed': 3}
    return Job(**{**values, **changes})


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def test_annotations_say_what_the_videos_hold(tmp_path):
    assert list(write_part(job(), tmp_path / 'train')) == [5, 5]
    truth = read_annotations(tmp_path / 'train' / 'instances.json')
    assert tuple(truth.categories.values()) == CLASSES
    assert list(truth.categories) == list(range(1, 9))
    assert truth.has_occlusion
    assert len({track.track_id for track in truth.tracks}) == len(truth.tracks)
    for index, video in enumerate(truth.videos.values()):
        made = job().video(index)
        tracks = [track for track in truth.tracks if track.video_id == video.video_id]
        frames = list(made.details())
        assert [t.category_id - 1 for t in tracks] == [
            k for j, k in enumerate(made.class_ids) if any(f.visible_px[j] for f in frames)
        ]
        check_video(tmp_path / 'train' / 'JPEGImages', video, tracks, frames)


def check_video(folder, video, tracks, frames):
    assert (video.height, video.width, video.length) == (64, 96, 5)
    for number, frame in enumerate(frames):
        image = cv2.imread(str(folder / video.file_names[number]))[..., ::-1]
        assert np.abs(image.astype(int) - frame.image).mean() < 6  # JPEG
        levels = [v for v in occlusion_levels(frame.visible_px, frame.full_px) if v]
        assert [t.occlusion[number] for t in tracks if t.masks[number]] == levels
        assert set(levels) <= set(OCCLUSION_LEVELS)
        masks = [t.masks[number] for t in tracks if t.masks[number]]
        for mask, label in zip(masks, np.unique(frame.labels[frame.labels > 0]), strict=True):
            np.testing.assert_array_equal(mask_utils.decode(mask.to_coco()), frame.labels == label)


def test_processes_and_number_of_videos_change_nothing(tmp_path):
    for name, count, jobs in (('one', 3, 1), ('two', 3, 2), ('few', 2, 1)):
        list(write_part(job(count), tmp_path / name, jobs))
    one, two, few = (contents(tmp_path / name) for name in ('one', 'two', 'few'))
    assert one == two
    del few['instances.json']
    assert few.items() <= one.items()
    assert len(few) == 10


def test_parts_seeds_and_benchmarks_differ():
    def first(**changes):
        return next(job(**changes).video(0).frames())[0].tobytes()

    assert len({first(), first(part='heldout'), first(seed=4), first(benchmark='long')}) == 4
    assert first() == first(count=9)


def test_videos_without_objects_can_be_written(tmp_path):
    config = SynthConfig(height=32, width=32, length=2, objects_min=0, objects_max=0)
    list(write_part(job(1, config=config), tmp_path / 'a'))
    truth = read_annotations(tmp_path / 'a' / 'instances.json')
    assert truth.tracks == () and len(truth.videos) == 1


def test_how_it_was_made_is_noted(tmp_path):
    list(write_part(job(1), tmp_path / 'a'))
    info = json.loads((tmp_path / 'a' / 'instances.json').read_text())['info']
    assert info['seed'] == 3 and info['fps'] == 10.0
    assert SynthConfig(**{**info['config'], 'classes': CLASSES}) == SMALL


def test_a_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / 'out'
    with pytest.raises(OSError, match='cannot be coded'):
        monkeypatch.setattr(data_set.cv2, 'imencode', lambda *_: (False, None))
        with DataSetFolder(out, ['train'], overwrite=False) as work:
            list(write_part(job(), work / 'train'))
    assert list(out.iterdir()) == []


def test_nothing_is_overwritten_unasked(tmp_path):
    out = tmp_path / 'out'
    with DataSetFolder(out, ['train'], overwrite=False) as work:
        list(write_part(job(1), work / 'train'))
    before = contents(out)
    with pytest.raises(FileExistsError, match='nothing is overwritten unasked'):
        DataSetFolder(out, ['heldout', 'train'], overwrite=False)
    assert contents(out) == before
    with DataSetFolder(out, ['heldout'], overwrite=False) as work:  # another part may join
        list(write_part(job(1, part='heldout'), work / 'heldout'))
    with DataSetFolder(out, ['train'], overwrite=True) as work:
        list(write_part(job(1, seed=4), work / 'train'))
    assert sorted(path.name for path in out.iterdir()) == ['heldout', 'train']
    assert contents(out / 'train').keys() == {k[6:] for k in before if k.startswith('train')}
    assert contents(out / 'train') != {k[6:]: v for k, v in before.items()}


def test_what_is_no_data_set_is_never_replaced(tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / 'thesis.tex').write_text('mine')
    (tmp_path / 'heldout').write_text('a file')
    for part in ('train', 'heldout'):
        with pytest.raises(FileExistsError, match='holds more than a data set'):
            DataSetFolder(tmp_path, [part], overwrite=True)
    assert (tmp_path / 'train' / 'thesis.tex').read_text() == 'mine'
