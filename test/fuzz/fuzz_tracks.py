# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes of every message, masks on the wire, and what a planner gets."""

from __future__ import annotations

import math

import depth_rig
import numpy as np
from fuzz_images import FORMATS, STAMPS, compressed, files
from fuzz_kit import EDGES, FLOATS, REFUSED, TAKEN, Target, damaged, refused_with
from hypothesis import strategies as st
from track_messages import MESSAGES, S, mask_of, message, placed, track

from vis_ros.client import (
    Observer,
    PolygonRegion,
    Query,
    TrackTable,
    decode_mask,
    estimate_at,
    mask_area_px,
    mask_contains,
)
from vis_ros.client.reading import read_tracks
from vis_ros.ops.rle import from_coco, to_coco
from vis_ros.spatial.transform_buffer import TransformBuffer
from vis_ros.structures import Rle
from vis_ros.wire.conversion import TRACKS_TYPE, result_of, rle_of
from vis_ros.wire.depth_images import CAMERA_INFO_TYPE, camera_of, depth_of
from vis_ros.wire.encodings import COMPRESSED_TYPE, IMAGE_TYPE, frame_of

# Bytes


def _insert(transforms):
    buffer = TransformBuffer()
    for stamped in transforms.transforms:
        buffer.insert(stamped, is_static=False)


def _tracks(message):
    read_tracks(message)
    result_of(message)


def _requests():
    make = MESSAGES.make
    value = {
        'type': 2,
        'bool_value': False,
        'integer_value': 7,
        'double_value': 0.5,
        'string_value': 'x',
        'byte_array_value': np.empty(0, np.uint8),
        'bool_array_value': np.empty(0, np.bool_),
        'integer_array_value': np.empty(0, np.int64),
        'double_array_value': np.empty(0, np.float64),
        'string_array_value': [],
    }
    parameter = make(
        'rcl_interfaces/msg/Parameter',
        name='queue_depth',
        value=make('rcl_interfaces/msg/ParameterValue', **value),
    )
    return [
        make('vis_msgs/srv/SetClassFilter_Request', class_names=['person', 'bus']),
        make('vis_msgs/srv/SaveMemory_Request', path='/somewhere/else'),
        make('rcl_interfaces/srv/SetParameters_Request', parameters=[parameter]),
    ]


def _wholes():
    """Return the bytes of one message of each kind, with its type and what takes it."""
    tracks = message(1.0, track(1, placement=placed((0, 0, 5), (0, 0, -1))), track(2, class_id=2))
    made = [
        (depth_rig.picture(0), IMAGE_TYPE, frame_of),
        (depth_rig.depth(0), IMAGE_TYPE, depth_of),
        (compressed(files()[0], FORMATS[1]), COMPRESSED_TYPE, frame_of),
        (depth_rig.info(), CAMERA_INFO_TYPE, camera_of),
        (depth_rig.transforms('map', 'camera', S), 'tf2_msgs/msg/TFMessage', _insert),
        (tracks, TRACKS_TYPE, _tracks),
        *((request, request.__msgtype__, lambda _: None) for request in _requests()),
    ]
    return [(bytes(MESSAGES.serialize(item)), kind, take) for item, kind, take in made]


BYTES = st.one_of(
    *(st.tuples(damaged(data), st.just(kind), st.just(take)) for data, kind, take in _wholes())
)


@refused_with(ValueError)
def take_bytes(case):
    """Bytes become a message that is taken, or are refused at one of both doors."""
    data, kind, take = case
    take(MESSAGES.deserialize(data, kind))


# Masks

SMALL = st.one_of(st.integers(0, 12), st.sampled_from(EDGES))


