# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every encoding with known colours, every way a message can be broken."""

import array
import sys
import types

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_makers import BLUE, MESSAGES, ORANGE, RED, bytes_u8, compressed, image, mosaic

from vis_ros.wire.encodings import (
    SUPPORTED_ENCODINGS,
    ImageError,
    decode_image,
    encode_image,
    frame_of,
    make_header,
    ns_to_stamp,
    stamp_to_ns,
)
from vis_ros.wire.raw_images import demosaic


class TestEmptyAndBroken:
    @pytest.mark.parametrize('size', [(0, 0), (0, 4), (4, 0)])
    def test_no_pixel(self, size):
        with pytest.raises(ImageError, match=f'width {size[0]} and height {size[1]}'):
            decode_image(image(bytes_u8(), 'rgb8', *size, 0))

    @pytest.mark.parametrize(
        ('fields', 'text'),
        [
            (('rgb8', 2, 1, 5), r'a row of 2 pixels has 6 bytes, got step 5'),
            (('rgb8', 2, 2, 6), r'2 rows with step 6 need 12 bytes of data, got 6'),
            (('rgb8', 1, 3, 4), r'3 rows with step 4 need 11 bytes of data, got 6'),
            (('mono16', 4, 1, 8), r'need 8 bytes of data, got 6'),
            (('rgb8', 2**16, 2**16, 3 * 2**16), r'at most 268435456 pixels, got width 65536'),
            (('yuv422', 3, 1, 6), r'even width, got 3'),
            (('nv12', 2, 1, 2), r'even height, got 1'),
            (('nv21', 2, 4, 2), r'6 rows with step 2 need 12 bytes of data, got 6'),
            (('bayer_rggb8', 2, 3, 2), r'width >= 3, got 2'),
            (('bayer_rggb16', 3, 1, 6), r'height >= 3, got 1'),
        ],
    )
    def test_fields_that_do_not_fit(self, fields, text):
        with pytest.raises(ImageError, match=text):
            decode_image(image(bytes_u8(1, 2, 3, 4, 5, 6), *fields))

    def test_unknown_encoding_lists_the_known(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'cv_bridge', None)  # not importable
        with pytest.raises(ImageError, match=r'hsv8.*rgb8.*bayer_grbg16'):
            decode_image(image(bytes_u8(1, 2, 3), 'hsv8', 1, 1, 3))

    @pytest.mark.parametrize(
        'data', [None, 7, array.array('H', [1, 2, 3]), np.zeros((1, 3), np.uint8)]
    )
    def test_data_of_a_wrong_kind(self, data):
        with pytest.raises(ImageError, match='data: expected'):
            decode_image(image(data, 'rgb8', 1, 1, 3))


class TestCvBridge:
    def use(self, monkeypatch, convert):
        bridge = types.SimpleNamespace(imgmsg_to_cv2=convert)
        module = types.SimpleNamespace(CvBridge=lambda: bridge)
        monkeypatch.setitem(sys.modules, 'cv_bridge', module)

    def test_takes_what_is_not_known_here(self, monkeypatch):
        self.use(monkeypatch, lambda message, encoding: np.full((1, 1, 3), 9, np.uint8))
        assert decode_image(image(bytes_u8(1, 2, 3), 'hsv8', 1, 1, 3)).tolist() == [[[9, 9, 9]]]

    def test_its_failure_is_an_image_error(self, monkeypatch):
        def fail(message, encoding):
            raise KeyError(16)

        self.use(monkeypatch, fail)
        with pytest.raises(ImageError, match=r'hsv8.*cv_bridge cannot convert'):
            decode_image(image(bytes_u8(1, 2, 3), 'hsv8', 1, 1, 3))

    def test_is_not_asked_for_what_is_known(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'cv_bridge', None)
        assert decode_image(image(bytes_u8(1, 2, 3), 'bgr8', 1, 1, 3)).tolist() == [[[3, 2, 1]]]


