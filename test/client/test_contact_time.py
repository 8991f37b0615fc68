# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time to contact on constructed motion, from positions and from the image."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from track_messages import S, message, placed, track

from vis_ros.client import Observer, TrackState, TrackTable, time_to_contact

FOCAL_PX, CENTRE = 400.0, (320.0, 240.0)
TIMES_S = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def seen_at(point, size_m=(1.0, 1.5)):
    """Return the box in the image of an upright thing, as a pinhole camera sees it."""
    (x, y, z), (width, height) = point, size_m
    u, v = CENTRE[0] + FOCAL_PX * x / z, CENTRE[1] + FOCAL_PX * y / z
    half = FOCAL_PX * width / z / 2, FOCAL_PX * height / z / 2
    return u - half[0], v - half[1], u + half[0], v + half[1]


def cut(box):
    """Return the part of a box that lies in the image."""
    return tuple(np.clip(box, 0, [640, 480, 640, 480]))


def approaching(start, velocity, *, has_3d=False, told=(0, 0, 0), times_s=TIMES_S, noise=None):
    """Return the record of a thing that moves evenly."""
    table = TrackTable()
    for index, time_s in enumerate(times_s):
        point = tuple(a + time_s * b for a, b in zip(start, velocity, strict=True))
        box = cut(seen_at(point))
        if noise is not None:
            box = tuple(np.round(np.array(box) + noise[index]))
        seen = track(box=box, placement=placed(point, told) if has_3d else None)
        table.update(message(3 + time_s, seen))
    return table.snapshot().get(1)


def test_too_little_is_known():
    table = TrackTable()
    table.update(message(1.0, track(state=TrackState.LOST)))
    assert time_to_contact(table.snapshot().get(1)) is None
    for times_s in ((0,), (0, 0.2), (0, 0.03, 0.06)):
        for has_3d in (False, True):
            record = approaching((0, 0, 9), (0, 0, -1), times_s=times_s, has_3d=has_3d)
            assert time_to_contact(record) is None


# From the image


@settings(max_examples=30)
@given(st.floats(3, 30), st.floats(0.3, 4))
def test_growth_of_the_image_tells_the_time_exactly(range_m, speed_m_s):
    end_m = range_m - 0.5 * speed_m_s
    if end_m < 1.5:  # larger than the image
        return
    found = time_to_contact(approaching((0, 0, range_m), (0, 0, -speed_m_s)))
    assert found.time_s == pytest.approx(end_m / speed_m_s, rel=1e-3)
    assert (found.source, found.range_m, found.closing_m_s, found.miss_m) == (
        'image',
        None,
        None,
        None,
    )


def test_what_goes_away_or_stays_is_never_touched():
    for velocity in ((0, 0, 1), (0, 0, 0), (0.5, 0, 0)):
        assert time_to_contact(approaching((0, 0, 6), velocity)).time_s == math.inf


