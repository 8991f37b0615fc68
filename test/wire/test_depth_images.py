# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images and calibration out of messages."""

import copy

import numpy as np
import pytest

from vis_ros.spatial.camera_model import CameraModel
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.depth_images import camera_of, depth_of
from vis_ros.wire.encodings import make_header

MESSAGES = bare_messages()
MM = np.array([[0, 1, 1000], [65535, 500, 2]], np.uint16)
M = np.array([[0.0, np.nan, 1.5], [np.inf, -1.0, 2.0]], np.float32)
ALL = slice(None)


def depth(values, encoding, *, padding=0, big=False):
    order = values.dtype.newbyteorder('>' if big else '<')
    rows = np.ascontiguousarray(values.astype(order)).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=7)
    return MESSAGES.make(
        'sensor_msgs/msg/Image',
        header=make_header(MESSAGES, 5, 'camera'),
        height=values.shape[0],
        width=values.shape[1],
        encoding=encoding,
        is_bigendian=int(big),
        step=padded.shape[1],
        data=padded.reshape(-1),
    )


def info(**changes):
    fields = {
        'k': (500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0),
        'p': (400.0, 0.0, 300.5, 0.0, 0.0, 410.0, 200.5, 0.0, 0.0, 0.0, 1.0, 0.0),
        'd': (),
        'distortion_model': 'plumb_bob',
        'width': 640,
        'height': 480,
        'binning_x': 0,
        'binning_y': 0,
        'roi': (0, 0, 0, 0),
        **changes,
    }
    for name in 'kpd':
        fields[name] = np.array(fields[name], np.float64)
    x, y, width, height = fields.pop('roi')
    roi = MESSAGES.make(
        'sensor_msgs/msg/RegionOfInterest',
        x_offset=x,
        y_offset=y,
        width=width,
        height=height,
        do_rectify=False,
    )
    return MESSAGES.make(
        'sensor_msgs/msg/CameraInfo',
        header=make_header(MESSAGES, 5, 'camera'),
        r=np.eye(3).reshape(-1),
        roi=roi,
        **fields,
    )


@pytest.mark.parametrize('padding', [0, 4, 13])
@pytest.mark.parametrize('big', [False, True])
def test_depths(padding, big):
    for encoding in ('16UC1', 'mono16'):
        found = depth_of(depth(MM, encoding, padding=padding, big=big))
        assert np.array_equal(found.metres(ALL, ALL), MM * np.float32(0.001))
        assert (found.stamp_ns, found.frame_id, found.width, found.height) == (5, 'camera', 3, 2)
    found = depth_of(depth(M, '32FC1', padding=padding, big=big))
    assert np.array_equal(found.metres(ALL, ALL), M, equal_nan=True)


def test_the_last_row_may_lack_its_padding():
    message = depth(MM, '16UC1', padding=10)
    message.data = message.data[:-10]
    assert depth_of(message).metres(ALL, ALL)[1, 2] == np.float32(0.002)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'encoding': 'rgb8'}, "expected one of 16UC1, mono16, 32FC1, got 'rgb8'"),
        ({'encoding': '64FC1'}, '64FC1'),
        ({'encoding': ''}, "got ''"),
        ({'encoding': 'x' * 999}, 'xxx'),
        ({'width': 0}, 'at least one pixel'),
        ({'height': 2**32 - 1, 'width': 2**32 - 1}, 'at most'),
        ({'step': 5}, 'a step of 6 or more'),
        ({'step': 0}, 'got step 0'),
        ({'step': 2**32 - 1}, 'bytes'),
        ({'height': 3}, 'need a step of 6 or more and 18 bytes, got step 6 and 12'),
        ({'data': np.empty(0, np.uint8)}, '0 bytes'),
        ({'data': None}, 'expected bytes'),
    ],
)
def test_depths_that_are_none(changes, words):
    message = copy.copy(depth(MM, '16UC1'))
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=words) as found:
        depth_of(message)
    assert len(str(found.value)) < 300


def test_calibration():
    plain = CameraModel(640, 480, (500.0, 510.0), (319.5, 239.5))
    assert camera_of(info()) == plain
    assert camera_of(info(d=(0.0,) * 5)) == plain
    assert camera_of(info(d=(0.0,) * 5, distortion_model='')) == plain
    lens = camera_of(info(d=(0.1, 0.2, 0.0, 0.0, 0.3)))
    assert (lens.distortion, lens.coefficients) == ('plumb_bob', (0.1, 0.2, 0.0, 0.0, 0.3))
    assert camera_of(info(d=(0.0,) * 4, distortion_model='fisheye')).distortion == 'equidistant'


def test_calibration_of_rectified_images():
    found = camera_of(info(d=(0.1,) * 5), is_rectified=True)
    assert found == CameraModel(640, 480, (400.0, 410.0), (300.5, 200.5))


def test_binning_and_region_of_interest():
    found = camera_of(info(binning_x=2, binning_y=2))
    assert found == camera_of(info()).scaled_to(320, 240)
    found = camera_of(info(roi=(100, 50, 200, 160)))
    assert found == CameraModel(200, 160, (500.0, 510.0), (219.5, 189.5))


NAN = float('nan')


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'k': (0.0,) * 9}, 'not calibrated: focal lengths in K are 0 and 0'),
        ({'k': (NAN,) * 9}, 'not calibrated'),
        ({'k': (-1.0, 0, 0, 0, 500.0, 0, 0, 0, 1)}, 'not calibrated'),
        ({'k': (500.0, 3.0, 0, 0, 500.0, 0, 0, 0, 1)}, 'skew 3'),
        ({'d': (0.1,), 'distortion_model': 'plumb_bob'}, 'expected 4 or 5 finite'),
        ({'d': (NAN,) * 5}, 'finite'),
        ({'d': (0.1,) * 5, 'distortion_model': ''}, 'distortion_model: expected one of'),
        ({'d': (0.1,) * 5, 'distortion_model': 'magic'}, "got 'magic'"),
        ({'width': 0}, 'at least one pixel'),
        ({'binning_x': 1000}, 'at least one pixel'),
    ],
)
def test_calibration_that_is_none(changes, words):
    with pytest.raises(ValueError, match=words):
        camera_of(info(**changes))


def test_rectified_images_without_a_projection():
    with pytest.raises(ValueError, match='in P are 0 and 0'):
        camera_of(info(p=(0.0,) * 12), is_rectified=True)
