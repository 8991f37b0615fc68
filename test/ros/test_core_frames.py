# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From image messages to tracks: headers, sessions, filters, debug images, diagnostics."""

import threading
import time
from queue import Queue

import numpy as np
import pytest
from coloured_world import PERIOD_NS, TODAY, ColourDetector, picture, street
from core_rig import NOW_NS, Gate, changed, image, track
from patience import PATIENCE_S

from vis_ros.detectors import DETECTORS
from vis_ros.structures import TrackState
from vis_ros.wire.conversion import result_of
from vis_ros.wire.encodings import decode_image

OK, WARN, ERROR = 0, 1, 2
RED, BLUE = (250, 9, 0), (90, 9, 240)


@pytest.fixture
def colours(monkeypatch):
    """Let the method `iou` see each colour as one instance."""
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)


def things(index, *boxes):
    return image(picture(*boxes), stamp_ns=TODAY + index * PERIOD_NS)


@pytest.mark.parametrize('frame_id', ['', 'camera_optical_frame', 'ünïcode/κ'])
@pytest.mark.parametrize('stamp_ns', [0, 1, NOW_NS, 2**31 * 10**9 - 1])
def test_the_header_is_copied_exactly(make_rig, frame_id, stamp_ns):
    rig = make_rig().start()
    message = image(stamp_ns=stamp_ns, frame_id=frame_id)
    rig.step(message)
    for topic in ('/tracker/tracks', '/tracker/debug/overlay', '/tracker/debug/labels'):
        (sent,) = rig.host.sent(topic)
        assert sent.header == message.header
    (tracks,) = rig.tracks
    assert (tracks.height, tracks.width, tracks.method) == (8, 12, 'puppet')


def test_frames_without_objects_publish_and_age(make_rig, colours):
    rig = make_rig(method='iou', **{'config.memory.lost_timeout_s': 0.5}).start()
    for index in range(4):
        rig.step(things(index, (20, 10, 9, 13, RED)))
    assert [t.state for t in rig.tracks[-1].tracks] == [TrackState.ACTIVE]
    for index in range(4, 12):
        rig.step(things(index))
    assert len(rig.tracks) == 12
    lost = [[t.state for t in message.tracks] for message in rig.tracks[4:]]
    assert lost == [[TrackState.LOST]] * 5 + [[]] * 3
    rig.assert_balanced()


def test_two_loops_of_a_bag_give_equal_tracks(make_rig, colours):
    rig = make_rig(method='iou').start()
    frames = [image(frame.image, stamp_ns=frame.stamp_ns) for frame in street(40)]
    for message in frames * 2:
        rig.step(message)
    first, second = rig.tracks[:40], rig.tracks[40:]
    assert {m.session_id for m in second} == {first[0].session_id + 1}
    for one, two in zip(first, second, strict=True):
        assert result_of(one).tracks == result_of(two).tracks
    assert any(m.tracks for m in first)
    assert rig.texts('warn') == [f'stamps ran backwards: new session {second[0].session_id}']


def test_reset_starts_a_new_session_before_the_next_frame(make_rig, colours):
    rig = make_rig(method='iou').start()
    for index in range(3):
        rig.step(things(index, (20, 10, 9, 13, RED)))
    assert rig.host.call('/tracker/reset').success
    rig.step(things(3, (20, 10, 9, 13, RED)))
    before, after = rig.tracks[2], rig.tracks[3]
    assert after.session_id == before.session_id + 1
    assert [t.hits for t in before.tracks] == [3]
    assert [(t.id, t.hits) for t in after.tracks] == [(1, 1)]
    assert rig.status()[2]['resets'] == '1'
    assert not rig.texts('warn')


def test_a_reset_while_inactive_is_not_forgotten(make_rig):
    rig = make_rig().start()
    rig.step(image())
    first = rig.session.session_id
    assert rig.change('deactivate')
    assert rig.host.call('/tracker/reset').success
    assert rig.change('activate')
    rig.step(image())
    assert rig.tracks[-1].session_id == first + 1


@pytest.mark.parametrize(('tolerance_s', 'is_dropped'), [(0.0, False), (0.05, False), (0.2, True)])
def test_frames_out_of_order(make_rig, tolerance_s, is_dropped):
    rig = make_rig(max_reorder_s=tolerance_s).start()
    rig.step(image(stamp_ns=NOW_NS))
    rig.step(image(stamp_ns=NOW_NS - 100_000_000))
    assert rig.counts['out_of_order'] == is_dropped
    assert len({m.session_id for m in rig.tracks}) == 2 - is_dropped
    rig.step(image(stamp_ns=NOW_NS - 10_000_000_000))  # a bag that loops
    assert rig.tracks[-1].session_id == rig.tracks[0].session_id + 2 - is_dropped
    rig.assert_balanced()


