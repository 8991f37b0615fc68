# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Questions to a snapshot: class, state, region, age, time to contact, order."""

import math

import numpy as np
import pytest
from track_messages import S, message, placed, track

from vis_ros.client import (
    BoxRegion,
    MaskRegion,
    Observer,
    PolygonRegion,
    Query,
    TrackState,
    TrackTable,
)


def table_of(*tracks, stamp_s=10.0):
    table = TrackTable()
    table.update(message(stamp_s, *tracks))
    return table.snapshot()


def ask(snapshot, **criteria):
    return [record.track_id for record in snapshot.select(Query(**criteria))]


def test_no_tracks():
    assert ask(table_of(), classes=['person'], order='contact', max_contact_s=1) == []


def test_class_and_state():
    snapshot = table_of(
        track(1),
        track(2, class_id=1, state=TrackState.TENTATIVE),
        track(3, class_id=1),
        track(4, class_id=2, state=TrackState.LOST),
    )
    assert ask(snapshot, order='id') == [1, 2, 3, 4]
    assert ask(snapshot, classes={'car'}, order='id') == [2, 3]
    assert ask(snapshot, classes=('person', 'traffic light'), order='id') == [1, 4]
    assert ask(snapshot, classes=('unicorn',)) == []
    assert ask(snapshot, states={TrackState.ACTIVE}, order='id') == [1, 3]
    assert ask(snapshot, classes=['car'], states=[TrackState.ACTIVE]) == [3]


def test_ages():
    times = {'first_seen_ns': 4 * S, 'last_seen_ns': 9 * S}
    snapshot = table_of(track(1, **times), track(2, first_seen_ns=9 * S, last_seen_ns=10 * S))
    assert ask(snapshot, min_age_s=6, order='id') == [1]
    assert ask(snapshot, min_age_s=6.1) == []
    assert ask(snapshot, max_silence_s=0.5) == [2]
    assert ask(snapshot, max_silence_s=1, order='id') == [1, 2]
    assert ask(snapshot, max_silence_s=1, at_ns=11 * S) == [2]
    assert ask(snapshot, min_age_s=6.1, at_ns=11 * S) == [1]


def test_absent_tracks_answer_only_when_asked():
    table = TrackTable()
    table.update(message(1.0, track(1), track(2)))
    table.update(message(1.1, track(2)))
    assert ask(table.snapshot()) == [2]
    assert ask(table.snapshot(), with_absent=True, order='id') == [1, 2]


def test_nearest_first():
    snapshot = table_of(
        track(1, (0, 0, 10, 300)),
        track(2, (0, 0, 10, 400)),
        track(3, placement=placed((0, 0, 9))),
        track(4, placement=placed((3, 0, 4))),
        track(5, placement=placed((0, 0, 6)), class_id=1),
    )
    assert ask(snapshot) == [4, 5, 3, 2, 1]
    from_afar = Observer(position_m=(0, 0, 10))
    assert ask(snapshot, observer=from_afar) == [3, 5, 4, 2, 1]
    nearest = snapshot.nearest_of_each_class()
    assert {name: record.track_id for name, record in nearest.items()} == {'person': 4, 'car': 5}


def test_contact():
    def at(position, velocity):
        return placed(position, velocity)

    snapshot = table_of(
        track(1, placement=at((0, 0, 9), (0, 0, -3))),
        track(2, placement=at((0, 0, 2), (0, 0, -0.1))),
        track(3, placement=at((0, 0, 1), (0, 0, 1))),
        track(4),
        track(5, placement=at((0, 0, 4), (0, 0, -4))),
    )
    assert ask(snapshot, order='contact') == [5, 1, 2, 3, 4]
    assert ask(snapshot, max_contact_s=3) == [5, 1]
    assert ask(snapshot, max_contact_s=3, order='id') == [1, 5]
    assert ask(snapshot, max_contact_s=2.8, at_ns=round(10.25 * S), order='id') == [1, 5]
    assert ask(snapshot, max_contact_s=100, at_ns=11 * S) == [], 'too long ago to say'
    assert ask(snapshot, max_contact_s=2, observer=Observer(stand_off_m=1.9)) == [3, 2, 5]
    assert snapshot.contact(1).time_s == pytest.approx(3)
    assert snapshot.contact(3).time_s == math.inf
    assert snapshot.contact(4) is None
    assert snapshot.contact(99) is None
    assert snapshot.contact(1, observer=Observer(stand_off_m=3)).time_s == pytest.approx(2)


