# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table over hand-made streams: sessions, order, limits, threads."""

import threading

import pytest
from track_messages import S, message, placed, track

from vis_ros.client import TrackState, TrackTable, Update
from vis_ros.structures.placement import Quality3d


def ids(table):
    return [record.track_id for record in table.snapshot()]


def present(table):
    return [record.track_id for record in table.snapshot() if record.is_present]


def stamps(table, track_id=1):
    return [sample.stamp_ns / S for sample in table.snapshot().get(track_id).history]


def test_before_the_first_message():
    table = TrackTable()
    now = table.snapshot()
    assert (len(now), list(now), now.get(1), now.select(), now.contact(1)) == (
        0,
        [],
        None,
        (),
        None,
    )
    assert now.nearest_of_each_class() == {}
    assert set(table.counts.values()) == {0}


def test_a_message_without_tracks_is_news():
    table = TrackTable()
    assert table.update(message(3.5)) is Update.NEW_SESSION
    now = table.snapshot()
    assert (now.stamp_ns, now.session_id, now.image_shape) == (3.5 * S, 7, (480, 640))
    assert (now.method, now.frame_id, now.frame_id_3d) == ('iou', 'camera', '')
    assert now.age_s(4 * S) == 0.5


def test_what_a_record_tells():
    table = TrackTable()
    where = placed((1, 2, 3), (0, 0, -1))
    table.update(
        message(
            2.0,
            track(
                5,
                (10, 20, 30, 60),
                class_id=2,
                score=0.25,
                first_seen_ns=S,
                last_seen_ns=2 * S,
                hits=4,
                velocity_px_s=(3.0, -4.0),
                placement=where,
            ),
        )
    )
    record = table.snapshot().get(5)
    assert (record.class_name, record.class_id, record.score) == ('traffic light', 2, 0.25)
    assert (record.box, record.velocity_px_s) == ((10, 20, 30, 60), (3, -4))
    assert (record.age_s(3 * S), record.silence_s(3 * S)) == (2, 1)
    assert (record.hits, record.misses, record.state) == (4, 0, TrackState.ACTIVE)
    assert (record.placement, record.frame_id_3d) == (where, 'camera')
    assert (record.position_m, record.velocity_m_s) == ((1, 2, 3), (0, 0, -1))
    assert record.pixels().shape == (40, 20)
    assert record.pixels().all()
    whole = record.pixels(whole_image=True)
    assert whole.shape == (480, 640)
    assert whole.sum() == 800
    assert whole[20:60, 10:30].all()


def test_lost_tracks_keep_history_and_position():
    table = TrackTable()
    table.update(message(1.0, track(placement=placed((0, 0, 9)))))
    table.update(message(1.1, track(state=TrackState.LOST, last_seen_ns=S, misses=1)))
    record = table.snapshot().get(1)
    assert record.is_present
    assert not record.is_observed
    assert record.pixels().size == 0
    assert stamps(table) == [1.0]
    assert (record.placement, record.position_m, record.velocity_m_s) == (None, (0, 0, 9), None)
    assert record.frame_id_3d == 'camera'
    table.update(message(1.2, track()))
    assert stamps(table) == [1.0, 1.2]


def test_a_new_session_forgets_the_old_one():
    table = TrackTable()
    table.update(message(100.0, track(1), track(2)))
    assert table.update(message(5.0, track(3), session_id=8)) is Update.NEW_SESSION
    assert ids(table) == [3]
    assert table.snapshot().stamp_ns == 5 * S
    table.update(message(5.0, track(1), session_id=9))
    assert stamps(table) == [5.0], 'the same id of another session is another track'


def test_a_held_up_message_of_an_earlier_session_is_ignored():
    table = TrackTable()
    table.update(message(5.0, track(3), session_id=8))
    for stamp_s in (1.0, 99.0):
        assert table.update(message(stamp_s, track(1), session_id=7)) is Update.OLD_SESSION
        assert ids(table) == [3]
    table.update(message(5.1, track(3), session_id=8))
    for kind in (Update.OLD_SESSION, Update.OLD_SESSION, Update.NEW_SESSION):
        assert ids(table) == [3]
        assert table.update(message(6.0, track(1), session_id=7)) is kind
    assert ids(table) == [1], 'a tracker that loaded its memory goes on with a lower session id'


