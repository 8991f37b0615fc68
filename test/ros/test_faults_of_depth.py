# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth on a node core: what is published, and that nothing stops the 2D tracks."""

import threading

import numpy as np
import pytest
from core_rig import PATIENCE_S, PERIOD_NS
from depth_rig import DEPTH, INFO, add_box, at, depth, info, picture, see, transforms

from vis_ros.ros.host import Qos
from vis_ros.structures import TrackState
from vis_ros.wire.conversion import result_of

NONE, PREDICTED, LOW, GOOD = range(4)


@pytest.fixture
def start(make_rig, puppet):
    """Return a function that starts a node with depth; it waits for nothing unless told to."""

    def make(**parameters):
        add_box(puppet)
        return make_rig(**{'depth_topic': 'depth', 'depth_wait_s': 0.0, **parameters}).start()

    return make


def xyz(vector):
    return vector.x, vector.y, vector.z


def warnings(rig):
    return rig.texts('warn')


def test_without_a_depth_topic_there_is_no_3d(make_rig, puppet):
    add_box(puppet)
    rig = make_rig().start()
    assert not rig.host.has('subscription', DEPTH)
    found = see(rig, 0)
    assert (found.has_3d, found.quality_3d, xyz(found.position)) == (False, NONE, (0, 0, 0))
    assert rig.tracks[-1].frame_id_3d == ''
    assert 'depth_used' not in rig.status()[2]


def test_depth_comes_first(start):
    rig = start()
    found = see(rig, 0, info(), depth(0))
    assert (found.has_3d, found.quality_3d) == (True, GOOD)
    assert xyz(found.position) == pytest.approx((0.0, 0.0, 2.0), abs=0.03)
    assert xyz(found.size) == pytest.approx((0.8, 0.6, 0.0), abs=0.02)
    message = rig.tracks[-1]
    assert message.frame_id_3d == message.header.frame_id == 'camera'
    assert {'depth', 'locate'} <= set(message.stage_names)
    assert result_of(message).tracks[0].placement.quality == GOOD
    assert rig.counts['depth_used'] == 1
    level, text, values = rig.status()
    assert (level, text, values['depth_used']) == (0, 'tracking', '1')
    assert not warnings(rig)


def test_metres_and_millimetres_are_the_same(start):
    one, other = start(), start()
    a = see(one, 0, info(), depth(0, 1.5))
    metres = np.full(24 * 32, 1.5, '>f4').view(np.uint8)
    b = see(other, 0, info(), depth(0, encoding='32FC1', step=128, data=metres, is_bigendian=1))
    assert xyz(a.position) == pytest.approx(xyz(b.position))


def test_depth_that_comes_while_the_tracks_wait(start):
    rig = start(depth_wait_s=10.0)
    rig.host.send(INFO, info())
    rig.send(picture(0))
    rig.host.send(DEPTH, depth(0))
    rig.settle()
    assert rig.tracks[-1].tracks[0].quality_3d == GOOD


def test_a_later_depth_ends_the_wait(start):
    rig = start(depth_wait_s=10.0)
    rig.host.send(INFO, info())
    rig.send(picture(0))
    rig.host.send(DEPTH, depth(3))
    rig.settle()
    assert not rig.tracks[-1].tracks[0].has_3d
    assert rig.counts['depth_missing'] == 1


def test_deactivation_ends_the_wait(start, puppet):
    rig = start(depth_wait_s=10.0)
    seen, is_at_work = puppet.act, threading.Event()

    def act(frame):
        is_at_work.set()
        return seen(frame)

    puppet.act = staticmethod(act)
    rig.send(picture(0))
    assert is_at_work.wait(PATIENCE_S)
    assert rig.change('deactivate')
    assert len(rig.tracks) == 1
    assert not [e for e in rig.host.entities if e.name in (DEPTH, INFO) and not e.is_closed]


