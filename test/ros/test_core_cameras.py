# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras on one core: equal to one node for each, fair, and nobody pays for another."""

from __future__ import annotations

import pytest
from camera_rig import NAMES, TogetherDetector, alone, seen, video
from core_rig import NOW_NS, PERIOD_NS, Gate, image, track

from vis_ros.methods import METHODS
from vis_ros.structures.batch import BatchError

FRAMES = 8
OK, WARN, ERROR = 0, 1, 2


def start(make_cameras, *names, **parameters):
    """Start a node with several cameras."""
    return make_cameras(**{'cameras': names or NAMES, **parameters}).start()


def test_cameras_that_come_together_equal_separate_runs(make_cameras, batches):
    videos = {name: video(seed, FRAMES) for seed, name in enumerate(NAMES)}
    rig = start(make_cameras, method='iou', queue='every', queue_depth=100)
    with rig.held():
        for pair in zip(*videos.values(), strict=True):
            for name, message in zip(NAMES, pair, strict=True):
                rig.show(name, message)
    rig.settle()
    assert batches == [2] * FRAMES
    for name, messages in videos.items():
        assert [seen(message) for message in rig.published(name)] == alone(messages)
    ids = {name: {t.id for m in rig.published(name) for t in m.tracks} for name in NAMES}
    assert ids['front'] & ids['rear']  # each camera counts for itself


def test_cameras_in_turns_and_of_other_sizes_equal_separate_runs(make_cameras, batches):
    videos = {name: video(seed + 5, FRAMES, frame_id=name) for seed, name in enumerate(NAMES)}
    videos['rear'] = [
        image(message.data.reshape(48, 96, 3)[:40, :80].copy(), stamp_ns=NOW_NS + n * 7_000_000)
        for n, message in enumerate(videos['rear'])
    ]
    rig = start(make_cameras, method='iou', queue='every', queue_depth=100)
    for n in range(FRAMES):  # two of front for each of rear, in no fixed order
        order = ('front', 'rear', 'front') if n % 3 else ('rear', 'front', 'front')
        left = {
            name: list(videos[name][rig.stream(name).statistics.counts['received'] :])
            for name in NAMES
        }
        for name in order:
            if left[name]:
                rig.show(name, left[name].pop(0))
    rig.show('rear', *videos['rear'][rig.stream('rear').statistics.counts['received'] :])
    rig.settle()
    for name, messages in videos.items():
        assert [seen(message) for message in rig.published(name)] == alone(messages)


def test_a_method_without_batches_equals_separate_runs(make_cameras, batches, monkeypatch):
    monkeypatch.setattr(TogetherDetector, 'takes_batches', False)
    videos = {name: video(seed, FRAMES) for seed, name in enumerate(NAMES)}
    rig = start(make_cameras, method='iou', queue='every', queue_depth=100)
    with rig.held():
        for name, messages in videos.items():
            rig.show(name, *messages)
    rig.settle()
    assert batches == []
    for name, messages in videos.items():
        assert [seen(message) for message in rig.published(name)] == alone(messages)


def test_the_method_is_built_once(make_cameras, puppet):
    rig = start(make_cameras, 'a', 'b', 'c', 'd')
    assert len(puppet.built) == 1
    sessions = [stream.session for stream in rig.core.streams]
    assert len({id(session) for session in sessions}) == 4
    assert {session.method for session in sessions} == {rig.core.method}


@pytest.mark.parametrize('takes_batches', [False, True])
@pytest.mark.parametrize('queue', ['latest', 'every'])
def test_a_camera_of_120_hz_does_not_starve_one_of_5_hz(
    make_cameras, puppet, queue, takes_batches
):
    puppet.takes_batches = takes_batches
    gate = Gate(puppet)
    rig = start(make_cameras, 'fast', 'slow', queue=queue, queue_depth=3)
    rig.show('fast', image(frame_id='fast'))
    gate.wait_entered()
    now_ns, rounds = NOW_NS, 10
    for _ in range(rounds):
        taken = len(puppet.frames)
        for turn in range(2):  # a frame at work takes as long as 24 frames of the fast one
            for n in range(24):
                now_ns += 8_333_333
                rig.show('fast', image(stamp_ns=now_ns, frame_id='fast'))
                if (turn, n) == (0, 11):
                    rig.show('slow', image(stamp_ns=now_ns, frame_id='slow'))
                assert rig.core.worker.waiting <= (2 if queue == 'latest' else 4)
            gate.let_go()
            gate.wait_entered()
        assert 'slow' in {frame.frame_id for frame in puppet.frames[taken:]}
    gate.let_go(1000)
    rig.settle()
    slow, fast = (rig.stream(name) for name in ('slow', 'fast'))
    assert (slow.statistics.counts['processed'], slow.dropped) == (rounds, 0)
    assert fast.statistics.counts['processed'] >= rounds
    assert fast.statistics.counts['processed'] + fast.dropped == 48 * rounds + 1