def test_after_a_reset_an_older_frame_is_not_out_of_order(make_rig):
    rig = make_rig(max_reorder_s=60.0).start()
    rig.step(image(stamp_ns=NOW_NS))
    rig.host.call('/tracker/reset')
    rig.assert_still_tracks(NOW_NS - 30_000_000_000)


def test_set_enabled(make_rig):
    rig = make_rig().start()
    assert rig.host.call('/tracker/set_enabled', data=False).success
    rig.send(image(), image())
    rig.settle()
    assert (rig.counts['ignored'], len(rig.tracks)) == (2, 0)
    assert rig.status()[:2] == (OK, 'disabled by ~/set_enabled')
    assert rig.host.call('/tracker/set_enabled', data=True).success
    rig.assert_still_tracks(NOW_NS)


def test_class_filter(make_rig, puppet):
    puppet.act = staticmethod(lambda f: (track(1, f), track(2, f, class_id=1)))
    rig = make_rig(class_filter=('blue',)).start()
    rig.step(image())
    assert rig.host.call('/tracker/set_class_filter', class_names=['plain']).success
    rig.step(image())
    refused = rig.host.call('/tracker/set_class_filter', class_names=['plain', 'cat'])
    assert not refused.success
    assert "['cat']" in refused.message
    assert 'known: plain, blue' in refused.message
    rig.step(image())
    assert rig.host.call('/tracker/set_class_filter', class_names=[]).success
    rig.step(image())
    assert [[t.id for t in m.tracks] for m in rig.tracks] == [[2], [1], [1], [1, 2]]
    assert [t.class_name for t in rig.tracks[-1].tracks] == ['plain', 'blue']


def test_debug_images_are_only_drawn_for_subscribers(make_rig, monkeypatch):
    drawn = []
    for name in ('draw_overlay', 'draw_labels'):
        original = getattr(__import__('vis_ros.ros.outputs', fromlist=[name]), name)

        def draw(*args, name=name, original=original, **options):
            drawn.append(name)
            return original(*args, **options)

        monkeypatch.setattr(f'vis_ros.ros.outputs.{name}', draw)
    rig = make_rig().start()
    overlay = rig.host.find('publisher', '/tracker/debug/overlay')
    labels = rig.host.find('publisher', '/tracker/debug/labels')
    for overlay.subscribers, labels.subscribers in ((0, 0), (1, 0), (0, 3), (2, 2)):
        rig.step(image())
    assert drawn == ['draw_overlay', 'draw_labels', 'draw_overlay', 'draw_labels']
    assert (len(overlay.sent), len(labels.sent), len(rig.tracks)) == (2, 2, 4)


def test_values_of_the_label_image_are_slots(make_rig, colours):
    rig = make_rig(method='iou').start()
    for index in range(3):
        rig.step(things(index, (20, 10, 9, 13, RED), (50, 20, 7, 7, BLUE)))
    (labels,) = rig.host.sent('/tracker/debug/labels')[-1:]
    assert labels.encoding == 'mono16'
    values = np.frombuffer(labels.data, np.uint16).reshape(labels.height, labels.width)
    for item in rig.tracks[-1].tracks:
        x, y = int(item.x_min + item.x_max) // 2, int(item.y_min + item.y_max) // 2
        assert values[y, x] == item.slot + 1
    assert len(np.unique(values)) == 3


def test_the_overlay_has_the_size_of_the_image(make_rig):
    rig = make_rig().start()
    rig.step(image(np.full((31, 47, 3), 90, np.uint8)))
    (overlay,) = rig.host.sent('/tracker/debug/overlay')
    assert decode_image(overlay).shape == (31, 47, 3)


