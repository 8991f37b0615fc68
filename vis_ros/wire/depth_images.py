# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images and calibration as messages (REP 118; `sensor_msgs/CameraInfo`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vis_ros.spatial.camera_model import CameraModel
from vis_ros.spatial.depth_image import DepthImage
from vis_ros.wire.image_error import ImageError, check_size
from vis_ros.wire.raw_images import bytes_of
from vis_ros.wire.stamps import stamp_to_ns

CAMERA_INFO_TYPE = 'sensor_msgs/msg/CameraInfo'

_ENCODINGS: Mapping[str, tuple[np.dtype[Any], float]] = {  # dtype, metres of the value 1
    '16UC1': (np.dtype(np.uint16), 0.001),
    'mono16': (np.dtype(np.uint16), 0.001),  # as some drivers name the same thing
    '32FC1': (np.dtype(np.float32), 1.0),
}
_MODELS: Mapping[
    str, tuple[str, tuple[int, ...]]
] = {  # distortion_model: our name, numbers of coefficients
    'plumb_bob': ('plumb_bob', (4, 5)),
    'rational_polynomial': ('rational_polynomial', (8,)),
    'equidistant': ('equidistant', (4,)),
    'fisheye': ('equidistant', (4,)),
}


def depth_of(message: Any) -> DepthImage:
    """Return a `sensor_msgs/Image` as depths; a view of its data.

    Raises:
        ImageError: The encoding is none of 16UC1 (mm) and 32FC1 (m), or the fields do not fit
            each other.
    """
    width, height, step = int(message.width), int(message.height), int(message.step)
    check_size(width, height)
    if message.encoding not in _ENCODINGS:
        raise ImageError(
            f'depth encoding: expected one of {", ".join(_ENCODINGS)}, '
            f'got {message.encoding[:60]!r}'
        )
    dtype, unit_m = _ENCODINGS[message.encoding]
    row_bytes = width * dtype.itemsize
    data = bytes_of(message.data)
    needed = step * (height - 1) + row_bytes  # the last row may lack its padding
    if step < row_bytes or data.size < needed:
        raise ImageError(
            f'depth: {height} rows of {width} pixels in {message.encoding} need a step of '
            f'{row_bytes} or more and {needed} bytes, got step {step} and {data.size} bytes'
        )
    order = dtype.newbyteorder('>' if message.is_bigendian else '<')
    values = np.ndarray((height, width), order, buffer=data, strides=(step, dtype.itemsize))
    header = message.header
    return DepthImage(values, unit_m, stamp_to_ns(header.stamp), header.frame_id)


def camera_of(message: Any, *, is_rectified: bool = False) -> CameraModel:
    """Return the model in a `sensor_msgs/CameraInfo`, for the image as the camera sends it.

    Binning and the region of interest are taken into account.

    Args:
        message: The calibration.
        is_rectified: Whether the image is rectified: then P counts, and no distortion; else K
            and D.

    Raises:
        ImageError: The camera is not calibrated, or its model is not supported.
    """
    matrix, columns = (message.p, 4) if is_rectified else (message.k, 3)
    numbers = [float(value) for value in matrix]
    focal = (numbers[0], numbers[columns + 1])
    centre = (numbers[2], numbers[columns + 2])
    if not all(map(math.isfinite, numbers)) or min(focal) <= 0:
        name = 'P' if is_rectified else 'K'
        raise ImageError(
            f'camera info: the camera is not calibrated: focal lengths in {name} are '
            f'{focal[0]:g} and {focal[1]:g}'
        )
    if numbers[1] != 0.0:
        raise ImageError(f'camera info: pixels that are not rectangular (skew {numbers[1]:g})')
    kind, coefficients = ('none', ()) if is_rectified else _distortion_of(message)
    x_bin, y_bin = int(message.binning_x) or 1, int(message.binning_y) or 1
    roi = message.roi
    width, height = int(roi.width) or int(message.width), int(roi.height) or int(message.height)
    check_size(width // x_bin, height // y_bin)
    return CameraModel(
        width // x_bin,
        height // y_bin,
        (focal[0] / x_bin, focal[1] / y_bin),
        (
            (centre[0] - int(roi.x_offset) + 0.5) / x_bin - 0.5,
            (centre[1] - int(roi.y_offset) + 0.5) / y_bin - 0.5,
        ),
        kind,
        coefficients,
    )


def _distortion_of(message: Any) -> tuple[str, tuple[float, ...]]:
    coefficients = tuple(float(value) for value in message.d)
    kind, counts = _MODELS.get(message.distortion_model, ('', ()))
    if not any(coefficients) and kind != 'equidistant':  # also NaN is something
        return 'none', ()
    if not kind:
        raise ImageError(
            f'camera info: distortion_model: expected one of {", ".join(_MODELS)}, '
            f'got {message.distortion_model[:60]!r}'
        )
    if len(coefficients) not in counts or not all(map(math.isfinite, coefficients)):
        raise ImageError(
            f'camera info: {message.distortion_model}: expected {" or ".join(map(str, counts))} '
            f'finite coefficients in D, got {[round(c, 6) for c in coefficients[:14]]}'
        )
    return kind, coefficients
