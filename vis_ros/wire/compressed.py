# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pixels of `sensor_msgs/CompressedImage`, as image_transport writes it, as RGB."""

import struct
from typing import Any

import cv2
import numpy as np

from vis_ros.wire.image_error import ImageError, check_size
from vis_ros.wire.raw_images import bytes_of, demosaic

_JPEG = b'\xff\xd8\xff'
_PNG = b'\x89PNG\r\n\x1a\n'
# Pixels per byte that the format can reach at best: deflate makes 1032 bytes of one, a pixel takes
# a bit; a JPEG spends a bit on each block of 8x8. Checked before the memory is asked for.
_MAX_DENSITY = {_PNG: 1032 * 8, _JPEG: 8 * 64 * 2}
_END_SEARCH_BYTES = 2**16  # cameras may pad a JPEG behind its end marker
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..15 without tables


def decode_compressed(message: Any) -> np.ndarray:
    """Return the pixels of a `sensor_msgs/CompressedImage`.

    What the data is, is read from the data: JPEG or PNG. Of `format` only the order of colours is
    used, the way image_transport does: 'rgb8; jpeg compressed bgr8' holds true colours, 'rgb8;
    jpeg compressed rgb8' was written with red and blue exchanged, and 'bayer_rggb8; png compressed
    ' holds the mosaic.

    Args:
        message: Message of any host: `data` may be an array of NumPy, an `array.array` or bytes.

    Returns:
        uint8 array (H, W, 3), RGB, new.

    Raises:
        ImageError: The data is cut off, is neither JPEG nor PNG, is larger than the limit, or is
            compressed depth.
    """
    original, _, compression = str(message.format).partition(';')
    if 'compressedDepth' in compression:
        raise ImageError(f'format {message.format!r}: expected colours or greys, got depth')
    is_mosaic = original.startswith('bayer_') and 'compressed bgr' not in compression
    pixels = decode_data(bytes_of(message.data), is_grey=is_mosaic)
    if is_mosaic:
        return demosaic(pixels, original.strip())
    is_exchanged = 'compressed rgb' in compression
    return pixels if is_exchanged else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def decode_data(data: np.ndarray, *, is_grey: bool = False) -> np.ndarray:
    """Return the pixels of a JPEG or PNG file in memory, without turning it by its EXIF tag.

    Args:
        data: uint8 array (n,), the file.
        is_grey: Whether to return one channel.

    Returns:
        uint8 array (H, W, 3) in OpenCV's order BGR, or (H, W) with `is_grey`; 16-bit samples are
        scaled to 8 bits.

    Raises:
        ImageError: The data is cut off, is neither JPEG nor PNG, or is larger than the limit.
    """
    width, height = _size_of(data)
    check_size(width, height)
    density = _MAX_DENSITY[_PNG if data[:8].tobytes() == _PNG else _JPEG]
    if width * height > density * data.size:
        raise ImageError(f'{data.size} bytes cannot hold an image of {width} x {height}')
    colour = cv2.IMREAD_GRAYSCALE if is_grey else cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(data, colour | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(f'{data.size} bytes that do not decode: {error}') from error
    if pixels is None:
        raise ImageError(f'{data.size} bytes that do not decode')
    return pixels


def _size_of(data: np.ndarray) -> tuple[int, int]:
    """Return width and height from the file's header, having checked that its end is there."""
    start = data[:8].tobytes()
    if start == _PNG:
        return _png_size(data)
    if start.startswith(_JPEG):
        if b'\xff\xd9' not in data[-_END_SEARCH_BYTES:].tobytes():
            raise ImageError(f'jpeg: {data.size} bytes without end marker; the data is cut off')
        return _jpeg_size(data)
    raise ImageError(f'expected jpeg or png, got {data.size} bytes that start with {start!r}')


def _png_size(data: np.ndarray) -> tuple[int, int]:
    """Return width and height, having walked over all chunks to the last one.

    OpenCV takes the length of a chunk on trust: a broken one made it ask for 4 GB (5.0).
    """
    view, at = data.data, 8
    while at + 12 <= data.size:  # length, kind, body, checksum
        length, kind = struct.unpack_from('>I4s', view, at)
        if kind == b'IEND' and at > 8:
            width, height = struct.unpack_from('>II', view, 16)
            return width, height
        at += 12 + length
    raise ImageError(f'png: {data.size} bytes without end chunk; the data is cut off')


def _jpeg_size(data: np.ndarray) -> tuple[int, int]:
    """Return width and height by walking over the segments to the first frame header."""
    at = 2
    while at + 9 <= data.size:
        if data[at] != 0xFF:
            break
        marker = int(data[at + 1])
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _FRAME_MARKERS:
            height, width = struct.unpack('>HH', data[at + 5 : at + 9].tobytes())
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4].tobytes(), 'big')
    raise ImageError(f'jpeg: no frame header within {data.size} bytes')
