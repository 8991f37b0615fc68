# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What strangers send: each row is followed by a good frame, which must give a normal result."""

import cv2
import numpy as np
import pytest
from core_rig import IMAGES, MESSAGES, NOW_NS, PERIOD_NS, Gate, changed, image

from vis_ros.ros.host import Qos
from vis_ros.wire.encodings import make_header

NOISE = np.random.default_rng(0).integers(0, 256, 4000, np.uint8)
SMALL = np.zeros(60_000, np.uint8)
LATER_NS = NOW_NS + PERIOD_NS

FIELDS = [  # what is wrong with the message, what the error names
    ({'width': 0}, 'width 0'),
    ({'height': 0}, 'height 0'),
    ({'width': 2**32 - 1}, 'width 4294967295'),
    ({'height': 2**32 - 1}, 'height 4294967295'),
    ({'width': 2**31, 'height': 2**31}, 'at most'),
    ({'width': 13}, 'got step 36'),
    ({'step': 0}, 'got step 0'),
    ({'step': 35}, 'got step 35'),
    ({'step': 2**32 - 1}, 'need'),
    ({'height': 9}, 'got 288'),
    ({'data': np.empty(0, np.uint8)}, 'got 0'),
    ({'data': NOISE[:287]}, 'got 287'),
    ({'encoding': ''}, 'supported'),
    ({'encoding': 'rgb9'}, 'rgb9'),
    ({'encoding': '32FC1'}, '32FC1'),
    ({'encoding': 'x' * 10_000}, 'supported'),
    ({'encoding': 'nv12', 'height': 7}, 'even height'),
    ({'encoding': 'bayer_rggb8', 'width': 2}, 'width >= 3'),
    ({'header__stamp__nanosec': 2**32 - 1}, 'nanosec'),
    ({'header__stamp__nanosec': 10**9}, 'nanosec'),
    ({'header__stamp__sec': -1}, 'sec >= 0'),
    ({'header__stamp__sec': -(2**31)}, 'sec >= 0'),
    ({'data': None}, 'data'),
]


@pytest.mark.parametrize(('changes', 'words'), FIELDS)
def test_a_raw_image_that_is_none(make_rig, changes, words):
    rig = make_rig().start()
    rig.assert_still_tracks(NOW_NS)
    session_id = rig.tracks[0].session_id
    rig.step(changed(image(stamp_ns=LATER_NS), **changes))
    (text,) = rig.texts('error')
    assert text.startswith('frame dropped: ')
    assert words in text
    assert len(text) < 2_000
    assert (rig.counts['failed'], rig.counts['errors'], len(rig.tracks)) == (1, 1, 1)
    rig.assert_still_tracks(NOW_NS + 2 * PERIOD_NS)
    assert rig.tracks[-1].session_id == session_id  # nothing was forgotten


def jpeg(size=(40, 60)):
    return cv2.imencode('.jpg', NOISE[: size[0] * size[1]].reshape(size))[1].reshape(-1)


def png_bomb():
    """Return a PNG of 60,000 x 60,000 pixels in a few bytes."""
    data = cv2.imencode('.png', np.zeros((4, 4), np.uint8))[1].reshape(-1)
    data[16:24] = np.frombuffer(np.array([60_000, 60_000], '>u4').tobytes(), np.uint8)
    return data


def jpeg_bomb():
    """Return a JPEG whose header says 65,500 x 65,500."""
    data = jpeg()
    at = data.tobytes().index(b'\xff\xc0') + 5
    data[at : at + 4] = np.frombuffer(np.array([65_500, 65_500], '>u2').tobytes(), np.uint8)
    return data


def compressed(data, stamp_ns=NOW_NS, text='rgb8; jpeg compressed bgr8'):
    return MESSAGES.make(
        'sensor_msgs/msg/CompressedImage',
        header=make_header(MESSAGES, stamp_ns, 'camera'),
        format=text,
        data=data,
    )


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        (np.empty(0, np.uint8), 'got 0 bytes'),
        (NOISE, 'expected jpeg or png'),
        (jpeg()[:-200], 'cut off'),
        (jpeg()[:30], 'cut off'),
        (np.append(jpeg()[:100], jpeg()[-2:]), ''),
        (jpeg_bomb(), 'pixels'),
        (png_bomb(), 'pixels'),
        (np.concatenate((jpeg()[:2], NOISE, jpeg()[-2:])), ''),
    ],
    ids=['empty', 'noise', 'half', 'header', 'hole', 'jpeg bomb', 'png bomb', 'scrambled'],
)
def test_a_compressed_image_that_is_none(make_rig, data, words):
    rig = make_rig(image_transport='compressed').start()
    topic = IMAGES + '/compressed'
    for broken in (compressed(data), compressed(NOISE, text='16UC1; compressedDepth')):
        rig.host.send(topic, broken)
        rig.settle()
    assert rig.counts['failed'] == 2
    assert words in rig.texts('error')[0]
    assert not rig.tracks
    rig.host.send(topic, compressed(jpeg(), LATER_NS))
    rig.settle()
    (tracks,) = rig.tracks
    assert (tracks.height, tracks.width, len(tracks.tracks)) == (40, 60, 1)
    rig.assert_balanced()


