# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small image messages for tests."""

import numpy as np

from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import make_header

MESSAGES = bare_messages()
RED, GREEN, BLUE, ORANGE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 30)


def image(data, encoding, width, height, step, *, is_bigendian=0, stamp_ns=0):
    """Return a sensor_msgs/Image of raw bytes, with no check at all."""
    return MESSAGES.make(
        'sensor_msgs/msg/Image',
        header=make_header(MESSAGES, stamp_ns, 'camera'),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=step,
        data=data,
    )


def compressed(data, text):
    return MESSAGES.make(
        'sensor_msgs/msg/CompressedImage',
        header=make_header(MESSAGES, 5, 'camera'),
        format=text,
        data=np.frombuffer(bytes(data), np.uint8),
    )


def bytes_u8(*values):
    return np.array(values, np.uint8)


def mosaic(letters, colour, height, width, dtype=np.uint8):
    samples = np.zeros((height, width), dtype)
    for i, letter in enumerate(letters):
        samples[i // 2 :: 2, i % 2 :: 2] = colour['rgb'.index(letter)]
    return samples
