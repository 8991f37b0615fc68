# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros convert`: there and back."""

import numpy as np
import pytest
from footage import scene, vis_ros

from vis_ros.media.sources import open_source


def read(path):
    with open_source(path) as source:
        return list(source)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_pictures_to_bag_to_pictures_loses_nothing(folder, tmp_path, storage):
    bag, back = tmp_path / 'bag', tmp_path / 'back'
    words = ('--storage', storage, '--frame-id', 'cam')
    assert vis_ros('convert', folder, bag, *words) == 0
    assert vis_ros('convert', bag, f'{back}/') == 0
    first, middle, last = read(folder), read(bag), read(back)
    assert len(first) == len(middle) == len(last) == 40
    assert {frame.frame_id for frame in middle} == {'cam'}
    for number, frames in enumerate(zip(first, middle, last, strict=True)):
        assert len({frame.stamp_ns for frame in frames[:2]}) == 1
        for frame in frames:
            np.testing.assert_array_equal(frame.image, scene(number))


def test_to_video_and_back(folder, tmp_path, capsys):
    video, bag = tmp_path / 'a.mp4', tmp_path / 'bag'
    assert vis_ros('convert', folder, video) == 0
    assert vis_ros('convert', video, bag) == 0
    frames = read(bag)
    assert [frame.stamp_ns for frame in frames] == [frame.stamp_ns for frame in read(folder)]
    error = np.abs(frames[20].image.astype(int) - scene(20)).mean()
    assert error < 20
    assert '40 frames written' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['bag', 'a.mp4', 'pictures/'])
def test_nothing_is_overwritten_unasked(folder, tmp_path, capsys, name):
    target = f'{tmp_path}/{name}'
    assert vis_ros('convert', folder, target) == 0
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*') if p.is_file()}
    capsys.readouterr()
    assert vis_ros('convert', folder, target) == 2
    assert 'nothing is overwritten unasked' in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*') if p.is_file()} == before
    assert vis_ros('convert', folder, target, '--overwrite') == 0
    assert len(read(target)) == 40


def test_old_pictures_do_not_mix_with_new_ones(folder, tmp_path):
    target = tmp_path / 'pictures'
    assert vis_ros('convert', folder, f'{target}/') == 0
    (target / 'notes.txt').write_text('mine')
    assert vis_ros('convert', folder, f'{target}/', '--fps', 5, '--overwrite') == 0
    assert len(list(target.glob('*.png'))) == 40
    assert (target / 'notes.txt').read_text() == 'mine'


def test_a_source_is_not_its_own_target(folder, capsys):
    assert vis_ros('convert', folder, f'{folder}/', '--overwrite') == 2
    assert 'both SOURCE and TARGET' in capsys.readouterr().err
    assert len(list(folder.iterdir())) == 40


def test_missing_and_wrong_sources(tmp_path, capsys):
    for source in (tmp_path / 'missing', tmp_path):
        assert vis_ros('convert', source, tmp_path / 'bag') == 2
        assert f'vis_ros convert: {source}' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_target_in_a_file_is_refused(folder, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    for name in ('file/bag', 'file/', 'file/a.mp4'):
        assert vis_ros('convert', folder, f'{tmp_path}/{name}') == 2
        assert 'Traceback' not in capsys.readouterr().err