def test_sizes_and_encodings_may_change_from_frame_to_frame(make_rig, puppet):
    rig = make_rig().start()
    sizes = [(8, 12), (1, 1), (200, 300), (5, 7), (8, 12)]
    for index, (height, width) in enumerate(sizes):
        rig.step(image(np.full((height, width, 3), index, np.uint8), stamp_ns=NOW_NS + index))
    for encoding, depth in (('bgr8', 3), ('mono8', 1), ('bgra8', 4), ('mono16', 2), ('uyvy', 2)):
        step = 12 * depth
        wanted = {'encoding': encoding, 'step': step, 'data': SMALL[: 8 * step]}
        rig.step(changed(image(stamp_ns=NOW_NS + 9), **wanted))
    assert [(m.height, m.width) for m in rig.tracks] == sizes + [(8, 12)] * 5
    assert {frame.image.shape[2] for frame in puppet.frames} == {3}
    assert len({m.session_id for m in rig.tracks}) == 1
    assert not rig.texts('error')


def test_motion_lives_through_every_change_of_size(make_rig):
    rig = make_rig(method='deepsort').start()
    for index, (height, width) in enumerate([(48, 64), (1, 1), (2, 3000), (90, 7), (48, 64)] * 3):
        rig.step(image(np.full((height, width, 3), 90, np.uint8), stamp_ns=NOW_NS + index * 10**8))
    assert len(rig.tracks) == 15
    assert not rig.texts('error')


def test_a_flood_is_counted_to_the_last_frame(make_rig, puppet):
    gate = Gate(puppet)
    rig = make_rig().start()
    rig.send(image())
    gate.wait_entered()
    flood = [image(stamp_ns=NOW_NS + n * 5_000_000) for n in range(1, 2001)]  # 200 Hz
    rig.send(*flood)
    rig.assert_balanced_with(at_work=1)
    gate.let_go(2)
    rig.settle()
    assert rig.counts['processed'] == 2
    assert rig.core.worker.dropped == 1999
    assert rig.tracks[-1].header == flood[-1].header  # the newest
    gate.let_go()
    rig.assert_still_tracks(NOW_NS + 20 * 10**9)


def test_a_queue_keeps_every_frame_of_a_flood_that_fits(make_rig, puppet):
    gate = Gate(puppet)
    rig = make_rig(queue='every', queue_depth=100).start()
    rig.send(image())
    gate.wait_entered()
    rig.send(*(image(stamp_ns=NOW_NS + n) for n in range(1, 151)))
    gate.let_go(101)
    rig.settle()
    assert [m.header.stamp.nanosec for m in rig.tracks] == [0, *range(51, 151)]
    assert rig.core.worker.dropped == 50
    rig.assert_balanced()


def test_two_publishers_are_complained_about_once(make_rig):
    rig = make_rig().start()
    rig.host.offered['/image'] = [Qos(), Qos()]
    for _ in range(5):
        rig.host.tick()
    (text,) = rig.texts('error')
    assert '2 publishers; their images are taken as one stream' in text
    for index in range(20):  # one clock is a second behind
        rig.step(image(stamp_ns=NOW_NS + index * PERIOD_NS - index % 2 * 10**9))
    assert len(rig.tracks) == 20
    assert len(rig.texts('warn')) == 1  # throttled
    rig.assert_still_tracks(NOW_NS + 10**10)


def test_latency_stays_low_with_a_slow_method(make_rig, puppet):
    """A camera of 30 Hz and a method that takes 100 ms, in simulated time."""
    camera_ns, method_ns, count = 33_333_333, 100_000_000, 300
    gate = Gate(puppet)
    rig = make_rig().start()
    ends_ns = None  # when the frame at work is done
    for index in range(count):
        arrives_ns = NOW_NS + index * camera_ns
        while ends_ns is not None and ends_ns <= arrives_ns:
            ends_ns = finish(rig, gate, ends_ns, method_ns)
        rig.send(image(stamp_ns=arrives_ns))
        if ends_ns is None:
            gate.wait_entered()
            ends_ns = arrives_ns + method_ns
        rig.assert_balanced_with(at_work=1)
    while ends_ns is not None:
        ends_ns = finish(rig, gate, ends_ns, method_ns)
    latencies_ms = [m.stamp_to_publish_ms for m in rig.tracks]
    assert len(latencies_ms) == 101
    assert max(latencies_ms) <= 200  # it waits for one frame at most, and takes one: 2 periods
    assert rig.core.worker.dropped == count - 101
    rig.assert_balanced()


def finish(rig, gate, now_ns, method_ns):
    """End the frame at work; return when the next one, begun now, will end, or None."""
    rig.host.clock_ns = now_ns
    is_more, known = rig.core.worker.waiting > 0, rig.counts['processed']
    gate.let_go()
    if is_more:
        gate.wait_entered()
    else:
        rig.settle()
    rig.wait_processed(known + 1)
    return now_ns + method_ns if is_more else None