def test_no_depth_at_all(start):
    rig = start(depth_wait_s=0.001)
    for index in range(30):
        assert not see(rig, index).has_3d
    assert rig.counts['depth_missing'] == rig.counts['processed'] == 30
    assert rig.counts['errors'] == 0
    assert [text for text in warnings(rig) if 'no depth on depth in time' in text]
    assert len(warnings(rig)) == 1  # once per period, not per frame
    level, text, values = rig.status()
    assert (level, values['depth_missing']) == (1, '30')
    assert text == '30 frames without measured 3D: no depth on depth in time'
    rig.assert_balanced()


def test_depth_that_stopped_is_not_waited_for_each_time(start):
    rig = start(depth_wait_s=0.05)
    for index in range(26):
        see(rig, index)
    waits = [dict(zip(m.stage_names, m.stage_ms, strict=True))['depth'] > 25 for m in rig.tracks]
    assert sum(waits) <= 5 + 2 + 2  # the first, each tenth, and a busy machine


def test_depth_stops_and_returns(start):
    rig = start()
    qualities = []
    for index in range(60):
        is_there = index < 10 or index >= 40
        found = see(rig, index, info(index), *([depth(index)] if is_there else []))
        qualities.append(found.quality_3d)
    assert qualities[:10] == [GOOD] * 10
    assert qualities[10:24] == [PREDICTED] * 14  # 0.5 s
    assert qualities[26:40] == [NONE] * 14
    assert qualities[40:] == [GOOD] * 20
    assert rig.counts['depth_used'] == 30
    rig.assert_balanced()


def test_depth_that_comes_too_late_is_not_used_for_another_frame(start):
    rig = start()
    rig.host.send(INFO, info())
    for index in range(12):
        found = see(rig, index, *([depth(index - 3, 1.0 + index)] if index >= 3 else []))
        assert not found.has_3d
    assert rig.counts['depth_missing'] == 12


@pytest.mark.parametrize(
    ('offset_ns', 'sync', 'has_3d'),
    [
        (0, 'exact', True),
        (1, 'exact', False),
        (15_000_000, 'approximate', True),
        (-15_000_000, 'approximate', True),
        (25_000_000, 'approximate', False),
    ],
)
def test_stamps_that_differ(start, offset_ns, sync, has_3d):
    rig = start(depth_sync=sync, depth_slop_s=0.02)
    found = see(rig, 0, info(), depth(0, stamp_ns=at(0) + offset_ns))
    assert found.has_3d is has_3d


REFUSED = [  # what is wrong with depth or calibration, what the warning names
    (lambda: [info(), depth(0, size=(20, 32))], 'do not fit'),
    (lambda: [info(), depth(0, encoding='rgb8')], "got 'rgb8'"),
    (lambda: [info(), depth(0, step=3)], 'a step of 64 or more'),
    (lambda: [info(), depth(0, data=np.zeros(9, np.uint8))], '9 bytes'),
    (lambda: [info(), depth(0, frame_id='depth_optical')], 'registered'),
    (lambda: [info(focal=0.0), depth(0)], 'not calibrated'),
    (lambda: [info(height=10), depth(0)], 'do not fit'),
    (lambda: [info(distortion_model='odd', d=np.ones(5)), depth(0)], "got 'odd'"),
    (lambda: [depth(0)], 'no camera info yet on camera_info'),
]


@pytest.mark.parametrize(('make', 'words'), REFUSED, ids=[words for _, words in REFUSED])
def test_depth_that_cannot_be_used(start, make, words):
    rig = start()
    found = see(rig, 0, *make())
    assert not found.has_3d
    assert rig.counts['depth_refused'] == rig.counts['processed'] == 1
    assert (rig.counts['failed'], rig.counts['errors']) == (0, 0)
    (text,) = warnings(rig)
    assert words in text
    level, text, _ = rig.status()
    assert level == 1
    assert words in text
    assert see(rig, 1, info(1), depth(1)).quality_3d == GOOD  # and it goes on


@pytest.mark.parametrize(('make', 'words'), REFUSED[:1])
def test_a_repeated_fault_is_told_once(start, make, words):
    rig = start()
    rig.host.send(INFO, info())
    for index in range(20):
        see(rig, index, depth(index, size=(20, 32)))
    assert len(warnings(rig)) == 1