def test_different_earlier_sessions_are_counted_apart():
    table = TrackTable()
    table.update(message(5.0, session_id=8))
    for session_id in (6, 7, 6, 7, 6):
        assert table.update(message(6.0, session_id=session_id)) is Update.OLD_SESSION


def test_late_messages_only_add_to_histories():
    table = TrackTable()
    for stamp_s in (1.0, 1.2):
        table.update(message(stamp_s, track(1, (stamp_s * 100, 0, 200, 50))))
    before = table.snapshot()
    late = message(1.1, track(1, (110, 0, 200, 50)), track(2))
    assert table.update(late) is Update.LATE
    assert stamps(table) == [1.0, 1.1, 1.2]
    assert ids(table) == [1]
    assert table.snapshot().get(1).box == before.get(1).box
    assert table.snapshot().stamp_ns == 1.2 * S
    table.update(late)
    assert stamps(table) == [1.0, 1.1, 1.2]
    table.update(message(1.05, track(1, state=TrackState.LOST)))
    assert stamps(table) == [1.0, 1.1, 1.2]
    assert [sample.stamp_ns for sample in before.get(1).history] == [S, 1.2 * S]


def test_a_late_message_from_before_the_history_is_left_out():
    table = TrackTable(history_s=0.5)
    table.update(message(2.0, track()))
    table.update(message(1.0, track()))
    assert stamps(table) == [2.0]


def test_a_repeated_stamp_replaces():
    table = TrackTable()
    table.update(message(1.0, track(1), track(2)))
    table.update(message(2.0, track(1), track(2)))
    again = message(2.0, track(1, (0, 0, 10, 10)))
    for _ in range(3):
        assert table.update(again) is Update.REPEATED
    assert table.snapshot().get(1).box == (0, 0, 10, 10)
    assert stamps(table) == [1.0, 2.0]
    assert table.snapshot().get(1).history[-1].box == (0, 0, 10, 10)
    assert present(table) == [1]
    assert table.counts[Update.REPEATED] == 3


def test_a_camera_that_never_sets_its_stamp():
    table = TrackTable()
    table.update(message(0.0, track(1)))
    table.update(message(0.0, track(2)))
    assert present(table) == [2]
    assert stamps(table, 2) == [0.0]


def test_absent_tracks_are_kept_for_a_while():
    table = TrackTable(max_absence_s=2.0)
    table.update(message(1.0, track(1), track(2)))
    table.update(message(2.0, track(2)))
    assert present(table) == [2]
    assert ids(table) == [1, 2]
    table.update(message(3.0))
    assert ids(table) == [1, 2]
    table.update(message(3.1, track(1)))
    assert present(table) == [1]
    assert stamps(table) == [3.1]
    table.update(message(4.5))
    assert ids(table) == [1]


def test_memory_is_bounded():
    table = TrackTable(capacity=8, history_length=5, max_absence_s=1000.0)
    for index in range(60):
        stamp_s = index / 10
        at = {'first_seen_ns': round(stamp_s * S), 'last_seen_ns': round(stamp_s * S)}
        table.update(message(stamp_s, track(1, **at), track(index + 2, **at)))
        assert len(table.snapshot()) <= 8
    assert ids(table) == [1, *range(55, 62)]
    assert stamps(table) == pytest.approx([5.5, 5.6, 5.7, 5.8, 5.9])


def test_who_stays_in_a_full_table():
    table = TrackTable(capacity=2)
    table.update(message(1.0, *(track(k, score=0.1 * k) for k in (1, 2, 3))))
    assert ids(table) == [2, 3]
    table.update(message(2.0, track(4, score=0.0, last_seen_ns=2 * S)))
    assert ids(table) == [3, 4]
    lost = track(5, state=TrackState.LOST, last_seen_ns=S)
    table.update(message(3.0, track(3, last_seen_ns=3 * S), track(4, last_seen_ns=3 * S), lost))
    assert ids(table) == [3, 4]


def test_history_ends_with_its_time():
    table = TrackTable(history_s=0.25)
    for index in range(10):
        table.update(message(1 + index / 10, track()))
    assert stamps(table) == pytest.approx([1.7, 1.8, 1.9])