def test_a_camera_that_stops_and_returns(make_cameras, puppet, monkeypatch):
    rig = start(make_cameras)
    for n in range(3):
        for name in NAMES:
            rig.show(name, image(stamp_ns=NOW_NS + n * PERIOD_NS, frame_id=name))
        rig.settle()
    assert {name: status.level for name, status in rig.statuses().items()} == dict.fromkeys(
        NAMES, OK
    )
    monkeypatch.setattr('vis_ros.ros.diagnostics._SILENCE_S', -1.0)  # any silence is too long
    known = len(rig.published('front'))
    for n in range(3, 9):
        rig.show('front', image(stamp_ns=NOW_NS + n * PERIOD_NS, frame_id='front'))
        rig.settle()
    assert len(rig.published('front')) == known + 6
    status = rig.statuses()['rear']
    assert (status.level, status.hardware_id) == (WARN, 'rear/image_raw')
    assert status.message.startswith('no image on rear/image_raw for ')
    monkeypatch.undo()
    session_id = rig.published('rear')[0].session_id
    rig.show('rear', image(stamp_ns=NOW_NS + 9 * PERIOD_NS, frame_id='rear'))
    rig.settle()
    assert rig.published('rear')[-1].session_id == session_id
    assert len(rig.published('rear')) == 4


@pytest.mark.parametrize('takes_batches', [False, True])
def test_a_camera_on_which_the_method_fails(make_cameras, puppet, takes_batches):
    def act(frame):
        if frame.frame_id == 'rear':
            raise RuntimeError('cannot look back')
        return (track(1, frame),)

    puppet.takes_batches, puppet.act = takes_batches, staticmethod(act)
    rig = start(make_cameras)
    for n in range(5):
        with rig.held():
            for name in NAMES:
                rig.show(name, image(stamp_ns=NOW_NS + n * PERIOD_NS, frame_id=name))
        rig.settle()
    front, rear = (rig.stream(name) for name in NAMES)
    assert (len(rig.published('front')), front.session.resets) == (5, 0)
    assert (len(rig.published('rear')), rear.session.resets) == (0, 5)
    assert (front.statistics.counts['errors'], rear.statistics.counts['errors']) == (0, 5)
    (text,) = rig.texts('error')
    assert text.startswith('rear: frame dropped, new session')
    statuses = rig.statuses()
    assert [statuses[name].level for name in NAMES] == [OK, ERROR]


def test_a_method_that_hangs_in_a_frame_of_one_camera(make_cameras, puppet):
    gate = Gate(puppet)
    rig = start(make_cameras)
    rig.show('rear', image(frame_id='rear'))
    gate.wait_entered()
    last_ns = NOW_NS
    for _ in range(200):
        last_ns += PERIOD_NS
        for name in NAMES:
            rig.show(name, image(stamp_ns=last_ns, frame_id=name))
        assert rig.core.worker.waiting <= 2  # however long it hangs
    gate.let_go(1000)
    rig.settle()
    assert [frame.stamp_ns for frame in puppet.frames] == [NOW_NS, last_ns, last_ns]
    assert {frame.frame_id for frame in puppet.frames[1:]} == set(NAMES)
    for name in NAMES:
        counts = rig.stream(name).statistics.counts
        known = counts['processed'] + rig.stream(name).dropped
        assert (counts['received'], counts['errors']) == (known, 0)


def test_a_batch_that_does_not_fit_is_taken_one_by_one(make_cameras, batches, monkeypatch):
    def refuse(self, states, frames):
        raise BatchError('too big') from MemoryError()

    videos = {name: video(seed, FRAMES) for seed, name in enumerate(NAMES)}
    monkeypatch.setattr(METHODS['iou'], 'step_many', refuse)
    rig = start(
        make_cameras,
        method='iou',
        queue='every',
        queue_depth=100,
        warm_up_width=16,
        warm_up_height=16,
    )
    assert 'frames of all cameras together will be taken one by one' in rig.texts('warn')[0]
    with rig.held():
        for name, messages in videos.items():
            rig.show(name, *messages)
    rig.settle()
    for name, messages in videos.items():
        assert [seen(message) for message in rig.published(name)] == alone(messages)
        values = {item.key: item.value for item in rig.statuses()[name].values}
        assert (values['split_batches'], values['errors']) == (str(FRAMES), '0')


def test_a_method_that_cannot_take_a_batch_at_all_refuses_to_configure(
    make_cameras, puppet, monkeypatch
):
    def fail(states, frames):
        raise RuntimeError('no kernel for that')

    puppet.takes_batches, puppet.step_many = True, staticmethod(fail)
    rig = make_cameras(warm_up_width=16, warm_up_height=16)
    assert not rig.change('configure')
    assert any('no kernel for that' in text for text in rig.texts('error'))
    assert not rig.host.has('publisher', '/tracker/front/tracks')


def test_a_message_that_is_no_image_is_the_fault_of_its_camera(make_cameras, batches):
    messages = video(0, 4)
    rig = start(make_cameras, method='iou')
    for message in messages:
        with rig.held():
            rig.show('rear', 'rubbish')
            rig.show('front', message)
        rig.settle()
    assert [seen(message) for message in rig.published('front')] == alone(messages)
    assert rig.stream('rear').statistics.counts['failed'] == 4
    assert rig.stream('front').statistics.counts['errors'] == 0
