# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images, depth, calibration and transforms as strangers send them."""

from __future__ import annotations

import cv2
import depth_rig
import numpy as np
from fuzz_kit import EDGES, FLOATS, Target, damaged, refused_with
from hypothesis import strategies as st

from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.measurement import measure
from vis_ros.spatial.transform_buffer import TransformBuffer, TransformError
from vis_ros.structures import Rle
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.depth_images import camera_of, depth_of
from vis_ros.wire.encodings import frame_of
from vis_ros.wire.raw_images import _LAYOUTS, SUPPORTED_ENCODINGS

MESSAGES = bare_messages()
GOOD_SIDES = st.sampled_from((4, 6, 8, 10, 3, 24))
SIDES = st.one_of(GOOD_SIDES, st.integers(1, 12), st.sampled_from(EDGES))
GOOD_STAMPS = st.tuples(st.integers(0, 9), st.integers(0, 999_999_999))
STAMPS = st.one_of(
    GOOD_STAMPS,
    st.tuples(
        st.sampled_from((0, 1, -1, -(2**31), 2**31 - 1)),
        st.sampled_from((0, 999_999_999, 10**9, 2**32 - 1)),
    ),
)
PIXEL_BYTES = {name: item.channels * item.sample_bytes for name, item in _LAYOUTS.items()}
PIXEL_BYTES |= {'32FC1': 4, '64FC1': 8}


def header(stamp, frame_id='camera'):
    """Return a header of any stamp, also of one that is none."""
    time = MESSAGES.make('builtin_interfaces/msg/Time', sec=stamp[0], nanosec=stamp[1])
    return MESSAGES.make('std_msgs/msg/Header', stamp=time, frame_id=frame_id)


@st.composite
def images(draw, encodings):
    """Return an image message; two of three have sides, a step and data that fit each other."""
    encoding, value = draw(encodings), draw(st.binary(min_size=1, max_size=16))
    is_whole = draw(st.integers(0, 2)) > 0
    sides = GOOD_SIDES if is_whole else SIDES
    width, height = draw(sides), draw(sides)
    step = min(width, 64) * PIXEL_BYTES.get(encoding, 3) + draw(st.sampled_from((0, 0, 5)))
    length = step * min(height, 64) * (1.5 if encoding.startswith('nv') else 1)
    if not is_whole:
        length *= draw(st.sampled_from((1, 2, 0.9)))
        step = draw(st.sampled_from((step, step, 2 * step, 0, 2**32 - 1)))
    return MESSAGES.make(
        'sensor_msgs/msg/Image',
        header=header(draw(GOOD_STAMPS if is_whole else STAMPS)),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=draw(st.sampled_from((0, 1))),
        step=step,
        data=np.resize(np.frombuffer(value, np.uint8), int(length)),
    )


@refused_with(ValueError)
def take_image(message):
    """An image becomes RGB of its size, or is refused."""
    frame = frame_of(message)
    assert frame.image.dtype == np.uint8
    assert frame.image.shape == (message.height, message.width, 3)
    int(frame.image.sum())  # each pixel can be read


def files():
    """Return small JPEG, PNG and other files."""
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    deep = picture.astype(np.uint16) * 257
    made = [('.jpg', picture), ('.png', picture), ('.png', deep), ('.png', picture[:, :, 0])]
    made += [('.jpg', picture[:, :, 0]), ('.webp', picture)]
    return [cv2.imencode(kind, image)[1].tobytes() for kind, image in made]


def compressed(data, text):
    """Return a compressed image message."""
    return MESSAGES.make(
        'sensor_msgs/msg/CompressedImage',
        header=header((1, 5)),
        format=text,
        data=np.frombuffer(data, np.uint8),
    )


FORMATS = (
    'jpeg',
    'rgb8; jpeg compressed bgr8',
    'rgb8; jpeg compressed rgb8',
    'bayer_rggb8; png compressed ',
    'bayer_x; png compressed',
    '16UC1; compressedDepth png',
    ';;;',
    '',
)


@refused_with(ValueError)
def take_compressed(message):
    """A compressed image becomes RGB, or is refused."""
    frame = frame_of(message)
    assert frame.image.dtype == np.uint8
    assert frame.image.ndim == 3
    assert frame.image.shape[2] == 3


