# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pixels of `sensor_msgs/Image`, whatever encoding they come in, as RGB.

Encodings are those of `sensor_msgs/image_encodings.hpp`. Samples of 16 bits are scaled to 8 by
taking their high byte, which is a view; YUV is BT.601 with limited range, as cameras on V4L2 send
it.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vis_ros.wire.image_error import ImageError, check_size


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an encoding stores pixels.

    Args:
        channels: Samples per pixel in a row.
        code: Conversion of OpenCV to RGB, or None where the samples are RGB.
        sample_bytes: Bytes per sample, 1 or 2.
        even: Sides that must be even, some of 'w' and 'h'.
        minimum: Smallest side [px] that the conversion can take.
        row_parts: Rows of data for every two rows of the image.
    """

    channels: int
    code: int | None
    sample_bytes: int = 1
    even: str = ''
    minimum: int = 1
    row_parts: int = 2


# OpenCV names a mosaic after the second and third pixel of the SECOND row: BG is RGGB.
_BAYER = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}
_UYVY = _Layout(2, cv2.COLOR_YUV2RGB_UYVY, even='w')
_YUYV = _Layout(2, cv2.COLOR_YUV2RGB_YUY2, even='w')
_LAYOUTS = {
    'rgb8': _Layout(3, None),
    'bgr8': _Layout(3, cv2.COLOR_BGR2RGB),
    'rgba8': _Layout(4, cv2.COLOR_RGBA2RGB),
    'bgra8': _Layout(4, cv2.COLOR_BGRA2RGB),
    'rgb16': _Layout(3, None, 2),
    'bgr16': _Layout(3, cv2.COLOR_BGR2RGB, 2),
    'mono8': _Layout(1, cv2.COLOR_GRAY2RGB),
    'mono16': _Layout(1, cv2.COLOR_GRAY2RGB, 2),
    '8UC1': _Layout(1, cv2.COLOR_GRAY2RGB),
    '8UC3': _Layout(3, cv2.COLOR_BGR2RGB),  # no order of colours is given; OpenCV's is BGR
    '8UC4': _Layout(4, cv2.COLOR_BGRA2RGB),
    '16UC1': _Layout(1, cv2.COLOR_GRAY2RGB, 2),
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
    'nv12': _Layout(1, cv2.COLOR_YUV2RGB_NV12, even='wh', row_parts=3),
    'nv21': _Layout(1, cv2.COLOR_YUV2RGB_NV21, even='wh', row_parts=3),
    **{f'bayer_{name}8': _Layout(1, code, minimum=3) for name, code in _BAYER.items()},
    **{f'bayer_{name}16': _Layout(1, code, 2, minimum=3) for name, code in _BAYER.items()},
}

SUPPORTED_ENCODINGS = tuple(_LAYOUTS)


def decode_image(message: Any) -> np.ndarray:
    """Return the pixels of a `sensor_msgs/Image`.

    Args:
        message: Message of any host: `data` may be an array of NumPy, an `array.array` or bytes.

    Returns:
        uint8 array (H, W, 3), RGB. It is a view of `message.data`, and may be read-only and have
        padded rows, where the encoding is rgb8; otherwise it is new.

    Raises:
        ImageError: The encoding is not known here nor to cv_bridge, or the fields do not fit each
            other; the text has the numbers.
    """
    width, height = int(message.width), int(message.height)
    check_size(width, height)
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        return _decode_by_cv_bridge(message)
    _check_sides(message.encoding, layout, width, height)
    samples = _samples(message, layout, width, height * layout.row_parts // 2)
    if layout.code is None and layout.sample_bytes == 1:
        return samples
    samples = np.ascontiguousarray(samples) if layout.sample_bytes == 2 else samples
    return samples if layout.code is None else cv2.cvtColor(samples, layout.code)


def demosaic(samples: np.ndarray, encoding: str) -> np.ndarray:
    """Return RGB of a Bayer mosaic.

    Args:
        samples: uint8 array (H, W), each side at least 3.
        encoding: Such as bayer_rggb8; the four letters are the first two rows of the mosaic.

    Returns:
        uint8 array (H, W, 3), RGB.

    Raises:
        ImageError: The encoding is no Bayer encoding, or the image is smaller.
    """
    layout = _LAYOUTS.get(encoding)
    if layout is None or not encoding.startswith('bayer_') or layout.code is None:
        raise ImageError(f'expected a Bayer encoding, got {encoding!r}')
    _check_sides(encoding, layout, samples.shape[1], samples.shape[0])
    return cv2.cvtColor(samples, layout.code)


def _check_sides(encoding: str, layout: _Layout, width: int, height: int) -> None:
    for name, side, letter in (('width', width, 'w'), ('height', height, 'h')):
        if letter in layout.even and side % 2:
            raise ImageError(f'{encoding}: expected even {name}, got {side}')
        if side < layout.minimum:
            raise ImageError(f'{encoding}: expected {name} >= {layout.minimum}, got {side}')


def _samples(message: Any, layout: _Layout, width: int, rows: int) -> np.ndarray:
    """Return a view of the 8-bit samples, or of the high bytes of the 16-bit samples.

    Returns:
        uint8 array (rows, width, channels), or (rows, width) where there is one channel.
    """
    data = bytes_of(message.data)
    size = layout.sample_bytes
    row_bytes = width * layout.channels * size
    step = int(message.step)
    if step < row_bytes:
        raise ImageError(
            f'{message.encoding}: a row of {width} pixels has {row_bytes} bytes, got step {step}'
        )
    needed = step * (rows - 1) + row_bytes  # the last row may lack its padding
    if data.size < needed:
        raise ImageError(
            f'{message.encoding}: {rows} rows with step {step} need {needed} bytes of data, '
            f'got {data.size}'
        )
    high_byte = size - 1 if not message.is_bigendian else 0
    shape = (rows, width, layout.channels)
    strides = (step, layout.channels * size, size)
    view = np.ndarray(shape, np.uint8, buffer=data, offset=high_byte, strides=strides)
    return view[:, :, 0] if layout.channels == 1 else view


def bytes_of(data: Any) -> np.ndarray:
    """Return a view of a message's bytes as a uint8 array (n,).

    Raises:
        ImageError: It is no `bytes`, `array.array('B')`, `memoryview` or uint8 array (n,).
    """
    try:
        flat = data if isinstance(data, np.ndarray) else np.asarray(memoryview(data))
    except TypeError as error:
        raise ImageError(f'data: expected bytes, got {type(data).__name__}') from error
    if flat.ndim != 1 or flat.dtype != np.uint8:
        raise ImageError(f'data: expected uint8 (n,), got {flat.dtype} {flat.shape}')
    return np.ascontiguousarray(flat)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f'{text[:length]}...'


def _decode_by_cv_bridge(message: Any) -> np.ndarray:
    shown = _cut(repr(message.encoding), 60)
    try:
        bridge = importlib.import_module('cv_bridge').CvBridge()
    except ImportError:
        raise ImageError(
            f'encoding {shown} is not supported; '
            f'supported: {", ".join(SUPPORTED_ENCODINGS)} (and more where cv_bridge is installed)'
        ) from None
    try:
        return np.asarray(bridge.imgmsg_to_cv2(message, 'rgb8'), np.uint8)
    except Exception as error:  # cv_bridge raises its own, KeyError and AttributeError alike
        reason = _cut(str(error), 200)
        raise ImageError(
            f'encoding {shown}: cv_bridge cannot convert it: {reason}; '
            f'supported without it: {", ".join(SUPPORTED_ENCODINGS)}'
        ) from error
