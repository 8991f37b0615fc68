# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tracks of one camera and their filters."""

import dataclasses

import numpy as np
import pytest
from depth_scenes import CAMERA, ball, board

from vis_ros.spatial.config import SpatialConfig
from vis_ros.spatial.depth_image import DepthImage
from vis_ros.spatial.locator import Locator, View
from vis_ros.structures import FrameResult, Rle, Track, TrackState
from vis_ros.structures.placement import Quality3d

CONFIG = SpatialConfig()
LEFT, RIGHT = ball((-0.5, 0.0, 2.0), 0.25), board((0.6, 0.1, 3.0), (0.5, 0.5))
VIEW = View(DepthImage(np.minimum(LEFT.depth, RIGHT.depth)), CAMERA)
PERIOD_NS = 33_333_333


def track(number, mask, state=TrackState.ACTIVE):
    return Track(number, number, state, 0, 0.9, (0, 0, 1, 1), mask, 0, 0, 1, 0)


def result(*tracks, frame=0, session_id=1):
    return FrameResult(frame * PERIOD_NS, 'camera', 240, 320, tracks, session_id)


def test_no_tracks():
    found = Locator().locate(result(), VIEW, 'camera', CONFIG)
    assert (found.tracks, found.frame_id_3d) == ((), '')


def test_two_objects_and_what_is_not_changed():
    before = result(track(1, LEFT.mask), track(2, RIGHT.mask))
    found = Locator().locate(before, VIEW, 'camera', CONFIG)
    assert found.frame_id_3d == 'camera'
    for one, seen in zip(found.tracks, (LEFT, RIGHT), strict=True):
        assert one.placement.position_m == pytest.approx(seen.centre_m, abs=0.03)
        assert one.placement.quality == Quality3d.GOOD
    plain = tuple(one._replace(placement=None) for one in found.tracks)
    assert dataclasses.replace(found, tracks=plain, frame_id_3d='') == before


def test_the_order_of_tracks_does_not_matter():
    tracks = [track(1, LEFT.mask), track(2, RIGHT.mask), track(3, Rle())]
    one, other = Locator(), Locator()
    for frame in range(5):
        a = one.locate(result(*tracks, frame=frame), VIEW, 'camera', CONFIG)
        b = other.locate(result(*tracks[::-1], frame=frame), VIEW, 'camera', CONFIG)
        assert a.tracks == b.tracks[::-1]


def test_a_lost_track_and_a_frame_without_depth_are_predicted_for_a_while():
    locator = Locator()
    tracks = track(1, LEFT.mask), track(2, RIGHT.mask)
    for frame in range(10):
        locator.locate(result(*tracks, frame=frame), VIEW, 'camera', CONFIG)
    lost = track(1, Rle(), TrackState.LOST), tracks[1]
    found = locator.locate(result(*lost, frame=10), None, 'camera', CONFIG)
    assert [one.placement.quality for one in found.tracks] == [Quality3d.PREDICTED] * 2
    assert found.frame_id_3d == 'camera'
    later = locator.locate(result(*lost, frame=40), VIEW, 'camera', CONFIG)
    assert [one.placement is None for one in later.tracks] == [True, False]


def test_filters_go_with_their_tracks():
    locator = Locator()
    for frame in range(100):
        found = locator.locate(
            result(track(frame + 1, LEFT.mask), frame=frame), VIEW, 'camera', CONFIG
        )
        assert locator.count == 1
        assert found.tracks[0].placement.velocity_m_s == (0.0, 0.0, 0.0)  # no other's past
    locator.locate(result(frame=100), VIEW, 'camera', CONFIG)
    assert locator.count == 0


@pytest.mark.parametrize(('session_id', 'frame_id'), [(2, 'camera'), (1, 'map')])
def test_a_new_session_and_another_frame_forget(session_id, frame_id):
    locator = Locator()
    locator.locate(result(track(1, LEFT.mask)), VIEW, 'camera', CONFIG)
    again = result(track(1, LEFT.mask), frame=1, session_id=session_id)
    found = locator.locate(again, None, frame_id, CONFIG)
    assert found.tracks[0].placement is None


def test_a_prefix_of_the_frames_gives_a_prefix_of_the_places():
    rng = np.random.default_rng(0)
    views = [
        None if frame == 3 else View(DepthImage(VIEW.depth.values + rng.normal(0, 0.01)), CAMERA)
        for frame in range(6)
    ]

    def run(count):
        locator = Locator()
        return [
            locator.locate(result(track(1, LEFT.mask), frame=i), views[i], 'camera', CONFIG)
            for i in range(count)
        ]

    assert run(6)[:4] == run(4)
