# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Methods that raise, lie, or hang: the node lives, counts, says so, and goes on."""

import math
import threading

import numpy as np
import pytest
from core_rig import NOW_NS, PERIOD_NS, Gate, Rig, image, track

from vis_ros.ros.error_log import ErrorLog
from vis_ros.ros.statistics import Statistics
from vis_ros.structures import Rle

NAN, INF = math.nan, math.inf
DOT = np.array([0, 1], np.uint32)


def fail(frame):
    raise RuntimeError('the GPU fell off the bus')


def good(frame):
    return (track(1, frame),)


def test_one_frame_that_fails(make_rig, puppet):
    rig = make_rig().start()
    rig.step(image())
    first = rig.tracks[0].session_id
    puppet.act = staticmethod(fail)
    rig.step(image(stamp_ns=NOW_NS + PERIOD_NS))
    puppet.act = staticmethod(good)
    assert len(rig.tracks) == 1
    (text,) = rig.texts('error')
    assert text.startswith(f'frame dropped, new session {first + 1}: RuntimeError(')
    assert 'the GPU fell off the bus' in text
    assert 'core_rig.py' in text  # where it happened
    rig.assert_still_tracks(NOW_NS + 2 * PERIOD_NS)
    assert rig.tracks[-1].session_id == first + 1
    level, text, values = rig.status()
    assert (level, values['failed'], values['errors'], values['resets']) == (2, '1', '1', '1')
    assert 'GPU' in text


def test_every_frame_fails(make_rig, puppet):
    puppet.act = staticmethod(fail)
    rig = make_rig(queue='every').start()
    rig.send(*(image(stamp_ns=NOW_NS + n) for n in range(50)))
    rig.settle()
    assert (rig.counts['failed'], rig.counts['errors'], len(rig.tracks)) == (50, 50, 0)
    assert len(rig.texts('error')) == 1  # the others within five seconds
    rig.assert_balanced()
    puppet.act = staticmethod(good)
    rig.assert_still_tracks(NOW_NS + 100)


def test_errors_are_logged_once_in_five_seconds_for_each_kind():
    host, now_s = Rig().host, [100.0]
    errors = ErrorLog(host, statistics := Statistics(), clock=lambda: now_s[0])
    for _ in range(11):
        errors.error('image', 'bad')
        errors.warn('session', 'odd')
        now_s[0] += 1.0
    assert [text for severity, text in host.logs if severity == 'error'] == [
        'bad (1 errors so far)',
        'bad (6 errors so far)',
        'bad (11 errors so far)',
    ]
    assert [text for severity, text in host.logs if severity == 'warn'] == ['odd'] * 3
    assert statistics.counts['errors'] == 11


@pytest.mark.parametrize(
    ('changes', 'name'),
    [
        ({'box': (NAN, 0.0, 1.0, 1.0)}, 'box'),
        ({'box': (0.0, 0.0, INF, 1.0)}, 'box'),
        ({'box': (3.0, 0.0, 1.0, 1.0)}, 'box'),
        ({'score': NAN}, 'score'),
        ({'score': 1.5}, 'score'),
        ({'score': -0.5}, 'score'),
        ({'velocity_px_s': (0.0, -INF)}, 'velocity_px_s'),
        ({'class_id': 2}, 'class_id'),
        ({'class_id': -1}, 'class_id'),
        ({'class_scores': ((7, 0.5),)}, 'class_scores'),
        ({'class_scores': ((0, NAN),)}, 'class_scores'),
        ({'track_id': 0}, 'track_id'),
        ({'track_id': 2**64}, 'track_id'),
        ({'slot': 65535}, 'slot'),
        ({'slot': -1}, 'slot'),
        ({'hits': -1}, 'hits'),
        ({'first_seen_ns': -5}, 'first_seen_ns'),
        ({'last_seen_ns': NOW_NS * 2}, 'last_seen_ns'),
        ({'mask': Rle(12, 0, 1, 1, DOT)}, 'mask'),
        ({'mask': Rle(-1, 0, 1, 1, DOT)}, 'mask'),
        ({'mask': Rle(0, 0, 3, 1, DOT)}, 'mask'),
    ],
)
def test_a_result_that_is_no_result_is_dropped_and_named(make_rig, puppet, changes, name):
    rig = make_rig().start()
    first = rig.session.session_id
    puppet.act = staticmethod(lambda frame: (track(1, frame, **changes),))
    rig.step(image())
    assert not rig.tracks
    (text,) = rig.texts('error')
    assert f'frame dropped, new session {first + 1}: track' in text
    assert name in text
    assert 'Traceback' not in text
    puppet.act = staticmethod(good)
    rig.assert_still_tracks(NOW_NS + PERIOD_NS)


