# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics, services, memory files and parameters of each of several cameras."""

from __future__ import annotations

import pytest
from camera_rig import NAMES, alone, seen, video
from core_rig import NOW_NS, PERIOD_NS, image

from vis_ros.memory.snapshot import load_snapshot

FRAMES = 8


def start(make_cameras, *names, **parameters):
    """Start a node with several cameras."""
    return make_cameras(**{'cameras': names or NAMES, **parameters}).start()


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
