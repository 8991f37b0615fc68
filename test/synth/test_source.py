# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic camera as footage."""

import itertools

import numpy as np
import pytest

from vis_ros.media.source import SourceError
from vis_ros.synth.source import SynthSource, is_synth
from vis_ros.synth.video import SynthVideo, find_benchmark, video_seed

SMALL = 'height=48,width=64,size_min=8,size_max=20'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [('synth:easy', True), ('synth', False), ('./synth:easy', False), ('videos/a.mp4', False)],
)
def test_what_is_a_synthetic_camera(text, expected):
    assert is_synth(text) is expected


def test_a_held_out_video_is_that_of_the_benchmark():
    source = SynthSource('synth:crowded,video=3,seed=5')
    config = find_benchmark('crowded').config
    video = SynthVideo(config, video_seed('crowded', 'heldout', 5, 3))
    assert (source.count, source.fps, source.size) == (36, 10.0, (320, 192))
    frames = list(itertools.islice(source, 4))
    for frame, (image, _) in zip(frames, video.frames(), strict=False):
        np.testing.assert_array_equal(frame.image, image)
    assert [frame.stamp_ns for frame in frames] == [0, 100_000_000, 200_000_000, 300_000_000]
    assert {frame.frame_id for frame in frames} == {'synth_camera'}


def test_the_latest_frame_has_its_ground_truth():
    source = SynthSource(f'synth:easy,length=3,{SMALL}')
    assert source.latest is None
    for frame in source:
        assert source.latest.image is frame.image
        assert source.latest.labels.shape == (48, 64)


def test_each_iteration_starts_anew():
    source = SynthSource(f'synth:easy,length=4,{SMALL}')
    first, second = ([frame.image for frame in source] for _ in range(2))
    assert len(first) == len(second) == source.count == 4
    assert all(map(np.array_equal, first, second))


def test_without_length_it_never_ends():
    source = SynthSource(f'synth:easy,{SMALL}')
    assert source.count is None
    assert sum(1 for _ in itertools.islice(source, 60)) == 60  # more than a video of the benchmark


def test_options_and_rate():
    source = SynthSource(
        f'synth:easy,length=2,objects_min=5,objects_max=5,classes=[disc, box],{SMALL}', fps=4.0
    )
    assert [frame.stamp_ns for frame in source] == [0, 250_000_000]
    assert len(source.latest.object_ids) == 5
    assert set(source.latest.class_ids.tolist()) <= {0, 7}


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('synth:', "benchmark: expected one of easy, crowded, long, got ''"),
        ('synth:hard', "got 'hard'"),
        ('synth:easy,', "'': expected NAME=VALUE"),
        ('synth:easy,noise', "'noise': expected NAME=VALUE"),
        ('synth:easy,=3', 'expected NAME=VALUE'),
        ('synth:easy,noise=[1', 'is no YAML'),
        ('synth:easy,nois=1', "did you mean 'noise'"),
        ('synth:easy,video=-1', 'video: expected a whole number, 0 or more, got -1'),
        ('synth:easy,video=first', "video: expected a whole number, 0 or more, got 'first'"),
        ('synth:easy,seed=1.5', 'seed: expected a whole number, 0 or more, got 1.5'),
        ('synth:easy,length=0', 'length: expected a value in'),
    ],
)
def test_texts_that_are_wrong(text, error):
    with pytest.raises(SourceError) as caught:
        SynthSource(text)
    assert str(caught.value).startswith(f'{text}: ')
    assert error in str(caught.value)


@pytest.mark.parametrize('fps', [0.0, -1.0, float('nan'), float('inf')])
def test_rates_that_are_none(fps):
    with pytest.raises(ValueError, match='fps: expected a positive number'):
        SynthSource('synth:easy', fps=fps)