def test_ids_and_slots_are_there_once(make_rig, puppet):
    rig = make_rig().start()
    for pair in (((1, {}), (1, {'slot': 5})), ((1, {'slot': 4}), (2, {'slot': 4}))):
        puppet.act = staticmethod(lambda f, pair=pair: tuple(track(i, f, **c) for i, c in pair))
        rig.step(image())
    assert rig.counts['failed'] == 2
    assert not rig.tracks


@pytest.mark.parametrize('wrong', [None, 7, ('no track',)])
def test_a_method_that_returns_anything_else(make_rig, puppet, wrong):
    rig = make_rig().start()
    step = puppet.step
    puppet.step = lambda self, state, frame: (state, wrong)
    rig.step(image())
    puppet.step = step
    assert rig.counts['failed'] == 1
    rig.assert_still_tracks(NOW_NS + PERIOD_NS)


def test_more_results_than_frames(make_rig, puppet):
    rig = make_rig().start()
    step = puppet.step
    puppet.step = lambda self, state, frame: (state, step(self, state, frame)[1] * 2)
    rig.step(image())
    puppet.step = step
    assert '2 results, but 1 frames are due' in rig.texts('error')[0]
    rig.assert_still_tracks(NOW_NS + PERIOD_NS)


def test_a_result_of_another_frame(make_rig, puppet):
    rig = make_rig().start()
    puppet.lag = 1
    rig.step(image())
    puppet.lag = 0
    step = puppet.step
    puppet.step = lambda self, state, frame: (state, step(self, [], frame)[1])
    rig.step(image(stamp_ns=NOW_NS + PERIOD_NS))
    puppet.step = step
    assert 'result for stamp' in rig.texts('error')[0]
    rig.assert_still_tracks(NOW_NS + 2 * PERIOD_NS)


def test_a_publisher_that_fails(make_rig):
    rig = make_rig().start()
    publisher = rig.host.find('publisher', '/tracker/tracks')
    publish, publisher.publish = publisher.publish, fail
    rig.step(image())
    publisher.publish = publish
    assert 'result not published: RuntimeError' in rig.texts('error')[0]
    rig.assert_still_tracks(NOW_NS + PERIOD_NS)


def test_services_answer_while_the_method_hangs(make_rig, puppet, monkeypatch, tmp_path):
    monkeypatch.setattr('vis_ros.ros.core._JOB_S', 0.0)
    gate = Gate(puppet)
    rig = make_rig().start()
    rig.send(image())
    gate.wait_entered()
    assert rig.host.call('/tracker/reset').success
    assert rig.host.call('/tracker/set_enabled', data=True).success
    assert rig.host.call('/tracker/set_class_filter', class_names=['blue']).success
    assert rig.host.set_parameters(config__gain=0.1) == ''
    for name in ('save_memory', 'load_memory'):
        answer = rig.host.call(f'/tracker/{name}', path=str(tmp_path / 'memory'))
        assert not answer.success
        assert 'the frame at work takes longer' in answer.message
    rig.send(*(image(stamp_ns=NOW_NS + n) for n in range(1, 9)))
    assert rig.status()[2]['dropped'] == '7'
    assert rig.host.call('/tracker/set_class_filter', class_names=[]).success
    gate.let_go(2)
    rig.settle()
    assert [m.header.stamp.nanosec for m in rig.tracks] == [0, 8]
    assert not list(tmp_path.iterdir())
    rig.assert_balanced()


def test_no_thread_is_left_after_cleanup(make_rig):
    before = threading.active_count()
    rig = make_rig()
    for _ in range(5):
        assert rig.host.autostart()
        rig.step(image())
        assert rig.change('deactivate')
        assert rig.change('cleanup')
    assert threading.active_count() == before