def test_a_depth_of_half_the_size_is_scaled_and_said(start):
    rig = start()
    rig.host.send(INFO, info())
    for index in range(5):
        found = see(rig, index, depth(index, size=(12, 16)))
        assert found.has_3d
        assert xyz(found.position) == pytest.approx((0.0, 0.0, 2.0), abs=0.06)
    (text,) = warnings(rig)
    assert text.startswith('image 32x24, camera info 32x24, depth 16x12')


def test_depth_of_another_frame_that_is_registered_all_the_same(start):
    rig = start(depth_is_registered=True)
    assert see(rig, 0, info(), depth(0, frame_id='other')).has_3d


def test_a_calibration_that_came_once_serves_all(start):
    rig = start()
    rig.host.send(INFO, info(-1000))
    for index in range(15):
        assert see(rig, index, depth(index)).has_3d


def test_the_calibration_of_the_image_is_preferred(start):
    rig = start()
    near = see(rig, 0, info(0, focal=40.0), info(1, focal=80.0), depth(0))
    assert near.size.x == pytest.approx(0.8, abs=0.02)


def test_calibration_stops(start):
    rig = start()
    see(rig, 0, info(), depth(0))
    assert all(see(rig, index, depth(index)).has_3d for index in range(1, 30))


def test_no_track_waits_for_no_depth(start, puppet):
    rig = start(depth_wait_s=10.0)
    puppet.act = staticmethod(lambda frame: ())
    rig.step(picture(0))
    assert rig.counts['depth_missing'] == 0
    assert not warnings(rig)


def test_a_lost_track_waits_for_no_depth_and_is_predicted(start, puppet):
    rig = start(depth_wait_s=10.0)
    see(rig, 0, info(), depth(0))
    seen = puppet.act

    def lose(frame):
        (one,) = seen(frame)
        return (one._replace(state=TrackState.LOST, mask=type(one.mask)(), misses=1),)

    puppet.act = staticmethod(lose)
    rig.step(picture(1))
    found = rig.tracks[-1].tracks[0]
    assert (found.state, found.has_3d, found.quality_3d) == (TrackState.LOST, True, PREDICTED)


@pytest.mark.parametrize('value', [0, 65535])
def test_depth_without_a_measurement(start, value):
    rig = start()
    nothing = np.full(24 * 32, value, np.uint16).view(np.uint8)
    found = see(rig, 0, info(), depth(0, data=nothing))
    assert (found.has_3d, found.quality_3d) == (False, NONE)
    assert rig.counts['depth_used'] == 1


def test_a_bag_that_loops(start):
    rig = start()
    for _ in range(3):
        for index in range(0, 90, 3):
            assert see(rig, index, info(index), depth(index)).quality_3d == GOOD
    assert len({message.session_id for message in rig.tracks}) == 3


def test_repeated_stamps(start):
    rig = start()
    for _ in range(5):
        assert see(rig, 0, info(), depth(0)).has_3d
    assert see(rig, 0).has_3d  # the image came again, the depth did not


def test_bad_stamps_of_depth_are_ignored(start):
    rig = start()
    broken = depth(0)
    broken.header.stamp.nanosec = 2**31
    assert not see(rig, 0, info(), broken).has_3d
    assert see(rig, 1, depth(1)).has_3d


def test_depth_from_another_thread_at_full_rate(start):
    rig = start(depth_wait_s=10.0)
    rig.host.send(INFO, info())
    count = 100

    def send():
        for index in range(count):
            rig.host.send(DEPTH, depth(index))

    thread = threading.Thread(target=send)
    thread.start()
    for index in range(count):
        rig.send(picture(index))
    rig.settle()
    thread.join(PATIENCE_S)
    rig.assert_balanced()
    assert rig.counts['processed'] == len(rig.tracks)
    assert rig.counts['depth_used'] + rig.counts['depth_missing'] == rig.counts['processed']


def test_the_subscriptions_follow_the_publishers(start):
    rig = start()
    assert str(rig.host.find('subscription', INFO).qos) == 'best_effort/volatile/keep_last(5)'
    rig.host.offered[INFO] = [Qos(reliable=True, transient_local=True)]
    rig.host.offered[DEPTH] = [Qos(reliable=True), Qos(reliable=False)]
    rig.host.tick()
    assert str(rig.host.find('subscription', INFO).qos) == 'reliable/transient_local/keep_last(5)'
    assert not rig.host.find('subscription', DEPTH).qos.reliable


