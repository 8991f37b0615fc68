# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG messages: colours, and files that are cut off, scrambled or too large."""

import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from image_makers import ORANGE, compressed, mosaic

from vis_ros.wire.encodings import ImageError, decode_compressed


class TestCompressed:
    pixels = np.full((16, 8, 3), ORANGE, np.uint8)

    def encode(self, suffix, pixels=None):
        bgr = (self.pixels if pixels is None else pixels)[:, :, ::-1]
        return cv2.imencode(suffix, np.ascontiguousarray(bgr))[1].tobytes()

    @pytest.mark.parametrize(
        ('suffix', 'text', 'tolerance'),
        [
            ('.png', 'rgb8; png compressed bgr8', 0),
            ('.png', 'png', 0),
            ('.png', '', 0),
            ('.jpg', 'jpeg', 3),
            ('.jpg', 'bgr8; jpeg compressed bgr8', 3),
            ('.jpg', 'rgb8; jpeg compressed bgr8', 3),
        ],
    )
    def test_colours(self, suffix, text, tolerance):
        pixels = decode_compressed(compressed(self.encode(suffix), text))
        assert pixels.shape == (16, 8, 3)
        assert np.abs(pixels.astype(int) - ORANGE).max() <= tolerance

    def test_exchanged_colours(self):
        data = self.encode('.png', self.pixels[:, :, ::-1])
        pixels = decode_compressed(compressed(data, 'rgb8; png compressed rgb8'))
        np.testing.assert_array_equal(pixels, self.pixels)

    def test_grey_of_16_bits(self):
        data = cv2.imencode('.png', np.full((4, 4), 0x07FF, np.uint16))[1]
        assert (
            decode_compressed(compressed(data, 'mono16; png compressed '))[0, 0].tolist()
            == [7] * 3
        )

    def test_mosaic(self):
        data = cv2.imencode('.png', mosaic('grbg', ORANGE, 6, 4))[1]
        pixels = decode_compressed(compressed(data, 'bayer_grbg8; png compressed '))
        assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [list(ORANGE)]

    def test_padding_behind_a_jpeg(self):
        data = self.encode('.jpg') + bytes(100)
        assert decode_compressed(compressed(data, 'jpeg')).shape == (16, 8, 3)

    def test_empty(self):
        with pytest.raises(ImageError, match='expected jpeg or png, got 0 bytes'):
            decode_compressed(compressed(b'', 'jpeg'))

    @pytest.mark.parametrize('suffix', ['.png', '.jpg'])
    def test_cut_off_anywhere(self, suffix):
        data = self.encode(suffix)
        for length in range(len(data) - 4):
            with pytest.raises(ImageError):
                decode_compressed(compressed(data[:length], 'jpeg'))

    @pytest.mark.parametrize('suffix', ['.png', '.jpg'])
    def test_scrambled_is_an_image_error_or_an_image(self, suffix):
        rng = np.random.default_rng(1)
        for _ in range(200):
            data = bytearray(self.encode(suffix))
            for at in rng.integers(8, len(data), 5):
                data[at] = rng.integers(0, 256)
            with contextlib.suppress(ImageError):
                assert decode_compressed(compressed(data, 'jpeg')).shape[2] == 3

    def test_bombs(self):
        def chunk(kind, body):
            crc = zlib.crc32(kind + body)
            return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', crc)

        header = struct.pack('>IIBBBBB', 2**17, 2**17, 8, 2, 0, 0, 0)
        png = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
        png += chunk(b'IDAT', zlib.compress(bytes(10))) + chunk(b'IEND', b'')
        with pytest.raises(ImageError, match='at most 268435456 pixels'):
            decode_compressed(compressed(png, 'png'))
        jpeg = bytearray(self.encode('.jpg'))
        smaller = png.replace(struct.pack('>I', 2**17), struct.pack('>I', 16000))
        with pytest.raises(ImageError, match='bytes cannot hold an image of 16000 x 16000'):
            decode_compressed(compressed(smaller, 'png'))
        at = jpeg.index(b'\xff\xc0')
        jpeg[at + 5 : at + 9] = struct.pack('>HH', 65000, 65000)
        with pytest.raises(ImageError, match='at most 268435456 pixels'):
            decode_compressed(compressed(jpeg, 'jpeg'))

    def test_chunk_that_claims_4_gb(self):
        data = bytearray(self.encode('.png'))
        data[33] = 0xEE  # high byte of the length of IDAT
        with pytest.raises(ImageError, match='without end chunk'):
            decode_compressed(compressed(data, 'png'))

    def test_other_formats_are_refused(self):
        with pytest.raises(ImageError, match='expected colours or greys, got depth'):
            decode_compressed(compressed(b'\0' * 40, '16UC1; compressedDepth png'))
        with pytest.raises(
            ImageError, match="expected jpeg or png, got 5 bytes that start with b'GIF89'"
        ):
            decode_compressed(compressed(b'GIF89', 'gif'))