def test_diagnostics(make_rig, puppet):
    rig = make_rig(image_topic='image').start()
    level, text, values = rig.status()
    assert (level, text) == (WARN, 'no image on image since the start')
    rig.step(image(stamp_ns=NOW_NS - 40_000_000))
    level, text, values = rig.status()
    assert (level, text) == (OK, 'tracking')
    expected = {'received': '1', 'processed': '1', 'published': '1', 'dropped': '0', 'failed': '0'}
    assert expected.items() <= values.items()
    assert values['method'] == 'puppet'
    assert float(values['stamp_to_publish_ms_p50']) == pytest.approx(40.0)
    assert int(values['memory_peak_bytes']) > 0
    assert {'decode_ms_p50', 'method_ms_p99', 'publish_ms_p95'} <= values.keys()
    assert rig.change('deactivate')
    assert rig.status()[:2] == (OK, 'inactive')


def test_diagnostics_of_drops_and_errors(make_rig, puppet):
    gate = Gate(puppet)
    rig = make_rig().start()
    rig.send(image())
    gate.wait_entered()
    rig.send(image(), image(), image())
    level, text, values = rig.status()
    assert (level, values['dropped']) == (WARN, '2')
    assert text == '2 frames dropped: the method is slower than the camera'
    gate.let_go(2)
    rig.settle()
    assert rig.status()[:2] == (OK, 'tracking')
    rig.step(changed(image(), width=0))
    level, text, values = rig.status()
    assert (level, values['failed'], values['errors']) == (ERROR, '1', '1')
    assert 'width 0' in text
    assert 'width 0' in values['last_error']
    assert rig.status()[0] == OK
    assert rig.change('deactivate')
    assert rig.status()[2]['dropped'] == '2'
    rig.assert_balanced()


@pytest.mark.parametrize('offset_ns', [-NOW_NS, 5_000_000_000])
def test_no_latency_without_a_stamp_of_this_clock(make_rig, offset_ns):
    rig = make_rig().start()
    rig.step(image(stamp_ns=NOW_NS + offset_ns))
    assert rig.tracks[0].stamp_to_publish_ms == 0.0
    level, text, values = rig.status()
    assert 'stamp_to_publish_ms_p50' not in values
    is_zero = offset_ns == -NOW_NS
    assert (level, 'without a stamp' in text) == ((WARN, True) if is_zero else (OK, False))
    assert values['unstamped'] == str(int(is_zero))


def test_one_stamp_in_the_future_does_not_stop_the_stream(make_rig):
    rig = make_rig(max_reorder_s=1.0).start()
    rig.step(image(stamp_ns=NOW_NS))
    rig.step(image(stamp_ns=NOW_NS + 2 * 10**17))
    rig.assert_still_tracks(NOW_NS + PERIOD_NS)


def test_the_latency_of_a_message(make_rig):
    rig = make_rig().start()
    rig.step(image(stamp_ns=NOW_NS - 12_500_000))
    assert rig.tracks[0].stamp_to_publish_ms == pytest.approx(12.5)
    assert list(rig.tracks[0].stage_names) == ['method']


@pytest.mark.parametrize('lag', [0, 2])
def test_the_time_from_callback_to_publication_holds_all_stages(make_rig, puppet, lag):
    puppet.lag = lag
    rig = make_rig(queue='every').start()
    for index in range(lag + 1):
        rig.step(image(stamp_ns=NOW_NS + index * PERIOD_NS))
    assert len(rig.tracks) == 1
    found = rig.core.streams[0].statistics
    whole, *_ = found.percentiles('callback_to_publish')
    parts = [found.percentiles(stage)[0] for stage in ('decode', 'method', 'publish')]
    assert whole >= sum(parts)


def test_the_time_from_callback_to_publication_needs_no_stamp(make_rig):
    rig = make_rig().start()
    rig.step(image(stamp_ns=0))
    assert 'callback_to_publish' in rig.core.streams[0].statistics.stage_names()


def test_the_time_from_callback_to_publication_holds_the_wait_for_the_frame_at_work(
    make_rig, puppet
):
    gate = Gate(puppet)
    rig = make_rig(queue='every').start()
    rig.send(image(), image(stamp_ns=NOW_NS + PERIOD_NS))
    came_s = time.perf_counter()
    gate.wait_entered()
    let_go_s = time.perf_counter()
    gate.let_go(2)
    rig.settle()
    _, _, longest = rig.core.streams[0].statistics.percentiles('callback_to_publish')
    assert len(rig.tracks) == 2
    assert longest >= (let_go_s - came_s) * 1e3