def test_another_image_size_starts_the_history_anew():
    table = TrackTable()
    table.update(message(1.0, track()))
    table.update(message(1.1, track(), shape=(960, 1280)))
    assert stamps(table) == [1.1]
    table.update(message(1.05, track()))
    assert stamps(table) == [1.1]


def test_another_coordinate_frame_starts_the_history_anew():
    table = TrackTable()
    table.update(message(1.0, track(placement=placed((0, 0, 5)))))
    table.update(message(1.1, track()))
    assert stamps(table) == [1.0, 1.1]
    assert table.snapshot().frame_id_3d == 'camera'
    table.update(message(1.2, track(placement=placed((5, 0, 0))), frame_id_3d='odom'))
    assert stamps(table) == [1.2]
    assert table.snapshot().frame_id_3d == 'odom'


def change(target, **fields):
    for name, value in fields.items():
        object.__setattr__(target, name, value)


@pytest.mark.parametrize(
    ('spoil', 'text'),
    [
        (lambda m: change(m.tracks[1], id=0), 'ids above 0, each once, got 0'),
        (lambda m: change(m.tracks[1], id=1), 'each once, got 1'),
        (lambda m: change(m.tracks[1], state=9), 'track 2: 9 is not a valid TrackState'),
        (lambda m: change(m.tracks[1], x_min=float('nan')), 'track 2: box: expected finite'),
        (lambda m: change(m.tracks[1], x_max=-5.0), 'track 2: box: expected x_min <= x_max'),
        (lambda m: change(m.tracks[1], score=float('inf')), 'track 2: score'),
        (lambda m: change(m.tracks[1], velocity_y=float('nan')), 'track 2: velocity'),
        (lambda m: change(m.tracks[1].mask, width=3), 'track 2: mask.counts: expected a sum of'),
        (lambda m: change(m.tracks[1].mask, x=630), r'track 2: mask: crop .* reaches out'),
        (lambda m: change(m.tracks[1].position, z=float('nan')), 'track 2: position'),
        (lambda m: change(m.tracks[1], quality_3d=7), 'track 2: 7 is not a valid Quality3d'),
        (lambda m: change(m.tracks[1].last_seen, nanosec=S), 'track 2: stamp'),
        (lambda m: change(m.header.stamp, sec=-1), 'stamp: expected sec >= 0'),
    ],
)
def test_a_bad_message_changes_nothing(spoil, text):
    table = TrackTable()
    table.update(message(1.0, track(1)))
    before = table.snapshot()
    bad = message(2.0, track(1), track(2, placement=placed((0, 0, 1))), session_id=8)
    spoil(bad)
    with pytest.raises(ValueError, match=text):
        table.update(bad)
    assert table.snapshot() is before
    assert sum(table.counts.values()) == 1


def test_bad_limits():
    with pytest.raises(ValueError, match=r'capacity: expected a value in \[1, 100000\], got 0'):
        TrackTable(capacity=0)
    with pytest.raises(ValueError, match='capacitys: no such option'):
        TrackTable(capacitys=1)


def test_clear():
    table = TrackTable()
    table.update(message(9.0, track(), session_id=9))
    table.clear()
    assert ids(table) == []
    assert table.update(message(1.0, track(2), session_id=1)) is Update.NEW_SESSION
    assert ids(table) == [2]


def test_predicted_placements_are_told_as_such():
    table = TrackTable()
    where = placed((0, 0, 4), (0, 0, 1), Quality3d.PREDICTED)
    table.update(message(1.0, track(placement=where)))
    assert table.snapshot().get(1).placement.quality is Quality3d.PREDICTED


def test_snapshots_are_whole_while_messages_come():
    table = TrackTable()
    streams = [
        message(1 + k / 100, *(track(i, score=k / 500) for i in (1, 2, 3))) for k in range(60)
    ]
    ended = threading.Event()
    torn = []

    def read():
        while not ended.is_set():
            now = table.snapshot()
            scores = {record.score for record in now}
            found = {record.stamp_ns for record in now}
            if len(scores) > 1 or not found <= {now.stamp_ns}:
                torn.append(now)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for item in streams:
        table.update(item)
    ended.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert sum(table.counts.values()) == 60