def test_box_regions():
    snapshot = table_of(track(1, (10, 10, 20, 20)), track(2, (100, 100, 200, 200)))
    assert ask(snapshot, region=BoxRegion(0, 0, 15, 15)) == [1]
    assert ask(snapshot, region=BoxRegion(0, 0, 15, 15), min_share=0.25) == [1]
    assert ask(snapshot, region=BoxRegion(0, 0, 15, 15), min_share=0.26) == []
    assert ask(snapshot, region=BoxRegion(-9, -9, 9.9, 9.9)) == []
    assert ask(snapshot, region=BoxRegion(-math.inf, 0, math.inf, math.inf), order='id') == [1, 2]


def test_a_region_asks_for_pixels_and_not_for_the_box():
    from vis_ros.ops.rle import encode

    ring = np.ones((40, 40), np.bool_)
    ring[5:35, 5:35] = False
    snapshot = table_of(track(1, (100, 100, 140, 140), mask=encode(ring, x=100, y=100)))
    inner = np.zeros((480, 640), np.bool_)
    inner[105:135, 105:135] = True
    corners = [(105, 105), (135, 105), (135, 135), (105, 135)]
    for region in (BoxRegion(105, 105, 135, 135), MaskRegion(inner), PolygonRegion(corners)):
        assert ask(snapshot, region=region) == []
    for region in (BoxRegion(100, 100, 140, 104), MaskRegion(~inner)):
        assert ask(snapshot, region=region) == [1]


def test_the_box_of_a_lost_track_stands_for_it():
    lost = track(1, (10, 10, 20, 20), state=TrackState.LOST)
    gone = track(2, (30, 30, 30, 30), state=TrackState.LOST)
    snapshot = table_of(lost, gone)
    left = np.zeros((480, 640), np.bool_)
    left[:, :15] = True
    for region in (
        BoxRegion(0, 0, 15, 480),
        MaskRegion(left),
        PolygonRegion([(0, 0), (15, 0), (15, 480), (0, 480)]),
    ):
        assert ask(snapshot, region=region, min_share=0.5) == [1]
        assert ask(snapshot, region=region, min_share=0.51) == []
    assert ask(snapshot, region=BoxRegion(0, 0, 640, 480)) == [1]


def test_polygons_are_drawn_right():
    triangle = PolygonRegion([(0, 0), (4, 0), (0, 4)]).pixels((4, 5))
    assert triangle.astype(int).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    concave = PolygonRegion([(0, 0), (6, 0), (6, 6), (4, 6), (4, 2), (2, 2), (2, 6), (0, 6)])
    pixels = concave.pixels((6, 6))
    assert pixels.sum() == 28
    assert not pixels[2:, 2:4].any()
    turned = PolygonRegion([(0, 6), (2, 6), (2, 2), (4, 2), (4, 6), (6, 6), (6, 0), (0, 0)])
    assert np.array_equal(turned.pixels((6, 6)), pixels)
    around = PolygonRegion([(-1e6, -1e6), (1e6, -1e6), (1e6, 1e6), (-1e6, 1e6)])
    assert around.pixels((3, 4)).all()
    outside = PolygonRegion([(-5, -5), (-1, -5), (-1, -1)])
    assert not outside.pixels((3, 4)).any()
    assert around.pixels((0, 0)).shape == (0, 0)


def test_a_polygon_follows_the_size_of_the_image():
    region = PolygonRegion([(0, 0), (640, 0), (640, 480), (0, 480)])
    assert ask(table_of(track(1)), region=region, min_share=1) == [1]
    table = TrackTable()
    table.update(message(1.0, track(1), shape=(200, 300)))
    assert ask(table.snapshot(), region=region, min_share=1) == [1]


@pytest.mark.parametrize(
    ('make', 'text'),
    [
        (lambda: BoxRegion(5, 0, 5, 1), 'expected x_min < x_max'),
        (lambda: BoxRegion(math.nan, 0, 5, 1), 'expected x_min < x_max'),
        (lambda: PolygonRegion([(0, 0), (1, 1)]), 'three points'),
        (lambda: PolygonRegion([(0, 0), (1, 1), (math.nan, 0)]), 'finite points'),
        (lambda: PolygonRegion([(0, 0)] * 3).pixels((2**20, 2**20)), 'at most'),
        (lambda: MaskRegion(np.zeros((3, 3))), 'expected a bool array .* got float64'),
        (lambda: Query(classes='person'), "collection of names, got 'person'"),
        (lambda: Query(order='size'), "nearest, contact or id, got 'size'"),
        (lambda: Query(min_share=2), 'min_share'),
        (lambda: Query(max_contact_s=-1), 'max_contact_s: expected 0 or more, got -1'),
        (lambda: Query(min_age_s=math.nan), 'min_age_s'),
    ],
)
def test_bad_questions(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_a_mask_region_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r'expected pixels of the source image \(480, 640\), got'):
        ask(table_of(track(1)), region=MaskRegion(np.ones((3, 3), np.bool_)))