def test_results_of_a_method_with_a_lag_belong_to_their_frames(make_rig, puppet):
    puppet.lag = 2
    rig = make_rig().start()
    for index in range(5):
        rig.step(image(stamp_ns=NOW_NS + index, frame_id=f'c{index}'))
    assert [m.header.frame_id for m in rig.tracks] == ['c0', 'c1', 'c2']
    assert [o.header.stamp.nanosec for o in rig.host.sent('/tracker/debug/overlay')] == [0, 1, 2]
    rig.host.call('/tracker/reset')
    rig.step(image(stamp_ns=NOW_NS + 9))
    assert rig.status()[2]['dropped_results'] == '2'
    rig.assert_balanced()


def test_the_subscription_follows_the_publishers(make_rig):
    from vis_ros.ros.host import Qos

    rig = make_rig().start()
    assert not rig.host.find('subscription', '/image').qos.reliable
    for offered, is_reliable in (([True], True), ([True, False], False), ([], False)):
        rig.host.offered['/image'] = [Qos(reliable=reliable) for reliable in offered]
        rig.host.tick()
        assert rig.host.find('subscription', '/image').qos.reliable is is_reliable
        rig.assert_still_tracks(NOW_NS)
    fixed = make_rig(qos_reliability='reliable', qos_depth=2).start()
    assert str(fixed.host.find('subscription', '/image').qos) == 'reliable/volatile/keep_last(2)'


def test_where_every_frame_counts_none_is_lost_on_the_way(make_rig):
    from vis_ros.ros.host import Qos

    rig = make_rig(queue='every', queue_depth=50).start()
    expected = [((), 'reliable'), ((False,), 'best_effort'), ((True,), 'reliable')]
    for offered, reliability in expected:
        rig.host.offered['/image'] = [Qos(reliable=reliable) for reliable in offered]
        rig.host.tick()
        found = str(rig.host.find('subscription', '/image').qos)
        assert found == f'{reliability}/volatile/keep_last(50)'


def test_compressed_images_have_a_topic_of_their_own(make_rig):
    rig = make_rig(image_transport='compressed').start()
    found = rig.host.find('subscription', '/image/compressed')
    assert found.type_name == 'sensor_msgs/msg/CompressedImage'


def two_images(rig, puppet):
    """Send two images; return the gate behind which the first is at work."""
    gate = Gate(puppet)
    rig.send(image(stamp_ns=NOW_NS))
    gate.wait_entered()
    rig.send(image(stamp_ns=NOW_NS + 1))
    return gate


def test_the_next_image_is_prepared_while_one_is_at_work(make_rig, puppet, monkeypatch):
    """It is decoded once, on a thread of its own; a broken one is counted once, in its turn."""
    rig = make_rig(queue='every', prepare_ahead='on')
    asked = Queue()

    def prepare(self, frame):
        asked.put((frame.stamp_ns, threading.current_thread().name))
        return f'prepared {frame.stamp_ns}'

    monkeypatch.setattr(puppet, 'prepare', prepare)
    rig.start()
    gate = two_images(rig, puppet)
    assert asked.get(timeout=PATIENCE_S) == (NOW_NS + 1, 'vis_ros input')
    gate.let_go()
    gate.wait_entered()
    rig.send(changed(image(stamp_ns=NOW_NS + 2), width=0), image(stamp_ns=NOW_NS + 3))
    gate.let_go(2)
    rig.settle()
    assert [frame.prepared for frame in puppet.frames[:2]] == [None, f'prepared {NOW_NS + 1}']
    assert (rig.counts['processed'], rig.counts['failed'], rig.counts['errors']) == (3, 1, 1)
    rig.assert_balanced()


def test_a_preparation_that_fails_is_left_to_the_step(make_rig, puppet, monkeypatch):
    rig = make_rig(prepare_ahead='on')
    failed = threading.Event()

    def prepare(self, frame):
        failed.set()
        raise RuntimeError('out of memory')

    monkeypatch.setattr(puppet, 'prepare', prepare)
    rig.start()
    gate = two_images(rig, puppet)
    assert failed.wait(PATIENCE_S)
    gate.let_go(2)
    rig.settle()
    assert [frame.prepared for frame in puppet.frames] == [None, None]
    assert (rig.counts['processed'], rig.counts['errors']) == (2, 0)


@pytest.mark.parametrize('choice', ['auto', 'off'])
def test_nothing_is_prepared_where_that_takes_time_from_the_frame(make_rig, choice):
    rig = make_rig(prepare_ahead=choice).start()  # on a CPU
    rig.step(image())
    assert 'vis_ros input' not in {thread.name for thread in threading.enumerate()}
    assert rig.counts['processed'] == 1
