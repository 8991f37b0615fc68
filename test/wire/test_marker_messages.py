# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Markers of RViz: what is shown, what is taken back, and that trails stay short."""

import pytest
from result_makers import CLASSES, MESSAGES, place, result, track, values, wire

from vis_ros.structures import TrackState
from vis_ros.wire.marker_messages import TrackMarkers

ADD, DELETE, DELETE_ALL = 0, 2, 3
CUBE, LINE_STRIP, TEXT = 1, 4, 9


def colour_of(track_id):
    return (255, 0, 51)


def new(**changes):
    return TrackMarkers(MESSAGES, class_names=CLASSES, colour_of=colour_of, **changes)


def at(number, x, **changes):
    """Return a track that is 4 m in front of the camera."""
    return track(number, placement=place(x, 0.0, 4.0), **changes)


def told(message):
    """Return (action, namespace, id) of all markers, as they come over the wire."""
    return [values(marker, 'action', 'ns', 'id') for marker in wire(message).markers]


def trail_of(message, number):
    """Return the x of the points of a trail."""
    for marker in message.markers:
        if (marker.ns, marker.id, marker.action) == ('trails', number, ADD):
            return [point.x for point in marker.points]
    return None


def test_no_track():
    markers = new()
    assert told(markers.message(result())) == [(DELETE_ALL, '', 0)]
    assert told(markers.message(result())) == []


def test_no_depth():
    markers = new()
    markers.message(result())
    assert told(markers.message(result(track(1)))) == []


def test_every_field():
    markers = new()
    markers.message(result())
    first = markers.message(result(at(9, 1.0)))
    assert told(first) == [(ADD, 'boxes', 9), (ADD, 'names', 9)]
    box, name = wire(first).markers
    for marker in (box, name):
        assert values(marker.header.stamp, 'sec', 'nanosec') == (12, 34)
        assert marker.header.frame_id == 'camera'
        assert values(marker.lifetime, 'sec', 'nanosec') == (0, 0)
        assert values(marker, 'frame_locked', 'mesh_resource', 'texture_resource') == (
            False, '', ''
        )  # fmt: skip
        assert values(marker.pose.orientation, 'x', 'y', 'z', 'w') == (0.0, 0.0, 0.0, 1.0)
        assert values(marker.color, 'r', 'g', 'b') == pytest.approx((1.0, 0.0, 0.2))
        assert (marker.points, marker.colors, marker.uv_coordinates) == ([], [], [])
    assert box.type == CUBE
    assert values(box.pose.position, 'x', 'y', 'z') == (1.0, 0.0, 4.0)
    assert values(box.scale, 'x', 'y', 'z') == (0.5, 1.5, 0.25)
    assert 0 < box.color.a < 1
    assert (name.type, name.text, name.color.a) == (TEXT, '9 person 0.50', 1.0)
    assert name.scale.z > 0
    x, y, z = values(name.pose.position, 'x', 'y', 'z')
    assert (x, z) == (1.0, 4.0)
    assert y < -0.75  # above the box: y points down in a camera's frame

    trail = wire(markers.message(result(at(9, 1.5)))).markers[2]
    assert values(trail, 'ns', 'id', 'type', 'action') == ('trails', 9, LINE_STRIP, ADD)
    assert [values(point, 'x', 'y', 'z') for point in trail.points] == [(1, 0, 4), (1.5, 0, 4)]
    assert trail.scale.x > 0
    assert values(trail.pose.position, 'x', 'y', 'z') == (0.0, 0.0, 0.0)
    assert trail.color.a == 1.0


def test_names_stand_above_boxes_in_other_frames_too():
    message = new().message(result(at(1, 0.0), frame_id_3d='map'))
    name = message.markers[-1]
    assert name.header.frame_id == 'map'
    assert name.pose.position.y == 0.0
    assert name.pose.position.z > 4.125


def test_states_differ_in_strength():
    message = new().message(
        result(*(at(int(state), float(state), state=state) for state in TrackState))
    )
    strength = {m.id: m.color.a for m in message.markers if m.ns == 'boxes'}
    assert strength[TrackState.LOST] < strength[TrackState.TENTATIVE] < strength[TrackState.ACTIVE]


