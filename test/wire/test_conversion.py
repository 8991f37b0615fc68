# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results to messages and back, through the bytes on the wire."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.structures.placement import Placement, Quality3d
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import (
    TRACKS_TYPE,
    labels_message,
    result_of,
    rle_of,
    tracks_message,
)

MESSAGES = bare_messages()
CLASSES = ['person', 'bag', 'ünïcode']
number = st.floats(-1e6, 1e6, width=32)
share = st.floats(0, 1, width=32)
count = st.integers(0, 2**32 - 1)
stamp = st.integers(0, 2**31 * 10**9 - 1)


@st.composite
def rles(draw):
    runs = draw(st.lists(st.integers(0, 40), max_size=12))
    if not sum(runs):
        return Rle()
    return Rle(draw(count), draw(count), sum(runs), 1, np.array(runs, np.uint32))


vector = st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
quality = st.sampled_from([Quality3d.PREDICTED, Quality3d.LOW, Quality3d.GOOD])
placements = st.builds(Placement, vector, vector, vector, quality)


@st.composite
def tracks(draw):
    return Track(
        track_id=draw(st.integers(1, 2**64 - 1)),
        slot=draw(st.integers(0, 2**16 - 1)),
        state=draw(st.sampled_from(TrackState)),
        class_id=draw(st.integers(0, 2)),
        score=draw(share),
        box=(draw(number), draw(number), draw(number), draw(number)),
        mask=draw(rles()),
        first_seen_ns=draw(stamp),
        last_seen_ns=draw(stamp),
        hits=draw(count),
        misses=draw(count),
        velocity_px_s=(draw(number), draw(number)),
        class_scores=tuple(draw(st.lists(st.tuples(st.integers(0, 2), share), max_size=3))),
        placement=draw(st.none() | placements),
    )


@st.composite
def results(draw):
    return FrameResult(
        stamp_ns=draw(stamp),
        frame_id=draw(st.text(st.characters(exclude_characters='\0', codec='utf-8'), max_size=9)),
        height=draw(count),
        width=draw(count),
        tracks=tuple(draw(st.lists(tracks(), max_size=3))),
        session_id=draw(st.integers(0, 2**64 - 1)),
        stages_ms=draw(st.dictionaries(st.sampled_from(['method', 'decode']), share)),
        frame_id_3d=draw(st.sampled_from(['', 'map'])),
    )


def wire(result):
    """Return the message that a listener gets."""
    message = tracks_message(MESSAGES, result, method='iou', class_names=CLASSES)
    return MESSAGES.deserialize(bytes(MESSAGES.serialize(message)), TRACKS_TYPE)


def test_no_track():
    result = FrameResult(0, '', 1, 1, ())
    assert result_of(wire(result)) == result


@given(results())
def test_there_and_back(result):
    message = wire(result)
    assert result_of(message) == result
    assert [t.class_name for t in message.tracks] == [CLASSES[t.class_id] for t in result.tracks]


def one_track():
    track = Track(1, 0, TrackState.ACTIVE, 0, 0.5, (0, 0, 1, 1), dot(), 0, 0, 1, 0)
    track = track._replace(placement=Placement((1, 2, 3), (4, 5, 6), (7, 8, 9), Quality3d.GOOD))
    return wire(FrameResult(5, 'cam', 8, 9, (track,), 1, {'method': 1.0}))


def dot():
    return Rle(0, 0, 1, 1, np.array([0, 1], np.uint32))


@pytest.mark.parametrize(
    ('break_it', 'words'),
    [
        (lambda m: setattr(m.tracks[0], 'state', 9), '9 is not a valid TrackState'),
        (lambda m: setattr(m.tracks[0].mask, 'width', 7), 'expected a sum of 7, got 1'),
        (lambda m: setattr(m.header.stamp, 'sec', -1), 'sec >= 0'),
        (lambda m: setattr(m.tracks[0].last_seen, 'nanosec', 2**31), 'nanosec'),
        (lambda m: setattr(m, 'stage_names', []), 'zip'),
        (lambda m: setattr(m.tracks[0], 'quality_3d', 9), '9 is not a valid Quality3d'),
    ],
)
def test_messages_that_are_not_valid(break_it, words):
    message = one_track()
    break_it(message)
    with pytest.raises(ValueError, match=words):
        result_of(message)


def test_runs_that_would_overflow():
    mask = one_track().tracks[0].mask
    mask.counts = np.full(9, 2**32 - 1, np.uint32)
    with pytest.raises(ValueError, match='expected a sum of 1'):
        rle_of(mask)


def test_a_track_without_3d_has_zeros_there():
    track = Track(1, 0, TrackState.ACTIVE, 0, 0.5, (0, 0, 1, 1), dot(), 0, 0, 1, 0)
    (found,) = wire(FrameResult(5, 'cam', 8, 9, (track,))).tracks
    assert (found.has_3d, found.quality_3d) == (False, 0)
    vectors = (found.position, found.size, found.velocity_3d)
    assert {v for vector in vectors for v in (vector.x, vector.y, vector.z)} == {0.0}


def test_labels():
    message = labels_message(MESSAGES, 7, 'iou', CLASSES)
    assert (message.method, message.class_names) == ('iou', CLASSES)
    assert message.header.stamp.nanosec == 7
