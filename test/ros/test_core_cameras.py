# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras on one core: equal to one node for each, fair, and nobody pays for another."""

from __future__ import annotations

from functools import partial

import pytest
from camera_rig import NAMES, CamerasRig, TogetherDetector, alone, seen, video
from core_rig import NOW_NS, PERIOD_NS, Gate, image, track

from vis_ros.detectors import DETECTORS
from vis_ros.memory.snapshot import load_snapshot

FRAMES = 8
OK, WARN, ERROR = 0, 1, 2


@pytest.fixture
def batches(monkeypatch):
    """Let `iou` see the colours of several frames at once; return the sizes of the batches."""
    monkeypatch.setitem(DETECTORS, 'motion', TogetherDetector)
    monkeypatch.setattr(TogetherDetector, 'batches', sizes := [])
    return sizes


@pytest.fixture
def make_cameras(make_rig):
    """Return a function that makes a node core with several cameras."""
    return partial(make_rig, CamerasRig)


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
    for _ in range(rounds):  # a frame at work takes as long as 24 frames of the fast one
        for n in range(24):
            now_ns += 8_333_333
            rig.show('fast', image(stamp_ns=now_ns, frame_id='fast'))
            if n == 11:
                rig.show('slow', image(stamp_ns=now_ns, frame_id='slow'))
            assert rig.core.worker.waiting <= (2 if queue == 'latest' else 4)
        taken = len(puppet.frames)
        for _ in range(2):  # the frame of slow is one of the next two
            gate.let_go()
            gate.wait_entered()
        assert 'slow' in {frame.frame_id for frame in puppet.frames[taken:]}
    gate.let_go(1000)
    rig.settle()
    slow, fast = (rig.stream(name) for name in ('slow', 'fast'))
    assert (slow.statistics.counts['processed'], slow.dropped) == (rounds, 0)
    assert fast.statistics.counts['processed'] >= rounds
    assert fast.statistics.counts['processed'] + fast.dropped == 24 * rounds + 1


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


def test_topics_and_services_of_each_camera(make_cameras):
    rig = start(make_cameras)
    host = rig.host
    for name in NAMES:
        for topic in ('tracks', 'label_info', 'debug/overlay', 'debug/labels', 'detections_2d'):
            assert host.has('publisher', f'/tracker/{name}/{topic}')
            assert not host.has('publisher', f'/tracker/{topic}')
    services = ('reset', 'set_enabled', 'set_class_filter', 'save_memory', 'load_memory')
    for prefix in ('', 'front/', 'rear/'):
        for service in services:
            assert host.has('service', f'/tracker/{prefix}{service}')
    assert rig.change('deactivate')
    assert rig.change('cleanup')
    assert not host.has('publisher', '/tracker/front/tracks')
    assert not host.has('service', '/tracker/front/reset')


def test_services_act_on_their_camera_or_on_all(make_cameras):
    rig = start(make_cameras)
    count = 0

    def show():
        nonlocal count
        count += 1
        for name in NAMES:
            rig.show(name, image(stamp_ns=NOW_NS + count * PERIOD_NS))
        rig.settle()
        return [len(rig.published(name)) for name in NAMES]

    def resets():
        show()
        return [rig.stream(name).session.resets for name in NAMES]

    assert rig.host.call('/tracker/rear/reset').success
    assert resets() == [0, 1]
    assert rig.host.call('/tracker/reset').success
    assert resets() == [1, 2]
    known = show()
    assert rig.host.call('/tracker/front/set_enabled', data=False).success
    assert show() == [known[0], known[1] + 1]
    assert 'disabled by ~/front/set_enabled' in rig.statuses()['front'].message
    assert rig.host.call('/tracker/set_enabled', data=True).success
    assert show() == [known[0] + 1, known[1] + 2]
    assert rig.host.call('/tracker/front/set_class_filter', class_names=['blue']).success
    show()
    assert [len(rig.published(name)[-1].tracks) for name in NAMES] == [0, 1]
    answer = rig.host.call('/tracker/rear/set_class_filter', class_names=['green'])
    assert not answer.success
    assert 'unknown classes' in answer.message
    assert rig.host.call('/tracker/set_class_filter', class_names=[]).success
    show()
    assert [len(rig.published(name)[-1].tracks) for name in NAMES] == [1, 1]


def test_each_camera_has_its_memory_over_a_restart(make_cameras, batches, tmp_path):
    videos = {name: video(seed, FRAMES) for seed, name in enumerate(NAMES)}
    path = str(tmp_path / '{camera}.memory')
    words = {'method': 'iou', 'queue': 'every', 'queue_depth': 100, 'memory_file': path}
    first = start(make_cameras, **words)
    for name, messages in videos.items():
        first.show(name, *messages[:4])
    first.settle()
    assert first.change('shutdown')
    assert sorted(item.name for item in tmp_path.iterdir()) == ['front.memory', 'rear.memory']
    second = start(make_cameras, **words)
    assert second.texts('info')[0] == f'front: track memory restored from {tmp_path}/front.memory'
    for name, messages in videos.items():
        second.show(name, *messages[4:])
    second.settle()
    for name, messages in videos.items():
        got = [seen(m) for m in first.published(name) + second.published(name)]
        assert got == alone(messages)
        ids = {m.session_id for m in first.published(name) + second.published(name)}
        assert len(ids) == 1


