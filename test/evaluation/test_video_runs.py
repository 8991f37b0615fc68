# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method over one video with ground truth."""

import cv2
import numpy as np
import pytest
from replay_world import HEIGHT, START_NS, STEP_NS, WIDTH, Namer, Perfect, frame_at, image_of

from vis_ros.evaluation.method_runs import MODES, Pace
from vis_ros.evaluation.video_runs import (
    Footage,
    RunOptions,
    VideoImages,
    run_data_set_video,
    run_video,
)
from vis_ros.evaluation.ytvis import Annotations, TruthTrack, Video

VIDEO = Video(3, HEIGHT, WIDTH, tuple(f'walk/{index}.png' for index in range(4)))
TRUTH = Annotations({3: VIDEO}, {8: 'dog', 9: 'cat'}, ())
STAMPS = tuple(START_NS + index * STEP_NS for index in range(4))
FOOTAGE = Footage([frame_at(index) for index in range(4)], STAMPS, STAMPS)


def test_all_modes_from_an_empty_memory():
    method = Perfect()
    runs = run_video(method, TRUTH, FOOTAGE, RunOptions(pace=Pace(step_ms=50)))
    assert tuple(runs.modes) == MODES
    assert runs.modes['frames'].results == runs.modes['realtime'].results
    assert [result.category_id for result in runs.modes['frames'].results] == [9, 8]
    assert method.streams == 2
    assert method.stamps_ns == [*STAMPS, *STAMPS]


@pytest.mark.parametrize(('step_ms', 'warmed'), [(None, 1), (5.0, 0)])
def test_a_method_is_warm_before_its_times_count(step_ms, warmed):
    method = Perfect()
    run_video(method, TRUTH, FOOTAGE, RunOptions(('realtime',), Pace(step_ms=step_ms)))
    assert method.streams == 1 + warmed
    assert method.stamps_ns.count(STAMPS[0]) == 1 + warmed


def test_classes():
    with pytest.raises(ValueError, match='share no name'):
        run_video(Namer(), TRUTH, FOOTAGE, RunOptions())
    options = RunOptions(('frames',), is_class_agnostic=True)
    runs = run_video(Namer(), TRUTH, FOOTAGE, options)
    assert {result.category_id for result in runs.modes['frames'].results} == {1}
    assert runs.annotations.categories == {1: 'object'}


def test_classes_that_the_method_lacks_are_told():
    one = TruthTrack(1, 3, 7, False, (None,) * 4, (None,) * 4)
    truth = Annotations({3: VIDEO}, {7: 'fox', 8: 'dog', 9: 'cat', 10: 'owl'}, (one,))
    assert run_video(Perfect(), truth, FOOTAGE, RunOptions()).missing_classes == ('fox',)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'walk').mkdir()
    for index in range(4):
        cv2.imwrite(str(tmp_path / f'walk/{index}.png'), image_of(index)[:, :, ::-1])
    return tmp_path


def test_images_of_a_data_set(folder):
    images = VideoImages(folder, VIDEO, fps=20)
    assert images.stamps_ns == (0, 50_000_000, 100_000_000, 150_000_000)
    for _ in range(2):
        frames = list(images)
        assert tuple(frame.stamp_ns for frame in frames) == images.stamps_ns
        for index, frame in enumerate(frames):
            np.testing.assert_array_equal(frame.image, image_of(index))
    runs = run_data_set_video(Perfect(), TRUTH, images, RunOptions(('frames',)))
    assert len(runs.modes['frames'].results) == 2


def test_images_that_are_not_right(folder):
    for names, size, text in (
        (('walk/9.png',), (HEIGHT, WIDTH), 'video 3: .*9.png: .*No such file'),
        (('walk/0.png',), (5, 6), 'walk/0.png: expected 5 x 6, got 24 x 80'),
        (('../0.png',), (HEIGHT, WIDTH), '../0.png lies outside of'),
        (('bad.png',), (HEIGHT, WIDTH), 'bad.png'),
    ):
        (folder / 'bad.png').write_bytes(b'noise')
        with pytest.raises(ValueError, match=text):
            list(VideoImages(folder, Video(3, *size, names)))
