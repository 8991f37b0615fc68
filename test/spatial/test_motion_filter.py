# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Smoothing over time: units, gaps, outliers, frame rates."""

from dataclasses import replace

import numpy as np
import pytest

from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.measurement import Measurement
from vis_ros.spatial.motion_filter import MotionFilter
from vis_ros.structures.placement import Quality3d

CONFIG = SpatialConfig()
S = 1_000_000_000


def seen(x, y=0.0, z=3.0, quality=Quality3d.GOOD, size=(0.4, 0.5, 0.1)):
    return Measurement((x, y, z), size, float(np.linalg.norm((x, y, z))), quality)


def run(motion, steps, config=CONFIG):
    """Return the placements of (seconds, measurement) pairs."""
    return [motion.step(round(at * S), measured, config) for at, measured in steps]


def test_nothing_measured():
    motion = MotionFilter()
    assert run(motion, [(0.0, None), (1.0, None)]) == [None, None]


def test_the_first_measurement_is_taken_as_it_is():
    (first,) = run(MotionFilter(), [(0.0, seen(1.0))])
    assert (first.position_m, first.velocity_m_s) == ((1.0, 0.0, 3.0), (0.0, 0.0, 0.0))
    assert (first.size_m, first.quality) == ((0.4, 0.5, 0.1), Quality3d.GOOD)


@pytest.mark.parametrize('rate_hz', [5, 30, 120])
def test_velocity_is_in_metres_per_second_at_every_rate(rate_hz):
    times = np.arange(0, 4, 1 / rate_hz)
    *_, last = run(MotionFilter(), [(t, seen(1.5 * t, -0.5 * t)) for t in times])
    assert last.velocity_m_s == pytest.approx((1.5, -0.5, 0.0), abs=0.1)
    assert last.position_m == pytest.approx((1.5 * times[-1], -0.5 * times[-1], 3.0), abs=0.05)


@pytest.mark.parametrize(('acceleration', 'share'), [(2.0, 0.8), (0.2, 0.5)])
def test_noise_is_less_after_smoothing(acceleration, share):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.03, 300)
    config = replace(CONFIG, acceleration_m_s2=acceleration)
    found = run(MotionFilter(), [(i / 30, seen(e)) for i, e in enumerate(noise)], config)
    smooth = np.array([placement.position_m[0] for placement in found[30:]])
    assert smooth.std() < share * noise.std()


def test_prediction_in_two_steps_is_that_in_one():
    start = [(i / 10, seen(0.1 * i)) for i in range(20)]
    one, two = MotionFilter(), MotionFilter()
    run(one, start)
    run(two, start)
    (first,) = run(one, [(2.2, None)])
    _, second = run(two, [(2.05, None), (2.2, None)])
    assert first.position_m == pytest.approx(second.position_m)
    again = [(2.3, seen(2.35))]
    assert run(one, again)[0].position_m == pytest.approx(run(two, again)[0].position_m)


def test_short_gaps_are_bridged_and_long_ones_are_not():
    motion = MotionFilter()
    run(motion, [(i / 10, seen(0.1 * i)) for i in range(20)])  # 1 m/s, the latest at 1.9 s
    near, far = run(motion, [(2.3, None), (2.5, None)])
    assert near.quality == Quality3d.PREDICTED
    assert near.position_m[0] == pytest.approx(2.3, abs=0.05)
    assert far is None
    (after,) = run(motion, [(2.6, seen(2.6))])  # it goes on
    assert after.velocity_m_s[0] == pytest.approx(1.0, abs=0.2)


def test_after_a_long_gap_it_begins_anew():
    motion = MotionFilter()
    run(motion, [(i / 10, seen(0.1 * i)) for i in range(20)])
    _, again = run(motion, [(3.5, None), (9.0, seen(-2.0))])
    assert (again.position_m[0], again.velocity_m_s[0]) == (-2.0, 0.0)


def test_time_that_runs_backwards_begins_anew():
    motion = MotionFilter()
    run(motion, [(5.0, seen(1.0)), (5.1, seen(1.1))])
    assert run(motion, [(1.0, None)]) == [None]
    (again,) = run(motion, [(1.1, seen(4.0))])
    assert again.position_m[0] == 4.0


def test_an_outlier_is_refused_and_a_true_jump_is_followed():
    motion = MotionFilter()
    run(motion, [(i / 30, seen(0.0)) for i in range(60)])
    once, back = run(motion, [(2.0, seen(0.0, z=7.0)), (2.03, seen(0.0))])
    assert (once.quality, back.quality) == (Quality3d.PREDICTED, Quality3d.GOOD)
    assert once.position_m[2] == pytest.approx(3.0, abs=0.01)
    found = run(motion, [(2.1 + i / 30, seen(0.0, z=7.0)) for i in range(4)])
    assert [p.position_m[2] > 6 for p in found] == [False, False, True, True]


def test_low_quality_counts_less():
    good, low = MotionFilter(), MotionFilter()
    start = [(i / 30, seen(0.0)) for i in range(30)]
    run(good, start)
    run(low, start)
    (a,) = run(good, [(1.0, seen(0.06))])
    (b,) = run(low, [(1.0, seen(0.06, quality=Quality3d.LOW))])
    assert 0 < b.position_m[0] < 0.5 * a.position_m[0]
    assert b.quality == Quality3d.LOW


def test_more_acceleration_follows_faster():
    found = []
    for acceleration in (0.2, 20.0):
        config = replace(CONFIG, acceleration_m_s2=acceleration)
        motion = MotionFilter()
        run(motion, [(i / 30, seen(0.0)) for i in range(60)], config)
        found.append(run(motion, [(2.0, seen(0.08))], config)[0].position_m[0])
    assert found[0] < found[1]


def test_the_extent_follows_slowly():
    motion = MotionFilter()
    steps = [(i / 10, seen(0.0, size=(1.0 if i else 2.0, 1.0, 1.0))) for i in range(40)]
    sizes = [placement.size_m[0] for placement in run(motion, steps)]
    assert sizes[0] == 2.0
    assert sizes == sorted(sizes, reverse=True)
    assert 1.3 < sizes[5] < 1.5  # a time constant of 0.5 s
    assert sizes[-1] == pytest.approx(1.0, abs=0.01)


def test_without_smoothing():
    config = replace(CONFIG, smooth=False)
    motion = MotionFilter()
    a, b, c = run(motion, [(0.0, seen(0.0)), (0.1, seen(5.0)), (0.2, None)], config)
    assert (a.position_m[0], b.position_m[0], c) == (0.0, 5.0, None)


def test_hold_of_zero_predicts_nothing_but_smooths():
    config = replace(CONFIG, hold_s=0.0)
    motion = MotionFilter()
    found = run(motion, [(i / 30, seen(0.0)) for i in range(30)] + [(1.0, None)], config)
    assert found[-1] is None
    (after,) = run(motion, [(1.03, seen(0.05))], config)
    assert 0 < after.position_m[0] < 0.05


def test_repeated_stamps_do_no_harm():
    found = run(MotionFilter(), [(1.0, seen(0.0))] * 50)
    assert found[-1].position_m == (0.0, 0.0, 3.0)
    assert np.isfinite(found[-1].velocity_m_s).all()