PACKED = {  # encoding: bytes of a red and a blue pixel
    'rgb8': (255, 0, 0, 0, 0, 255),
    'bgr8': (0, 0, 255, 255, 0, 0),
    '8UC3': (0, 0, 255, 255, 0, 0),
    'rgba8': (255, 0, 0, 9, 0, 0, 255, 9),
    'bgra8': (0, 0, 255, 9, 255, 0, 0, 9),
    '8UC4': (0, 0, 255, 9, 255, 0, 0, 9),
    'rgb16': (7, 255, 7, 0, 7, 0, 7, 0, 7, 0, 7, 255),
    'bgr16': (7, 0, 7, 0, 7, 255, 7, 255, 7, 0, 7, 0),
}


@pytest.mark.parametrize('encoding', PACKED)
def test_red_is_red(encoding):
    data = bytes_u8(*PACKED[encoding])
    pixels = decode_image(image(data, encoding, 2, 1, data.size))
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[list(RED), list(BLUE)]]


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey(encoding):
    pixels = decode_image(image(bytes_u8(0, 7, 255), encoding, 3, 1, 3))
    assert pixels.tolist() == [[[0, 0, 0], [7, 7, 7], [255, 255, 255]]]


@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
@pytest.mark.parametrize(('is_bigendian', 'order'), [(0, '<'), (1, '>')])
def test_grey_of_16_bits(encoding, is_bigendian, order):
    data = np.array([0, 0x07FF, 0xFFFF], f'{order}u2').view(np.uint8)
    pixels = decode_image(image(data, encoding, 3, 1, 6, is_bigendian=is_bigendian))
    assert pixels[0, :, 0].tolist() == [0, 7, 255]


@pytest.mark.parametrize(
    ('encoding', 'data'),
    [
        ('yuv422', (90, 82, 240, 82)),  # U Y V Y, red in BT.601
        ('uyvy', (90, 82, 240, 82)),
        ('yuv422_yuy2', (82, 90, 82, 240)),  # Y U Y V
        ('yuyv', (82, 90, 82, 240)),
        ('nv12', (82, 82, 82, 82, 90, 240)),  # Y plane, then U V
        ('nv21', (82, 82, 82, 82, 240, 90)),  # Y plane, then V U
    ],
)
def test_yuv_red(encoding, data):
    height = 2 if encoding.startswith('nv') else 1
    step = 2 if encoding.startswith('nv') else 4
    pixels = decode_image(image(bytes_u8(*data), encoding, 2, height, step))
    assert pixels.shape == (height, 2, 3)
    assert np.abs(pixels.astype(int) - RED).max() <= 3


