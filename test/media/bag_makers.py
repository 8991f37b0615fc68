# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small bags for tests, whose frames can be told apart."""

import cv2
import numpy as np

from vis_ros.media.bag_writer import BagWriter
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.encodings import encode_image, make_header

MESSAGES = bare_messages()
STORAGES = ['mcap', 'sqlite3']
SUFFIX = {'mcap': '.mcap', 'sqlite3': '.db3'}
START_NS = 1_700_000_000_123_456_789
STEP_NS = 50_000_000


def pixels(number, size=(48, 64)):
    """Return an image that no compressor shrinks to nothing."""
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


def raw(number, **changes):
    header = make_header(MESSAGES, START_NS + number * STEP_NS, 'camera')
    message = encode_image(MESSAGES, pixels(number), header)
    for name, value in changes.items():
        object.__setattr__(message, name, value)
    return message


def compressed(number):
    data = cv2.imencode('.png', pixels(number)[:, :, ::-1])[1].reshape(-1)
    header = make_header(MESSAGES, START_NS + number * STEP_NS, 'camera')
    fields = {'header': header, 'format': 'rgb8; png compressed bgr8', 'data': data}
    return MESSAGES.make('sensor_msgs/msg/CompressedImage', **fields)


def text(value):
    return MESSAGES.make('std_msgs/msg/String', data=value)


def write_bag(path, storage='mcap', topics=('/image',), count=20, make=raw, **options):
    with BagWriter(path, storage, **options) as writer:
        for number in range(count):
            for topic in topics:
                writer.write(topic, make(number), 1000 + number)
    return path


def storage_file(path):
    return next(file for file in path.iterdir() if file.name.startswith(path.name))


def assert_frames(frames, numbers):
    assert [frame.stamp_ns for frame in frames] == [START_NS + n * STEP_NS for n in numbers]
    for frame, number in zip(frames, numbers, strict=True):
        np.testing.assert_array_equal(frame.image, pixels(number))