@st.composite
def calibrations(draw):
    """Return a calibration, mostly with one or two odd values."""
    k = [40.0, 0.0, 15.5, 0.0, 40.0, 11.5, 0.0, 0.0, 1.0]
    is_odd = draw(st.booleans())
    for place in draw(st.lists(st.integers(0, 8), max_size=2)) if is_odd else ():
        k[place] = draw(FLOATS)
    models = {'plumb_bob': 5, 'rational_polynomial': 8, 'equidistant': 4, 'fisheye': 4}
    model = draw(st.sampled_from((*models, 'x') if is_odd else tuple(models)))
    count = draw(st.integers(0, 9)) if is_odd else models[model]
    coefficients = [draw(FLOATS if is_odd else st.floats(-0.3, 0.3)) for _ in range(count)]
    sides = (0, 0, 1, 8, 2**32 - 1) if is_odd else (0,)
    roi = {name: draw(st.sampled_from(sides)) for name in ('width', 'height')}
    return depth_rig.info(
        height=draw(st.sampled_from((24, *sides) if is_odd else (24,))),
        width=draw(st.sampled_from((32, *sides) if is_odd else (32,))),
        distortion_model=model,
        d=np.array(coefficients),
        k=np.array(k),
        p=np.array([*k[:3], draw(FLOATS), *k[3:6], 0.0, *k[6:], 0.0]),
        binning_x=draw(st.sampled_from((0, 1, 2, 2**32 - 1) if is_odd else (0, 2))),
        roi=MESSAGES.make(
            'sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, do_rectify=False, **roi
        ),
    )


@refused_with(ValueError)
def take_calibration(case):
    """A calibration gives rays, NaN where the lens sees nothing, or is refused."""
    message, is_rectified = case
    camera = camera_of(message, is_rectified=is_rectified)
    u, v = np.meshgrid((0.0, camera.width / 2, camera.width - 1.0), (0.0, camera.height - 1.0))
    x, y = camera.rays(u.ravel(), v.ravel())
    assert x.shape == y.shape == (6,)
    assert not np.isinf(x).any()


@refused_with(ValueError)
def take_depth(case):
    """A depth image gives a finite position, none, or is refused."""
    message, calibration = case
    depth = depth_of(message)
    camera = camera_of(calibration)
    width, height = min(camera.width, 64), min(camera.height, 64)
    whole = Rle(0, 0, width, height, np.array([0, width * height], np.uint32))
    found = measure(whole, depth, camera, SpatialConfig())
    if found is not None:
        assert np.isfinite((*found.position_m, *found.size_m, found.range_m)).all()


DEPTHS = st.one_of(
    images(st.sampled_from(('16UC1', '32FC1', 'mono16', 'rgb8', '64FC1', ''))),
    st.builds(
        lambda value, size, encoding: depth_rig.depth(
            0,
            size=size,
            encoding=encoding,
            step=size[1] * (2 if encoding == '16UC1' else 4),
            data=np.resize(np.frombuffer(value, np.uint8), size[0] * size[1] * 4),
        ),
        st.binary(min_size=1, max_size=16),
        st.sampled_from(((24, 32), (12, 16), (48, 64), (24, 31), (1, 1))),
        st.sampled_from(('16UC1', '32FC1')),
    ),
)

FRAMES = st.sampled_from(('map', 'odom', 'base', 'camera', '/camera', '', 'x' * 300))


@st.composite
def transforms(draw):
    """Return transforms, some of them odd, and what is asked for."""
    sent = []
    for _ in range(draw(st.integers(1, 6))):
        message = depth_rig.transforms(draw(FRAMES), draw(FRAMES), 0, (draw(FLOATS), 0.0, 1.0))
        stamped = message.transforms[0]
        stamped.header.stamp.sec, stamped.header.stamp.nanosec = draw(STAMPS)
        stamped.transform.rotation.w = draw(st.sampled_from((1.0, 1.0, 0.5, 0.0, float('nan'))))
        sent.append((stamped, draw(st.booleans())))
    return sent, draw(FRAMES), draw(FRAMES), draw(st.sampled_from((0, 0, 10**9, 2 * 10**9)))


@refused_with(TransformError)
def take_transforms(case):
    """Transforms are taken or refused; what is found is finite, whatever was sent."""
    sent, target, source, stamp_ns = case
    buffer = TransformBuffer()
    for stamped, is_static in sent:
        try:
            buffer.insert(stamped, is_static=is_static)
        except ValueError:
            continue
    pose = buffer.lookup(target, source, stamp_ns)
    assert np.isfinite(pose.matrix).all()
    assert np.isfinite(pose.translation_m).all()


ANY_ENCODING = st.sampled_from(
    (*SUPPORTED_ENCODINGS, 'rgb8', 'bgr8', 'mono8', '32FC1', 'x' * 99, '')
)
TARGETS = [
    Target('images', images(ANY_ENCODING), take_image, 12),
    Target(
        'compressed images',
        st.builds(compressed, damaged(*files()), st.sampled_from(FORMATS)),
        take_compressed,
        14,
    ),
    Target('calibrations', st.tuples(calibrations(), st.booleans()), take_calibration, 5),
    Target('depth images', st.tuples(DEPTHS, calibrations()), take_depth, 5),
    Target('transforms', transforms(), take_transforms, 4),
]
