# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic camera in the place of footage: `play`, `replay` and `convert`."""

import numpy as np
import pytest
from footage import replay, vis_ros
from paper_host import Paper

from vis_ros.cli.common import run_beside
from vis_ros.cli.main import build_parser
from vis_ros.cli.play import Player
from vis_ros.ops import rle as rle_ops
from vis_ros.synth.shapes import CLASSES
from vis_ros.synth.source import SynthSource
from vis_ros.wire.conversion import result_of
from vis_ros.wire.encodings import frame_of

CAMERA = 'synth:easy,length=12,height=48,width=64,size_min=8,size_max=20'


def play(text, *words):
    """Play to the end at full speed; return what was published by topic."""
    args = build_parser().parse_args(['play', text, '--rate', '1000', *words])
    host = Paper()
    with SynthSource(text) as source:
        player = Player(host, source, args)
        run_beside(host, player.play, player.ended)
    return host.sent


def test_the_ground_truth_is_published_beside_the_images():
    sent = play(CAMERA, '--stamps', 'recorded', '--frame-id', 'left')
    images, truths = sent['/camera/image_raw'], sent['/ground_truth/tracks']
    assert len(images) == len(truths) == 12
    source = SynthSource(CAMERA)
    for image, truth, expected in zip(images, truths, source, strict=True):
        frame, result = frame_of(image), result_of(truth)
        np.testing.assert_array_equal(frame.image, expected.image)
        assert image.header == truth.header
        assert truth.header.frame_id == 'left'
        detail = source.latest
        shown = np.flatnonzero(detail.visible_px)
        assert [t.track_id for t in result.tracks] == sorted(detail.object_ids[shown].tolist())
        for track in result.tracks:
            mask = rle_ops.to_dense(track.mask, 48, 64)
            np.testing.assert_array_equal(mask, detail.labels == track.slot + 1)
            assert track.class_id == detail.class_ids[track.slot]
    (labels,) = sent['/ground_truth/label_info']
    assert tuple(labels.class_names) == CLASSES


def test_a_recording_has_no_ground_truth(folder):
    from vis_ros.media.sources import open_source

    args = build_parser().parse_args(['play', str(folder), '--rate', '1000'])
    host = Paper()
    with open_source(folder) as source:
        Player(host, source, args)
    assert list(host.sent) == ['/camera/image_raw']


def test_a_replay_is_the_same_each_time(tmp_path):
    first, second = (replay(CAMERA, tmp_path / name) for name in 'ab')
    assert first['frames_in'] == 12
    assert first['source'] == CAMERA
    assert first['tracks_sha256'] == second['tracks_sha256']


def test_an_endless_camera_is_replayed_up_to_a_limit(tmp_path, capsys):
    endless = CAMERA.replace('length=12,', '')
    assert replay(endless, tmp_path / 'out', '--limit', 15)['frames_in'] == 15
    assert vis_ros('replay', endless, '--out', tmp_path / 'no') == 2
    assert f'{endless}: never ends; add ,video=0 or ,length=100' in capsys.readouterr().err
    assert not (tmp_path / 'no').exists()


def test_a_conversion_keeps_every_pixel(tmp_path, capsys):
    from vis_ros.media.sources import open_source

    assert vis_ros('convert', CAMERA, tmp_path / 'bag') == 0
    with open_source(tmp_path / 'bag') as bag:
        for kept, frame in zip(bag, SynthSource(CAMERA), strict=True):
            np.testing.assert_array_equal(kept.image, frame.image)
    assert vis_ros('convert', 'synth:easy', tmp_path / 'other') == 2
    assert 'never ends' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (
            ('synth:hard',),
            "synth:hard: benchmark: expected one of easy, crowded, long, got 'hard'",
        ),
        (('synth:easy', '--topic', '/a'), 'only a bag has a topic such as /a'),
        (('synth:easy', '--fps', '0'), 'fps: expected a positive number, got 0.0'),
    ],
)
def test_wrong_cameras(words, error, capsys):
    assert vis_ros('play', *words) == 2
    assert error in capsys.readouterr().err