def test_a_damaged_memory_of_one_camera(make_cameras, batches, tmp_path):
    (tmp_path / 'rear.memory').write_bytes(b'no memory' * 30)
    rig = start(make_cameras, method='iou', memory_file=str(tmp_path / '{camera}.memory'))
    (text,) = rig.texts('warn')
    assert text.startswith('rear: starting with an empty track memory')
    assert (tmp_path / 'rear.memory.refused').exists()
    rig.show('rear', *video(0, 1))
    rig.settle()
    assert rig.published('rear')


def test_save_and_load_for_one_camera_and_for_all(make_cameras, batches, tmp_path):
    rig = start(make_cameras, method='iou')
    rig.show('front', *video(0, 1))
    rig.settle()
    one, each = str(tmp_path / 'one'), str(tmp_path / '{camera}')
    assert rig.host.call('/tracker/front/save_memory', path=one).message == f'written to {one}'
    answer = rig.host.call('/tracker/save_memory', path=one)
    assert not answer.success
    assert 'several cameras need {camera} in it' in answer.message
    answer = rig.host.call('/tracker/save_memory', path=each)
    assert answer.success, answer.message
    assert (
        answer.message == f'front: written to {tmp_path}/front; rear: written to {tmp_path}/rear'
    )
    assert load_snapshot(tmp_path / 'front').meta['highest_id'] > 0
    assert load_snapshot(tmp_path / 'rear').meta['highest_id'] == 0
    (tmp_path / 'front').write_bytes(b'damaged')
    answer = rig.host.call('/tracker/load_memory', path=each)  # rear is read nevertheless
    assert not answer.success
    assert 'front: ' in answer.message
    assert f'rear: restored from {tmp_path}/rear' in answer.message


def test_one_named_camera_is_like_several(make_cameras, batches):
    messages = video(3, 4)
    rig = start(make_cameras, 'only', method='iou', image_topic='/cam/image', queue='every')
    for message in messages:
        rig.host.send('/cam/image', message)
    rig.settle()
    assert [seen(message) for message in rig.published('only')] == alone(messages)


def test_cameras_change_between_two_configurations(make_cameras, puppet):
    rig = start(make_cameras)
    rig.show('front', image())
    rig.settle()
    refusal = rig.host.set_parameters(cameras=('front', 'left'))
    assert 'cameras: cannot change while the node is configured' in refusal
    refusal = rig.host.set_parameters(front__image_topic='/elsewhere')
    assert 'front.image_topic: cannot change while the node is configured' in refusal
    assert rig.host.set_parameters(overlay_alpha=0.9) == ''
    assert {stream.parameters.overlay_alpha for stream in rig.core.streams} == {0.9}
    assert rig.change('deactivate')
    assert rig.change('cleanup')
    assert not [name for name in rig.host.values if name.startswith(('front.', 'rear.'))]
    assert rig.host.set_parameters(cameras=('front', 'left')) == ''
    assert rig.change('configure')
    assert rig.change('activate')
    rig.show('left', image(stamp_ns=NOW_NS + 1))
    rig.show('front', image(stamp_ns=NOW_NS + 1))
    rig.settle()
    assert rig.stream('front').statistics.counts['processed'] == 2  # of both configurations
    assert rig.stream('left').statistics.counts['processed'] == 1
    assert not rig.host.has('subscription', '/rear/image_raw')


@pytest.mark.parametrize(
    ('cameras', 'given', 'words'),
    [
        (('a', 'b', 'a'), {}, "cameras: expected each name once, got ['a', 'b', 'a']"),
        (('',), {}, "in front, got ''"),
        (('9lives',), {}, "in front, got '9lives'"),
        (('a/b',), {}, "in front, got 'a/b'"),
        (('queue',), {}, "'queue' is the name of a parameter"),
        (('config',), {}, "'config' is the name of a parameter"),
        (('a',), {'b.image_topic': '/x'}, "b.image_topic: cameras has no 'b', it is ['a']"),
        (('a',), {'a.topic': '/x'}, 'a.topic: a camera has no such parameter'),
        (('a',), {'a.image_topic': 5}, 'a.image_topic: expected str'),
        (('a', 'b'), {'image_topic': '/x'}, "image_topic: several cameras have '/x'; put"),
        (('a', 'b'), {'a.image_topic': 'b/image_raw'}, "cameras have 'b/image_raw'"),
        (('a', 'b'), {'memory_file': '/tmp/m'}, "memory_file: several cameras have '/tmp/m'"),
        (('a', 'b'), {'memory_file': '{camera}'}, "expected an absolute path, got 'a'"),
        (('a', 'b'), {'depth_topic': '/depth'}, "depth_topic: several cameras have '/depth'"),
    ],
)
def test_what_is_wrong_with_the_cameras_is_said(make_cameras, puppet, cameras, given, words):
    rig = make_cameras(cameras=cameras, **given)
    assert not rig.change('configure')
    assert any(words in text for text in rig.texts('error')), rig.host.logs
    assert puppet.built == []  # before minutes go into weights
    assert not [name for name in rig.host.values if name.startswith(('a.', 'b.'))]


def test_a_topic_that_is_no_name_refuses_the_activation(make_cameras):
    rig = make_cameras(cameras=('a', 'b'), **{'b.image_topic': 'b c'})
    assert rig.change('configure')
    assert not rig.change('activate')
    assert any("'b c'" in text for text in rig.texts('error'))
    assert rig.core.worker is None
    assert not rig.host.has('subscription', '/a/image_raw')
