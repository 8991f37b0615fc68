# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures and labels: they agree, exactly."""

import cv2
import numpy as np
import pytest

from vis_ros.structures.options import replace_config
from vis_ros.synth.config import BENCHMARKS, SynthConfig
from vis_ros.synth.scene import MIN_VISIBLE_PX, Scene, SynthFrame

PLAIN = {'noise': 0.0, 'defocus': 0.0, 'lighting': 0.0, 'motion_blur': 0.0}
CLEAN = SynthConfig(**PLAIN, camera=0.0, objects_min=5, objects_max=5, speed=90.0, crowding=0.8)


def run(config, seed=1, count=12):
    scene = Scene(config, np.random.SeedSequence(seed))
    return [scene.step() for _ in range(count)]


def test_an_empty_scene_has_a_picture_and_no_labels():
    for frame in run(SynthConfig(objects_min=0, objects_max=0), count=3):
        assert frame.image.shape == (192, 320, 3) and frame.image.dtype == np.uint8
        assert frame.image.std() > 5
        assert not frame.labels.any() and frame.labels.dtype == np.uint8
        for values in (frame.object_ids, frame.class_ids, frame.full_px, frame.visible_px):
            assert values.shape == (0,) and values.dtype == np.int64


@pytest.mark.parametrize('name', BENCHMARKS)
def test_labels_are_the_masks_by_depth(name):
    changes = {'occluders': 0, 'leaving': 0.0, 'objects_min': 4, 'objects_max': 12}
    config = replace_config(BENCHMARKS[name].config, changes)
    scene = Scene(config, np.random.SeedSequence(5))
    overlaps = 0
    for _ in range(15):
        frame = scene.step()
        expected = np.zeros_like(frame.labels)
        for index in scene.depth_order:
            mask = scene.full_mask(index)
            assert frame.full_px[index] == mask.sum()
            overlaps += (expected[mask] > 0).sum()
            expected[mask] = index + 1
        counts = np.bincount(expected.ravel(), minlength=len(frame.full_px) + 1)
        expected[np.isin(expected, np.flatnonzero(counts < MIN_VISIBLE_PX))] = 0
        np.testing.assert_array_equal(frame.labels, expected)
        check_counts(frame)
    assert overlaps


def check_counts(frame: SynthFrame) -> None:
    counts = np.bincount(frame.labels.ravel(), minlength=len(frame.visible_px) + 1)[1:]
    np.testing.assert_array_equal(frame.visible_px, counts)
    assert (frame.visible_px <= frame.full_px).all()
    assert not ((counts > 0) & (counts < MIN_VISIBLE_PX)).any()


def test_the_picture_shows_objects_exactly_where_the_labels_are():
    empty = run(replace_config(CLEAN, {'objects_min': 0, 'objects_max': 0}), count=12)
    edge = np.ones((5, 5), np.uint8)
    for frame, background in zip(run(CLEAN), empty, strict=True):
        differs = (frame.image != background.image).any(axis=-1)
        inside = (frame.labels > 0).astype(np.uint8)
        assert not (differs & (cv2.dilate(inside, edge) == 0)).any()
        assert (differs & (inside > 0)).sum() > 0.98 * inside.sum()


def test_occluders_take_pixels_and_give_them_to_nobody():
    without, behind = run(CLEAN), run(replace_config(CLEAN, {'occluders': 4}))
    lost = 0
    for free, hidden in zip(without, behind, strict=True):
        np.testing.assert_array_equal(free.full_px, hidden.full_px)
        is_left = hidden.labels > 0
        np.testing.assert_array_equal(hidden.labels[is_left], free.labels[is_left])
        lost += free.visible_px.sum() - hidden.visible_px.sum()
        check_counts(hidden)
    assert lost > 500


@pytest.mark.parametrize('option', ['noise', 'defocus', 'lighting', 'motion_blur'])
def test_what_the_sensor_does_changes_pictures_and_no_labels(option):
    value = 8.0 if option == 'noise' else 1.0
    changed = run(replace_config(CLEAN, {option: value}))
    pairs = list(zip(run(CLEAN), changed, strict=True))
    for clean, other in pairs:
        np.testing.assert_array_equal(clean.labels, other.labels)
    assert any((clean.image != other.image).any() for clean, other in pairs)


def test_noise_has_the_strength_that_was_asked_for():
    still = replace_config(CLEAN, {'objects_min': 0, 'objects_max': 0})
    clean = run(still, count=1)[0].image.astype(int)
    strengths = []
    for seed in range(6):
        scene = replace_config(still, {'noise': 6.0})
        own = run(still, seed, 1)[0].image.astype(int)
        strengths.append((run(scene, seed, 1)[0].image.astype(int) - own).std())
    assert 3.0 < np.mean(strengths) < 9.0
    np.testing.assert_array_equal(clean, run(still, count=3)[2].image)  # without, nothing moves


def test_every_class_appears():
    seen = set()
    for seed in range(20):
        seen |= set(Scene(SynthConfig(), np.random.SeedSequence(seed)).class_ids.tolist())
    assert seen == set(range(8))
    config = SynthConfig(classes=('ring', 'box'), objects_min=4, objects_max=4, family=1.0)
    assert set(Scene(config, np.random.SeedSequence(0)).class_ids.tolist()) == {4, 7}


def test_families_share_a_class():
    config = SynthConfig(objects_min=12, objects_max=12, family=3.0)
    for seed in range(4):
        ids = Scene(config, np.random.SeedSequence(seed)).class_ids
        assert np.bincount(ids, minlength=8).max() >= 3
        assert len(set(ids.tolist())) == 4


def test_who_leaves_comes_back_as_the_same_object():
    config = SynthConfig(leaving=1.0, height=96, width=128, length=80, speed=120.0)
    frames = run(config, seed=2, count=80)
    assert len({tuple(frame.object_ids) for frame in frames}) == 1
    assert len({tuple(frame.class_ids) for frame in frames}) == 1
    shows = np.array([frame.visible_px > 0 for frame in frames])
    returns = (~shows[:-1] & shows[1:]).sum(axis=0) - (~shows[0])
    assert (shows.any(axis=0)).all() and (~shows).any(axis=0).all()
    assert returns.max() >= 2  # again and again


def test_without_leaving_objects_stay_in_view():
    frames = run(replace_config(CLEAN, {'leaving': 0.0}), count=40)
    assert all((frame.full_px > 0).all() for frame in frames)


def test_a_picture_smaller_than_its_objects_is_no_problem():
    config = SynthConfig(height=32, width=40, size_min=60.0, size_max=200.0, occluders=2)
    for frame in run(config, count=5):
        check_counts(frame)


def test_rigid_objects_keep_their_outline():
    def deforming(deformation):
        scene = Scene(
            replace_config(CLEAN, {'deformation': deformation}), np.random.SeedSequence(1)
        )
        outlines = []
        for _ in range(8):
            scene.step()
            outlines.append(scene.actors[0].outline()[0])
        return np.ptp(np.array(outlines), axis=0).max()

    assert deforming(0.0) == 0.0 < deforming(0.3) < deforming(1.0)
