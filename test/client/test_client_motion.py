# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tracks at a time: exact on straight lines, and nothing where nothing is known."""

import hypothesis.strategies as st
import pytest
from hypothesis import given
from track_messages import S, message, placed, track

from vis_ros.client import TrackState, TrackTable, estimate_at
from vis_ros.structures.placement import Quality3d

START, SPEED = (100.0, 200.0, 150.0, 260.0), (30.0, -20.0, 50.0, 10.0)
PLACE, VELOCITY = (1.0, -2.0, 9.0), (0.5, 0.25, -2.0)


def on_line(start, speed, time_s):
    return tuple(a + time_s * b for a, b in zip(start, speed, strict=True))


def moving(times_s, *, has_3d=True, tells_velocity=False, **last):
    """Return the record of a track that moves evenly, seen at some times."""
    table = TrackTable()
    for time_s in times_s:
        where = on_line(PLACE, VELOCITY, time_s)
        placement = placed(where, VELOCITY if tells_velocity else (0, 0, 0)) if has_3d else None
        seen = track(box=on_line(START, SPEED, time_s), placement=placement)
        table.update(message(5 + time_s, seen))
    if last:
        table.update(message(last.pop('stamp_s'), track(state=TrackState.LOST, **last)))
    return table.snapshot().get(1)


def test_a_track_without_observations():
    record = moving([], stamp_s=5.0)
    assert record.history == ()
    assert estimate_at(record, 5 * S) is None


@given(st.floats(0, 0.9))
def test_straight_motion_is_exact_inside_and_after_the_history(time_s):
    found = estimate_at(moving([0, 0.1, 0.25, 0.5, 0.6]), round((5 + time_s) * S))
    assert found.box == pytest.approx(on_line(START, SPEED, time_s), abs=1e-3)
    assert found.position_m == pytest.approx(on_line(PLACE, VELOCITY, time_s), abs=1e-5)
    assert found.extrapolated_s == pytest.approx(max(0, time_s - 0.6), abs=1e-8)


def test_observations_are_themselves():
    record = moving([0, 0.1, 0.2])
    for sample in record.history:
        found = estimate_at(record, sample.stamp_ns, max_extrapolation_s=0, max_gap_s=0)
        assert (found.box, found.position_m) == (sample.box, sample.position_m)
        assert (found.stamp_ns, found.extrapolated_s) == (sample.stamp_ns, 0)


def test_before_the_history_nothing_is_known():
    assert estimate_at(moving([0, 0.1]), 5 * S - 1) is None


def test_the_limit_of_extrapolation():
    record = moving([0, 0.1, 0.2])
    newest_ns = record.history[-1].stamp_ns
    assert estimate_at(record, newest_ns + S // 2).extrapolated_s == 0.5
    assert estimate_at(record, newest_ns + S // 2 + 1) is None
    assert estimate_at(record, newest_ns + 1, max_extrapolation_s=0) is None
    assert estimate_at(record, newest_ns + S, max_extrapolation_s=1) is not None


def test_the_limit_of_gaps():
    record = moving([0, 0.1, 0.9])
    inside_ns = 5 * S + S // 2
    assert estimate_at(record, inside_ns).box == pytest.approx(on_line(START, SPEED, 0.5))
    assert estimate_at(record, inside_ns, max_gap_s=0.7) is None
    assert estimate_at(record, inside_ns, max_gap_s=0.8 + 1e-6) is not None


def test_a_lost_track_goes_on_from_its_last_observation():
    record = moving([0, 0.1, 0.2], stamp_s=5.5, box=(0, 0, 1, 1))
    found = estimate_at(record, round(5.6 * S))
    assert found.box == pytest.approx(on_line(START, SPEED, 0.6), abs=1e-3)
    assert found.position_m == pytest.approx(on_line(PLACE, VELOCITY, 0.6), abs=1e-5)
    assert found.extrapolated_s == pytest.approx(0.4)


def test_a_lost_track_follows_the_way_that_the_tracker_predicts():
    where = placed((0, 0, 4), (0, 0, -1), Quality3d.PREDICTED)
    record = moving([0, 0.1, 0.2], stamp_s=5.5, placement=where)
    assert estimate_at(record, round(5.6 * S)).position_m == pytest.approx((0, 0, 3.9))


def test_one_observation_goes_on_at_the_speed_that_the_tracker_tells():
    table = TrackTable()
    table.update(message(1.0, track(box=(10, 10, 20, 20), velocity_px_s=(50.0, -10.0))))
    found = estimate_at(table.snapshot().get(1), round(1.2 * S))
    assert found.box == pytest.approx((20, 8, 30, 18))
    assert found.position_m is None
    table.update(message(3.0, track(2, placement=placed((0, 0, 5)))))
    assert estimate_at(table.snapshot().get(2), 3 * S).position_m == (0, 0, 5)
    assert estimate_at(table.snapshot().get(2), 3 * S + 1).position_m is None, 'speed not known'
    table.update(message(3.0, track(2, placement=placed((0, 0, 5), (0, 0, 1)))))
    assert estimate_at(table.snapshot().get(2), round(3.5 * S)).position_m == (0, 0, 5.5)


def test_the_speed_that_the_tracker_tells_comes_first():
    record = moving([0, 0.1, 0.2], tells_velocity=True)
    assert record.velocity_m_s == VELOCITY
    found = estimate_at(record, round(5.6 * S))
    assert found.position_m == pytest.approx(on_line(PLACE, VELOCITY, 0.6))


def test_positions_are_told_only_between_two_of_them():
    table = TrackTable()
    for index, where in enumerate([placed((0, 0, 5)), None, placed((0, 0, 7))]):
        table.update(message(1 + index / 10, track(placement=where)))
    record = table.snapshot().get(1)
    assert estimate_at(record, round(1.05 * S)).position_m is None
    assert estimate_at(record, round(1.2 * S)).position_m == (0, 0, 7)


def test_a_box_that_shrinks_to_nothing_is_a_point():
    table = TrackTable()
    for index in range(3):
        table.update(message(1 + index / 10, track(box=(100, 100 + 2 * index, 110, 110))))
        table.update(message(1.05 + index / 10, track(box=(100, 101 + 2 * index, 110, 110))))
    found = estimate_at(table.snapshot().get(1), round(1.75 * S))
    assert found.box[1] == found.box[3]
    assert found.box[::2] == pytest.approx((100, 110))


@pytest.mark.parametrize('limits', [{'max_extrapolation_s': -1}, {'max_gap_s': float('nan')}])
def test_bad_limits(limits):
    with pytest.raises(ValueError, match='expected 0 or more'):
        estimate_at(moving([0]), 5 * S, **limits)