def test_the_time_runs_on_after_the_last_observation():
    record = approaching((0, 0, 6), (0, 0, -2))
    newest_ns = record.history[-1].stamp_ns
    now, later = (time_to_contact(record, newest_ns + ns).time_s for ns in (0, S // 4))
    assert (now, later) == (pytest.approx(2.5, rel=1e-4), pytest.approx(2.25, rel=1e-4))
    assert time_to_contact(record, newest_ns + S // 2 + 1) is None
    assert time_to_contact(record, newest_ns + S, max_extrapolation_s=4).time_s == pytest.approx(
        1.5
    )
    overdue = time_to_contact(record, newest_ns + 3 * S, max_extrapolation_s=4)
    assert overdue.time_s == 0


def test_a_thing_cut_by_the_side_of_the_image_is_measured_by_its_height():
    record = approaching((-3.2, 0, 4), (0, 0, -1))
    assert all(sample.is_cut == (True, False) for sample in record.history)
    assert time_to_contact(record).time_s == pytest.approx(3.5, rel=1e-3)


def test_a_thing_cut_by_the_lower_border_is_measured_by_its_width():
    record = approaching((0, 2.0, 4), (0, 0, -1))
    assert all(sample.is_cut == (False, True) for sample in record.history)
    assert time_to_contact(record).time_s == pytest.approx(3.5, rel=1e-3)


def test_a_thing_cut_on_all_sides_says_nothing():
    record = approaching((-3, 2, 3.5), (0, 0, -0.1))
    assert all(sample.is_cut == (True, True) for sample in record.history)
    assert time_to_contact(record) is None


def test_a_box_without_area_says_nothing():
    table = TrackTable()
    for index in range(5):
        table.update(message(1 + index / 10, track(box=(50, 50, 50, 50))))
    assert time_to_contact(table.snapshot().get(1)) is None


def test_whole_pixels_with_noise_are_good_enough():
    random = np.random.default_rng(5)
    times_s = tuple(k / 30 for k in range(31))
    errors = []
    for _ in range(10):
        noise = random.uniform(-1, 1, (31, 4))
        record = approaching((0, 0, 8), (0, 0, -3), times_s=times_s, noise=noise)
        errors.append(abs(time_to_contact(record).time_s / (5 / 3) - 1))
    assert np.median(errors) < 0.05
    assert max(errors) < 0.15


# From positions


@settings(max_examples=25)
@given(
    st.tuples(st.floats(-5, 5), st.floats(-2, 2), st.floats(3, 30)),
    st.tuples(st.floats(-2, 2), st.floats(-1, 1), st.floats(-5, 5)),
)
def test_positions_tell_what_the_tracker_tells(start, velocity):
    fitted = time_to_contact(approaching(start, velocity, has_3d=True))
    told = time_to_contact(approaching(start, velocity, has_3d=True, told=velocity))
    end = np.array(start) + 0.5 * np.array(velocity)
    assert fitted.source == told.source == 'positions'
    assert fitted.range_m == pytest.approx(np.linalg.norm(end), abs=1e-6)
    assert fitted.closing_m_s == pytest.approx(told.closing_m_s, abs=1e-6)
    if abs(told.closing_m_s) > 1e-3:
        assert fitted.time_s == pytest.approx(told.time_s, rel=1e-4)


def test_head_on():
    found = time_to_contact(approaching((0, 0, 6), (0, 0, -2), has_3d=True))
    assert found.time_s == pytest.approx(2.5)
    assert found.range_m == pytest.approx(5)
    assert found.closing_m_s == pytest.approx(2)
    assert found.miss_m == pytest.approx(0, abs=1e-6)


def test_the_velocity_of_the_tracker_is_enough_at_the_first_message():
    record = approaching((3, 0, 4), (0, 0, 0), has_3d=True, told=(0, 0, -1), times_s=(0,))
    found = time_to_contact(record)
    assert (found.range_m, found.closing_m_s) == (5, 0.8)
    assert found.time_s == pytest.approx(6.25)
    assert found.miss_m == pytest.approx(3), 'it passes at three metres'


def test_what_passed_is_never_touched():
    found = time_to_contact(approaching((3, 0, 1), (1, 0, 0), has_3d=True, told=(1, 0, 0)))
    assert (found.time_s, found.miss_m) == (math.inf, found.range_m)
    assert found.closing_m_s < 0


def test_the_observer_has_a_size_a_place_and_a_velocity():
    record = approaching((0, 0, 6), (0, 0, 0), has_3d=True)
    drives = Observer(position_m=(0, 0, 1), velocity_m_s=(0, 0, 2), stand_off_m=0.5)
    found = time_to_contact(record, observer=drives)
    assert found.range_m == pytest.approx(5)
    assert found.time_s == pytest.approx(2.25)
    inside = time_to_contact(record, observer=Observer(stand_off_m=7))
    assert (inside.time_s, inside.miss_m) == (0, pytest.approx(6))
    there = time_to_contact(record, observer=Observer((0, 0, 6), stand_off_m=0.01))
    assert there.time_s == 0


def test_positions_are_moved_to_the_time_of_the_question():
    record = approaching((0, 0, 6), (0, 0, -2), has_3d=True, told=(0, 0, -2))
    newest_ns = record.stamp_ns
    found = time_to_contact(record, newest_ns + S // 4)
    assert (found.range_m, found.time_s) == (pytest.approx(4.5), pytest.approx(2.25))
    assert time_to_contact(record, newest_ns + S) is None


def test_without_a_position_now_the_image_answers():
    table = TrackTable()
    for time_s in TIMES_S:
        where = placed((0, 0, 6 - time_s)) if time_s < 0.45 else None
        seen = track(box=seen_at((0, 0, 6 - time_s)), placement=where)
        table.update(message(3 + time_s, seen))
    found = time_to_contact(table.snapshot().get(1))
    assert (found.source, found.time_s) == ('image', pytest.approx(5.5, rel=1e-3))


@pytest.mark.parametrize(
    'fields',
    [{'position_m': (0, math.nan, 0)}, {'velocity_m_s': (math.inf, 0, 0)}, {'stand_off_m': -1}],
)
def test_bad_observers(fields):
    with pytest.raises(ValueError, match='expected'):
        Observer(**fields)


def test_bad_limit():
    with pytest.raises(ValueError, match='max_extrapolation_s: expected 0 or more, got -1'):
        time_to_contact(approaching((0, 0, 6), (0, 0, -1)), max_extrapolation_s=-1)
