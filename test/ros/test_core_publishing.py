# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node core publishes one frame while it tracks the next; a middleware that blocks."""

import threading

import pytest
from core_rig import NOW_NS, PATIENCE_S, PERIOD_NS, Blockage, image, track

from vis_ros.structures import Frame


def frame(index):
    return image(stamp_ns=NOW_NS + index * PERIOD_NS)


def stamps(rig):
    """Return the indices of the published frames."""
    stamps_ns = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in rig.tracks]
    return [(stamp_ns - NOW_NS) // PERIOD_NS for stamp_ns in stamps_ns]


def pass_by(rig):
    """Let the worker look at its mailbox again and again."""
    for _ in range(50):
        rig.core.worker.call(lambda: None, PATIENCE_S)


def blocked(rig, *, count=2):
    """Send images until the first one is being published and the others wait for that."""
    blockage = Blockage(rig)
    rig.send(frame(0))
    blockage.wait_entered()
    for index in range(1, count):
        rig.send(frame(index))
        pass_by(rig)
    return blockage


def test_a_frame_is_tracked_while_the_one_before_is_published(make_rig, puppet):
    rig = make_rig(queue='every').start()
    publisher = rig.host.find('publisher', '/tracker/tracks')
    publish, next_is_tracked = publisher.publish, threading.Event()

    def act(frame: Frame):
        if frame.stamp_ns > NOW_NS:
            next_is_tracked.set()
        return (track(1, frame),)

    def block(message):
        assert next_is_tracked.wait(PATIENCE_S)
        publish(message)

    puppet.act, publisher.publish = staticmethod(act), block
    rig.send(frame(0), frame(1))
    rig.settle()
    assert stamps(rig) == [0, 1]
    assert not rig.texts('error')
    rig.assert_balanced()


def test_a_middleware_that_blocks_makes_frames_drop_and_nothing_grow(make_rig, puppet):
    rig = make_rig().start()
    blockage = blocked(rig)
    rig.send(*(frame(index) for index in range(2, 12)))
    pass_by(rig)
    assert [f.stamp_ns for f in puppet.frames] == [NOW_NS, NOW_NS + PERIOD_NS]
    assert (rig.counts['processed'], rig.core.worker.dropped) == (0, 9)
    rig.assert_balanced_with(at_work=2)
    assert rig.status()[2]['dropped'] == '9'
    blockage.let_go(100)
    rig.settle()
    assert stamps(rig) == [0, 1, 11]
    assert rig.counts['processed'] == 3
    rig.assert_balanced()


def test_jobs_and_services_do_not_wait_for_the_publisher(make_rig, tmp_path):
    rig = make_rig().start()
    blockage = blocked(rig, count=3)
    path = str(tmp_path / 'memory')
    for name in ('save_memory', 'load_memory'):
        answer = rig.host.call(f'/tracker/{name}', path=path)
        assert answer.success, answer.message
    assert rig.host.call('/tracker/reset').success
    assert rig.host.set_parameters(config__gain=0.1) == ''
    blockage.let_go(100)
    rig.settle()
    assert stamps(rig) == [0, 1, 2]


def test_a_result_carries_the_session_of_its_own_frame(make_rig):
    rig = make_rig().start()
    first = rig.session.session_id
    blockage = Blockage(rig)
    rig.send(frame(1000))
    blockage.wait_entered()
    rig.send(frame(0))
    pass_by(rig)
    rig.core.worker.call(rig.session.reset, PATIENCE_S)
    blockage.let_go(100)
    rig.settle()
    assert rig.session.session_id == first + 2
    assert [message.session_id for message in rig.tracks] == [first, first + 1]
    assert rig.texts('warn') == [f'stamps ran backwards: new session {first + 1}']


def test_a_frame_that_fails_between_two_that_are_published(make_rig, puppet):
    def act(frame: Frame):
        if frame.stamp_ns == NOW_NS + PERIOD_NS:
            raise RuntimeError('the GPU fell off the bus')
        return (track(1, frame),)

    rig = make_rig(queue='every').start()
    first = rig.session.session_id
    puppet.act = staticmethod(act)
    blockage = blocked(rig, count=3)
    assert (rig.counts['failed'], rig.counts['processed']) == (1, 0)
    assert f'new session {first + 1}: RuntimeError' in rig.texts('error')[0]
    blockage.let_go(100)
    rig.settle()
    assert stamps(rig) == [0, 2]
    assert [message.session_id for message in rig.tracks] == [first, first + 1]
    rig.assert_balanced()


def test_deactivate_publishes_what_was_tracked_and_then_writes_the_memory(
    make_rig, tmp_path, monkeypatch
):
    path = tmp_path / 'memory'
    rig = make_rig(memory_file=str(path)).start()
    blockage, box = blocked(rig), rig.core.worker.boxes[0]
    close, save, written = box.close, rig.session.save, []

    def let_go_and_close():  # in the middle of the stop
        assert stamps(rig) == [0]
        blockage.let_go(2)
        close()

    def note_and_save(path, *, is_final):
        written.append((stamps(rig), rig.counts['processed'], is_final))
        save(path, is_final=is_final)

    monkeypatch.setattr(box, 'close', let_go_and_close)
    monkeypatch.setattr(rig.session, 'save', note_and_save)
    assert rig.change('deactivate')
    assert written == [([0, 1], 2, True)]
    assert not rig.texts('error')
    rig.assert_balanced()


@pytest.fixture
def hung(make_rig, monkeypatch):
    """Return a node that was deactivated while its middleware blocked, and both of these."""
    rig = make_rig().start()
    for name in ('overlay', 'labels'):
        rig.host.find('publisher', f'/tracker/debug/{name}').subscribers = 0
    blockage, worker = blocked(rig, count=3), rig.core.worker
    with monkeypatch.context() as patch:
        patch.setattr('vis_ros.ros.core._STOP_S', 0.0)
        assert rig.change('deactivate')
    return rig, blockage, worker


def test_a_middleware_that_hangs_does_not_hang_the_node(hung):
    rig, blockage, worker = hung
    assert rig.texts('error') == ['the frame at work did not end within 0 s']
    assert not rig.change('activate')
    assert 'still at work; run cleanup and configure' in rig.texts('error')[-1]
    rig.assert_balanced_with(at_work=2)
    blockage.let_go(2)
    assert worker.stop(PATIENCE_S)
    assert stamps(rig) == [0, 1]
    assert rig.change('activate')
    blockage.let_go(100)
    rig.assert_still_tracks(NOW_NS + 9 * PERIOD_NS)


def test_after_cleanup_nothing_more_is_published(hung):
    rig, blockage, worker = hung
    assert rig.change('cleanup')
    blockage.let_go(100)
    assert worker.stop(PATIENCE_S)
    assert stamps(rig) == [0]  # the one that the middleware had
    assert (rig.counts['processed'], rig.counts['failed']) == (1, 0)
    assert rig.host.autostart()
    rig.step(frame(9))
    assert stamps(rig) == [0, 9]
