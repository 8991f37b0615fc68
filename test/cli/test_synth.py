# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros synth`."""

import json

import pytest
from footage import vis_ros

from vis_ros.evaluation.ytvis import read_annotations
from vis_ros.media.sources import open_source

TINY = ('--config', 'height=48', '--config', 'width=64', '-c', 'length=3')
TINY += ('-c', 'size_min=12', '-c', 'size_max=24')


def test_writes_both_parts(tmp_path, capsys):
    out = tmp_path / 'sets' / 'easy'
    assert vis_ros('synth', 'easy', '--out', out, '--train', 2, '--heldout', 1, *TINY) == 0
    assert '2 videos in' in capsys.readouterr().err
    for part, count in (('train', 2), ('heldout', 1)):
        truth = read_annotations(out / part / 'instances.json')
        assert len(truth.videos) == count
        for video in truth.videos.values():
            assert (video.height, video.width, video.length) == (48, 64, 3)
            for name in video.file_names:
                assert (out / part / 'JPEGImages' / name).is_file()
    assert sorted(path.name for path in out.iterdir()) == ['heldout', 'train']


def test_bags_can_be_played(tmp_path):
    words = ('--part', 'heldout', '--heldout', 1, '--bag', *TINY)
    assert vis_ros('synth', 'long', '--out', tmp_path, *words) == 0
    (bag,) = (tmp_path / 'heldout' / 'bags').iterdir()
    with open_source(bag) as source:
        assert len(list(source)) == 3
    assert not (tmp_path / 'train').exists()


def test_the_seed_decides(tmp_path):
    for name, seed in (('a', 1), ('b', 1), ('c', 2)):
        words = ('--part', 'train', '--train', 1, '--seed', seed, *TINY)
        assert vis_ros('synth', 'easy', '--out', tmp_path / name, *words) == 0
    a, b, c = (json.loads((tmp_path / n / 'train/instances.json').read_text()) for n in 'abc')
    assert a == b
    assert a['annotations'] != c['annotations']


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (('hard',), "benchmark: expected one of easy, crowded, long, got 'hard'"),
        (('easy', '--train', 0), '--train: expected 1 or more, got 0'),
        (('easy', '--heldout', -1), '--heldout: expected 1 or more, got -1'),
        (('easy', '--seed', -3), '--seed: expected 0 or more, got -3'),
        (('easy', '--jobs', 0), '--jobs: expected 1 or more, got 0'),
        (('easy', '-c', 'noise'), 'expected NAME=VALUE'),
        (('easy', '-c', 'noise=[1'), 'is no YAML'),
        (('easy', '-c', 'noise=loud'), "noise: expected float, got 'loud'"),
        (('easy', '-c', 'length=0'), 'length: expected a value in'),
        (('easy', '-c', 'nois=1'), "did you mean 'noise'"),
        (('easy', '-c', 'objects_min=9'), 'objects_min: expected no more than'),
    ],
)
def test_wrong_arguments(tmp_path, capsys, words, error):
    assert vis_ros('synth', *words, '--out', tmp_path / 'out') == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_nothing_is_overwritten_unasked(tmp_path, capsys):
    words = ('synth', 'easy', '--out', tmp_path, '--part', 'train', '--train', 1, *TINY)
    assert vis_ros(*words) == 0
    assert vis_ros(*words) == 2
    assert 'nothing is overwritten unasked' in capsys.readouterr().err
    assert vis_ros(*words, '--overwrite') == 0