@pytest.mark.parametrize(
    ('image_topic', 'topic'),
    [('image', '/camera_info'), ('/front/image_raw', '/front/camera_info')],
)
def test_the_calibration_lies_beside_the_image(start, image_topic, topic):
    assert start(image_topic=image_topic).host.has('subscription', topic)
    assert start(camera_info_topic='/k').host.has('subscription', '/k')


# Another frame


def test_an_output_frame(start):
    rig = start(output_frame='map')
    rig.host.send('/tf_static', transforms('base', 'camera', 0, (0.0, 0.0, 1.0)))
    for index in (0, 2):
        rig.host.send('/tf', transforms('map', 'base', at(index), (10.0 + index, 0.0, 0.0)))
    found = see(rig, 1, info(), depth(1))
    assert xyz(found.position) == pytest.approx((11.0, 0.0, 3.0), abs=0.03)
    assert (rig.tracks[-1].frame_id_3d, rig.tracks[-1].header.frame_id) == ('map', 'camera')


def test_a_missing_transform_is_told_and_the_track_comes(start):
    rig = start(output_frame='map')
    for index in range(20):
        found = see(rig, index, info(), depth(index))
        assert not found.has_3d
        assert found.class_name
    assert rig.tracks[-1].frame_id_3d == ''
    (text,) = warnings(rig)
    assert 'no transform' in text
    assert 'map' in text
    assert rig.counts['transform_missing'] == rig.counts['processed'] == 20
    assert rig.status()[0] == 1


def test_transforms_stop_and_return(start):
    rig = start(output_frame='map')
    qualities = []
    for index in range(60):
        if index < 10 or index >= 40:
            rig.host.send('/tf', transforms('map', 'camera', at(index)))
        qualities.append(see(rig, index, info(), depth(index)).quality_3d)
    assert qualities[:10] + qualities[40:] == [GOOD] * 30
    assert qualities[10] == PREDICTED
    assert qualities[39] == NONE
    assert {m.frame_id_3d for m in rig.tracks} == {'map', ''}


def test_a_transform_that_comes_while_the_tracks_wait(start):
    rig = start(output_frame='map', depth_wait_s=10.0)
    for message in (info(), depth(0)):
        rig.host.send(DEPTH if hasattr(message, 'encoding') else INFO, message)
    rig.host.send('/tf', transforms('map', 'camera', at(0) - PERIOD_NS))
    rig.send(picture(0))
    rig.host.send('/tf', transforms('map', 'camera', at(1)))
    rig.settle()
    assert rig.tracks[-1].tracks[0].has_3d


def test_a_transform_that_is_none_is_told(start):
    rig = start(output_frame='map')
    rig.host.send('/tf', transforms('map', '', at(0)))
    assert 'two different frames' in rig.texts('error')[0]
    assert not see(rig, 0, info(), depth(0)).has_3d


def test_the_frame_of_the_image_needs_no_transform(start):
    rig = start(output_frame='camera')
    assert see(rig, 0, info(), depth(0)).has_3d


def test_images_that_are_dropped_do_not_take_the_depth_of_the_one_at_work(start, puppet):
    rig = start(queue='latest')
    act, entered, may_end = puppet.act, threading.Event(), threading.Event()

    def wait(frame):
        entered.set()
        assert may_end.wait(PATIENCE_S)
        return act(frame)

    puppet.act = staticmethod(wait)
    rig.host.send(INFO, info())
    for index in range(20):
        rig.host.send(DEPTH, depth(index))
        rig.send(picture(index))
        assert entered.wait(PATIENCE_S)
    may_end.set()
    rig.settle()
    assert [m.header.stamp.nanosec for m in rig.tracks] == [at(n) % 10**9 for n in (0, 19)]
    assert [m.tracks[0].quality_3d for m in rig.tracks] == [GOOD, GOOD]
    assert rig.counts['depth_used'] == 2
    assert rig.core.worker.dropped == 18