def test_a_flat_thing_can_be_drawn():
    (_, box, _) = (
        new().message(result(track(1, placement=place(0, 0, 1, (0.0, 1.0, 0.0))))).markers
    )
    assert min(values(box.scale, 'x', 'y', 'z')) > 0


def test_what_went_away_is_taken_back_once():
    markers = new()
    markers.message(result(at(1, 0.0), at(2, 0.0)))
    markers.message(result(at(1, 1.0), at(2, 1.0)))
    gone = told(markers.message(result(at(2, 2.0))))
    assert [item for item in gone if item[0] == DELETE] == [
        (DELETE, 'boxes', 1), (DELETE, 'names', 1), (DELETE, 'trails', 1)
    ]  # fmt: skip
    assert {item for item in gone if item[0] == ADD} == {
        (ADD, name, 2) for name in ('boxes', 'names', 'trails')
    }
    assert told(markers.message(result())) == [
        (DELETE, name, 2) for name in ('boxes', 'names', 'trails')
    ]
    assert told(markers.message(result())) == []


def test_a_trail_outlives_a_gap_in_the_depth():
    markers = new()
    markers.message(result(at(1, 0.0)))
    markers.message(result(at(1, 1.0)))
    gap = markers.message(result(track(1)))
    assert told(gap) == [(DELETE, 'boxes', 1), (DELETE, 'names', 1), (ADD, 'trails', 1)]
    assert trail_of(gap, 1) == [0.0, 1.0]
    assert trail_of(markers.message(result(at(1, 2.0))), 1) == [0.0, 1.0, 2.0]


def test_what_stands_still_leaves_no_trail_but_ends_where_it_is():
    markers = new(spacing_m=0.1)
    markers.message(result(at(1, 0.0)))
    assert trail_of(markers.message(result(at(1, 0.0))), 1) is None
    for step in range(1, 5):
        x = 0.02 * step
        assert trail_of(markers.message(result(at(1, x))), 1) == [0.0, x]
    assert trail_of(markers.message(result(at(1, 0.5))), 1) == [0.0, 0.5]
    assert trail_of(markers.message(result(at(1, 0.51))), 1) == [0.0, 0.5, 0.51]


def test_a_track_that_comes_back_under_another_id_has_a_new_trail():
    markers = new()
    for x in range(3):
        markers.message(result(at(1, float(x))))
    markers.message(result())
    assert trail_of(markers.message(result(at(1, 9.0))), 1) is None


@pytest.mark.parametrize('change', [{'session_id': 2}, {'frame_id_3d': 'map'}])
def test_another_session_or_frame_begins_with_nothing(change):
    markers = new()
    markers.message(result(at(1, 0.0)))
    markers.message(result(at(1, 1.0)))
    message = markers.message(result(at(1, 2.0), **change))
    assert told(message) == [(DELETE_ALL, '', 0), (ADD, 'boxes', 1), (ADD, 'names', 1)]


def test_forget_and_farewell():
    markers = new()
    assert markers.farewell(5) is None
    markers.message(result(at(1, 0.0)))
    last = markers.farewell(5)
    assert told(last) == [(DELETE_ALL, '', 0)]
    assert last.markers[0].header.stamp.nanosec == 5
    assert markers.farewell(6) is None
    markers.message(result(at(1, 1.0)))
    markers.forget()
    assert told(markers.message(result()))[0] == (DELETE_ALL, '', 0)


def test_ids_beyond_what_a_marker_can_say():
    (_, box, _) = new().message(result(at(2**40 + 5, 0.0))).markers
    assert wire(new().message(result(at(2**40 + 5, 0.0)))).markers[1].id == box.id == 5


def test_trails_are_bounded_over_10000_frames():
    markers = new(trail_points=5)
    longest, most = 0, 0
    for frame in range(10_000):
        number = 1 + frame // 30
        message = markers.message(result(at(number, 0.1 * frame)))
        longest = max(longest, len(trail_of(message, number) or ()))
        most = max(most, len(message.markers))
        assert len(markers._trails) == 1
        assert len(markers._shown) <= 3
    assert longest == 5  # the newest ones, of which the last is the present place
    assert most == 3 + 2  # three deletions of the one that went, two additions


def test_a_trail_needs_room():
    with pytest.raises(ValueError, match='trail_points: expected at least 1, got 0'):
        new(trail_points=0)