@st.composite
def masks(draw):
    """Return a mask message; most have run lengths that add up."""
    width, height = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    cuts = sorted(draw(st.lists(st.integers(0, width * height), max_size=6)))
    counts = np.diff([0, *cuts, width * height])
    if draw(st.integers(0, 3)) == 0:
        counts = draw(st.lists(SMALL, max_size=5))
    sides = {'width': width, 'height': height, 'x': draw(st.integers(0, 9)), 'y': 0}
    if draw(st.integers(0, 3)) == 0:
        sides[draw(st.sampled_from(sorted(sides)))] = draw(SMALL)
    return mask_of(Rle(counts=np.array(counts, np.uint32), **sides))


@refused_with(ValueError)
def take_mask(case):
    """A mask is the same to all who decode it, or is refused."""
    mask, u, v = case
    image = decode_mask(mask, (16, 20))
    crop = decode_mask(mask)
    assert image.sum() == crop.sum() == mask_area_px(mask) == rle_of(mask).area_px
    assert mask_contains(mask, u, v) == (0 <= u < 20 and 0 <= v < 16 and image[int(v), int(u)])
    back = from_coco(to_coco(rle_of(mask), 16, 20))
    assert back.area_px == crop.sum()


PLACES = st.one_of(st.integers(-2, 22), st.sampled_from((0.5, math.nan, math.inf, -1e300)))

# Planners


@st.composite
def track_arrays(draw):
    """Return some messages of tracks in which a few values are odd."""
    arrays = []
    for _ in range(draw(st.integers(1, 4))):
        items = []
        for number in draw(st.lists(st.integers(1, 4), max_size=3)):
            x, y = draw(st.integers(-5, 600)), draw(st.integers(0, 300))
            place = placed((x / 100, 0, 5), (0, 0, -1)) if draw(st.booleans()) else None
            items.append(track(number, (x, y, x + 30, y + 50), placement=place))
        made = message(draw(st.integers(0, 40)) / 10, *items, session_id=draw(st.integers(6, 8)))
        for item in made.tracks:
            if draw(st.integers(0, 5)) == 0:
                name = draw(st.sampled_from(('x_min', 'y_max', 'score', 'velocity_x')))
                setattr(item, name, draw(FLOATS))
            if draw(st.integers(0, 7)) == 0:
                item.state = draw(st.integers(0, 5))
                item.mask.counts = np.array(draw(st.lists(SMALL, max_size=3)), np.uint32)
            if draw(st.integers(0, 7)) == 0:
                item.last_seen.sec, item.last_seen.nanosec = draw(STAMPS)
                item.position.x = item.velocity_3d.z = draw(FLOATS)
        arrays.append(made)
    return arrays, draw(FLOATS), draw(st.sampled_from(('nearest', 'contact', 'id')))


LANE = PolygonRegion([(100, 480), (300, 100), (500, 480)])


def take_arrays(case):
    """Messages are taken or refused, and every question has an answer that makes sense."""
    arrays, number, order = case
    table = TrackTable(capacity=5)
    verdict = REFUSED
    for array in arrays:
        before = table.snapshot()
        try:
            table.update(array)
        except ValueError:
            assert table.snapshot() is before
            continue
        verdict = TAKEN
        _ask(table.snapshot(), number, order)
    return verdict


def _ask(snapshot, number, order):
    assert len(snapshot) <= 5
    observer = Observer(stand_off_m=abs(number)) if math.isfinite(number) else Observer()
    for query in (Query(order=order, observer=observer), Query(region=LANE, max_contact_s=2.0)):
        for record in snapshot.select(query):
            contact = snapshot.contact(record.track_id, observer=observer)
            assert contact is None or contact.time_s >= 0
            found = estimate_at(record, snapshot.stamp_ns + 10**8)
            assert found is None or all(map(math.isfinite, found.box))
            assert record.pixels(whole_image=True).sum() == record.mask.area_px


TARGETS = [
    Target('bytes of messages', BYTES, take_bytes, 22),
    Target('masks', st.tuples(masks(), PLACES, PLACES), take_mask, 6),
    Target('tracks for planners', track_arrays(), take_arrays, 3),
]
