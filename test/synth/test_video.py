# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos are the same each time; the camera goes on for ever."""

import itertools

import cv2
import numpy as np
import pytest

from vis_ros.synth.config import BENCHMARKS, SynthConfig
from vis_ros.synth.video import PARTS, SynthVideo, find_benchmark, synth_camera, video_seed

SMALL = SynthConfig(height=64, width=96, length=6, size_max=30.0, occluders=1, leaving=0.5)


def pixels(video):
    return np.array([np.dstack((image, labels)) for image, labels in video.frames()])


def test_frames_have_the_form_that_was_asked_for():
    video = SynthVideo(SMALL, 3)
    found = list(video.frames())
    assert len(found) == 6
    for image, labels in found:
        assert image.shape == (64, 96, 3) and image.dtype == np.uint8
        assert labels.shape == (64, 96) and labels.dtype == np.uint8
        assert labels.max() <= len(video.class_ids)
    assert video.class_ids.dtype == np.int64
    assert 2 <= len(video.class_ids) <= 4


def test_a_video_is_the_same_each_time_and_with_any_number_of_threads():
    video = SynthVideo(SMALL, (1, 2))
    first = pixels(video)
    np.testing.assert_array_equal(first, pixels(video))
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(4 if threads == 1 else 1)
        np.testing.assert_array_equal(first, pixels(SynthVideo(SMALL, (1, 2))))
    finally:
        cv2.setNumThreads(threads)


def test_videos_do_not_depend_on_others():
    alone = pixels(SynthVideo(SMALL, (0, 7)))
    both = [SynthVideo(SMALL, (0, 6)).frames(), SynthVideo(SMALL, (0, 7)).frames()]
    turns = list(zip(*both, strict=True))  # frame by frame, in turns
    together = np.array([np.dstack(second) for _, second in turns])
    np.testing.assert_array_equal(alone, together)
    assert (pixels(SynthVideo(SMALL, (0, 6))) != alone).any()


def test_a_longer_video_of_an_early_frame_is_no_surprise():
    config = SynthConfig(height=64, width=96, length=4)
    longer = SynthConfig(height=64, width=96, length=9)
    np.testing.assert_array_equal(pixels(SynthVideo(config, 1)), pixels(SynthVideo(longer, 1))[:4])


def test_no_two_videos_of_the_benchmarks_have_the_same_seed():
    seeds = [
        video_seed(name, part, seed, index)
        for name, part, seed, index in itertools.product(BENCHMARKS, PARTS, range(3), range(5))
    ]
    assert len(set(seeds)) == len(seeds)
    firsts = [SynthVideo(SMALL, seed) for seed in seeds[:8]]
    images = {next(video.frames())[0].tobytes() for video in firsts}
    assert len(images) == 8


def test_unknown_names_are_errors():
    with pytest.raises(ValueError, match=r"easy, crowded, long, got 'hard'"):
        find_benchmark('hard')
    with pytest.raises(ValueError):
        SynthVideo(SMALL, -1)


def test_the_camera_goes_on_with_strangers_and_old_friends():
    config = SynthConfig(
        height=48,
        width=64,
        length=1,
        size_max=24.0,
        leaving=1.0,
        speed=90.0,
        absence_max_s=0.6,
        objects_min=3,
        objects_max=3,
    )
    seen, classes, returned = set(), {}, 0
    last = {}
    for number, frame in enumerate(itertools.islice(synth_camera(config, 5), 400)):
        assert len(frame.object_ids) == 3
        assert len(set(frame.object_ids.tolist())) == 3
        for j in np.flatnonzero(frame.visible_px):
            identity = int(frame.object_ids[j])
            seen.add(identity)
            assert classes.setdefault(identity, frame.class_ids[j]) == frame.class_ids[j]
            returned += number - last.get(identity, number) > 3
            last[identity] = number
    assert len(seen) > 8
    assert returned > 3


def test_the_camera_keeps_nothing():
    config = SynthConfig(height=48, width=64, leaving=1.0, absence_max_s=0.5)
    camera = synth_camera(config, 1)
    scene = None
    for _ in range(150):
        next(camera)
        scene = camera.gi_frame.f_locals['scene']
        assert len(scene._pictured) <= len(scene.actors) <= 4