@pytest.mark.parametrize('letters', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('size', [(3, 3), (4, 6), (5, 7)])
@pytest.mark.parametrize('colour', [RED, BLUE, ORANGE])
def test_bayer(letters, size, colour):
    samples = mosaic(letters, colour, *size)
    message = image(samples.reshape(-1), f'bayer_{letters}8', size[1], size[0], size[1])
    assert np.unique(decode_image(message).reshape(-1, 3), axis=0).tolist() == [list(colour)]
    for flag, order in ((0, '<u2'), (1, '>u2')):
        wide = (mosaic(letters, colour, *size, np.uint16) << 8).astype(order)
        flat = wide.reshape(-1).view(np.uint8)
        step = 2 * size[1]
        message = image(flat, f'bayer_{letters}16', size[1], size[0], step, is_bigendian=flag)
        assert np.unique(decode_image(message).reshape(-1, 3), axis=0).tolist() == [list(colour)]


def test_demosaic_refuses_other_encodings():
    with pytest.raises(ImageError, match='expected a Bayer encoding'):
        demosaic(np.zeros((4, 4), np.uint8), 'rgb8')


@pytest.mark.parametrize('kind', [bytes, bytearray, lambda raw: array.array('B', raw)])
def test_kinds_of_data(kind):
    assert decode_image(image(kind(b'\1\2\3'), 'bgr8', 1, 1, 3)).tolist() == [[[3, 2, 1]]]


def test_rgb8_is_a_view():
    data = bytes_u8(*range(16))
    pixels = decode_image(image(data, 'rgb8', 2, 2, 8))
    assert np.shares_memory(pixels, data)
    assert pixels.tolist() == [[[0, 1, 2], [3, 4, 5]], [[8, 9, 10], [11, 12, 13]]]


BYTES_PER_PIXEL = {  # in a row; 1 where not named
    **{name: len(values) // 2 for name, values in PACKED.items()},
    **dict.fromkeys(('mono16', '16UC1', 'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'), 2),
    **{f'bayer_{letters}16': 2 for letters in ('rggb', 'bggr', 'gbrg', 'grbg')},
}


@given(
    encoding=st.sampled_from(SUPPORTED_ENCODINGS),
    half=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    padding=st.integers(0, 9),
    is_last_padded=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_padding_changes_nothing(encoding, half, padding, is_last_padded, seed):
    width, height = 2 * half[0], 2 * half[1]
    tight = width * BYTES_PER_PIXEL.get(encoding, 1)
    rows = height * 3 // 2 if encoding.startswith('nv') else height
    samples = np.random.default_rng(seed).integers(0, 256, (rows, tight), np.uint8)
    padded = np.full((rows, tight + padding), 99, np.uint8)
    padded[:, :tight] = samples
    flat = padded.reshape(-1)[: None if is_last_padded or not padding else -padding]
    expected = decode_image(image(samples.reshape(-1), encoding, width, height, tight))
    got = decode_image(image(flat, encoding, width, height, tight + padding))
    np.testing.assert_array_equal(got, expected)
    assert expected.shape == (height, width, 3)


class TestEncode:
    header = make_header(MESSAGES, 1_500_000_007, 'camera')

    @given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
    def test_round_trip(self, height, width, seed):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        sent = encode_image(MESSAGES, pixels, self.header)
        got = MESSAGES.deserialize(bytes(MESSAGES.serialize(sent)), 'sensor_msgs/msg/Image')
        frame = frame_of(got)
        np.testing.assert_array_equal(frame.image, pixels)
        assert (frame.stamp_ns, frame.frame_id, got.step) == (1_500_000_007, 'camera', 3 * width)

    def test_views_are_written_tight(self):
        pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)[1:, ::2]
        np.testing.assert_array_equal(
            decode_image(encode_image(MESSAGES, pixels, self.header)), pixels
        )

    def test_labels(self):
        labels = np.array([[0, 0x0102]], np.uint16)
        message = encode_image(MESSAGES, labels, self.header, 'mono16')
        assert message.data.tolist() == [0, 0, 2, 1]
        assert (message.is_bigendian, message.step, message.encoding) == (0, 4, 'mono16')

    @pytest.mark.parametrize(
        ('pixels', 'encoding'),
        [
            (np.zeros((0, 0, 3), np.uint8), 'rgb8'),
            (np.zeros((2, 2), np.uint8), 'rgb8'),
            (np.zeros((2, 2, 4), np.uint8), 'rgb8'),
            (np.zeros((2, 2, 3), np.float32), 'rgb8'),
            (np.zeros((2, 2), np.int32), 'mono16'),
            (np.zeros((2, 2, 3), np.uint8), 'bgr8'),
        ],
    )
    def test_refused(self, pixels, encoding):
        with pytest.raises(ImageError, match='expected'):
            encode_image(MESSAGES, pixels, self.header, encoding)


class TestStamps:
    @given(st.integers(0, 2**31 * 10**9 - 1))
    def test_round_trip(self, stamp_ns):
        assert stamp_to_ns(ns_to_stamp(MESSAGES, stamp_ns)) == stamp_ns

    @pytest.mark.parametrize(('sec', 'nanosec'), [(-1, 0), (0, 10**9), (5, 2**32 - 1)])
    def test_invalid_stamps(self, sec, nanosec):
        stamp = MESSAGES.make('builtin_interfaces/msg/Time', sec=sec, nanosec=nanosec)
        with pytest.raises(ImageError, match=f'got {sec} and {nanosec}'):
            stamp_to_ns(stamp)

    @pytest.mark.parametrize('stamp_ns', [-1, 2**31 * 10**9])
    def test_times_that_the_message_cannot_say(self, stamp_ns):
        with pytest.raises(ImageError, match=f'got {stamp_ns}'):
            ns_to_stamp(MESSAGES, stamp_ns)

    def test_frame_of_a_compressed_image(self):
        data = cv2.imencode('.png', np.zeros((2, 3, 3), np.uint8))[1]
        frame = frame_of(compressed(data, 'png'))
        assert (frame.width, frame.height, frame.stamp_ns, frame.frame_id) == (3, 2, 5, 'camera')
