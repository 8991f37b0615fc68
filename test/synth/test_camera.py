# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the camera looks."""

import itertools

import numpy as np
import pytest

from vis_ros.synth.camera import Camera, Wander
from vis_ros.synth.config import SynthConfig


def views(count=50, **options):
    camera = Camera(SynthConfig(**options), np.random.default_rng(4))
    return [camera.step(0.1) for _ in range(count)]


def test_a_camera_that_stands_sees_the_world_from_its_middle():
    for view in views(camera=0.0, jerks=0.0):
        np.testing.assert_allclose(view.affine, [[1, 0, 160], [0, 1, 96]])
        np.testing.assert_array_equal(view.shift_px, 0)
        assert view.half == (160, 96) and view.centre == (0, 0)


def test_jerks_are_sudden_and_pass():
    calm, jerky = views(camera=0.0), views(camera=0.0, jerks=2.0)
    shifts = [float(np.hypot(*view.shift_px)) for view in jerky]
    assert max(shifts) > 0.03 * 320 > 0 == max(np.hypot(*view.shift_px) for view in calm)
    assert 1 <= sum(shift > 0.03 * 320 for shift in shifts) < 25


def test_more_camera_is_more_motion():
    def motion(camera):
        return np.mean([np.hypot(*view.shift_px) for view in views(camera=camera)])

    assert motion(0.0) < motion(0.2) < motion(1.0)


def test_shifts_say_how_the_middle_of_the_world_moves():
    found = views(camera=1.0, jerks=1.0)
    for before, now in itertools.pairwise(found):
        np.testing.assert_allclose(now.affine[:, 2] - before.affine[:, 2], now.shift_px)
    np.testing.assert_array_equal(found[0].shift_px, 0)


@pytest.mark.parametrize('dt_s', [0.02, 0.1, 2.0])
def test_wandering_keeps_its_deviation_at_any_step(dt_s):
    wander = Wander(np.array([3.0, 0.0]), 2.0, np.random.default_rng(0))
    values = np.array(
        [wander.step(dt_s) for _ in range(int(400 / dt_s / (20 if dt_s > 1 else 1)))]
    )
    if dt_s < 1:
        assert 2.0 < values[:, 0].std() < 4.2
    assert np.abs(values[:, 0]).max() < 16
    assert (values[:, 1] == 0).all()
