# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Motion and appearance: what keeps an identity, and what does not."""

import numpy as np
import pytest
from coloured_world import (
    PERIOD_NS,
    TODAY,
    WIDTH,
    Case,
    ColourDetector,
    frame_of,
    picture,
    run,
    steps,
)

from vis_ros.detectors import DETECTORS
from vis_ros.structures import Frame, FrameResult

RED, GREEN, CRIMSON = (250, 9, 0), (30, 250, 9), (249, 10, 0)
SIZE = (10, 14)
LEFT, RIGHT = 5.0, 80.0
SPEED = 2.5  # px per frame; they meet in the middle at frame 15
PERIOD = {'frame_period_s': 0.1}


@pytest.fixture(autouse=True)
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)


def crossing(first: tuple, second: tuple, *, hidden: range = range(0)) -> list[Frame]:
    """Return two boxes that walk towards and past each other; both unseen in `hidden`."""
    frames = []
    for k in range(31):
        a = (LEFT + SPEED * k, 12.0, *SIZE, first)
        b = (RIGHT - SPEED * k, 12.0, *SIZE, second)
        frames.append(frame_of(k, *(() if k in hidden else (a, b))))
    return frames


def places(result: FrameResult) -> dict[int, float]:
    """Return the left edges of the observed tracks by id."""
    return {track.track_id: track.box[0] for track in result.tracks if track.is_observed}


def goes_through(results: list[FrameResult]) -> bool:
    """Return whether both ids end on the other side, where their owners do."""
    start, end = places(results[2]), places(results[-1])
    assert set(start) == {1, 2}
    return set(end) == {1, 2} and all(
        (start[track_id] < 45) == (end[track_id] > 45) for track_id in start
    )


def test_no_frames_no_detections() -> None:
    method = Case('deepsort').build()
    assert run(method, []) == []
    assert run(method, [frame_of(0)])[0].tracks == ()


@pytest.mark.parametrize('overlap', ['box', 'mask'])
def test_colours_keep_identities_where_overlap_switches(overlap: str) -> None:
    """They meet unseen, behind something as wide as both, and come out swapped in place."""
    frames = crossing(RED, GREEN, hidden=range(13, 18))
    options = (('overlap', overlap),)
    assert goes_through(run(Case('deepsort', options).build(**PERIOD), frames))
    assert not goes_through(run(Case('iou', options).build(), frames))


@pytest.mark.parametrize('overlap', ['box', 'mask'])
def test_motion_keeps_look_alikes_apart(overlap: str) -> None:
    """Colours say nothing here; the filter knows who walked where to."""
    frames = crossing(RED, CRIMSON, hidden=range(13, 18))
    options = (('overlap', overlap),)
    method = Case('deepsort', options).build(**PERIOD, motion_weight=0.5)
    assert goes_through(run(method, frames))
    assert not goes_through(run(Case('iou', options).build(), frames))


def test_lost_tracks_move_on() -> None:
    frames = [frame_of(k, (5.0 + 2 * k, 10.0, *SIZE, RED)) for k in range(12)]
    frames += [frame_of(k) for k in range(12, 16)]
    results = run(Case('deepsort').build(**PERIOD), frames)
    last_seen = results[11].tracks[0].box
    for k in range(12, 16):
        (track,) = results[k].tracks
        assert track.box[0] - last_seen[0] == pytest.approx(2 * (k - 11), abs=1.0)
        assert track.box[1] == pytest.approx(last_seen[1], abs=0.5)


def test_predictions_stay_in_the_image() -> None:
    frames = [frame_of(k, (40.0 + 3 * k, 10.0, *SIZE, RED)) for k in range(12)]
    frames += [frame_of(k) for k in range(12, 30)]
    results = run(Case('deepsort').build(**PERIOD), frames)
    boxes = [track.box for result in results[12:] for track in result.tracks]
    assert boxes
    assert all(0 <= x0 <= x1 <= WIDTH for x0, _, x1, _ in boxes)
    assert boxes[-1][2] == WIDTH  # it left by the right border


def test_time_comes_from_stamps_not_from_frames() -> None:
    """A camera that drops every second frame gives the same lost box as one that drops none."""
    method = Case('deepsort').build(**PERIOD)
    ends = []
    for every in (1, 2):
        frames = [frame_of(k, (5.0 + 2 * k, 10.0, *SIZE, RED)) for k in range(0, 13, every)]
        results = run(method, [*frames, frame_of(18)])
        ends.append(results[-1].tracks[0].box)
    np.testing.assert_allclose(ends[0], ends[1], atol=1.5)


def test_the_gate_forbids_jumps() -> None:
    still = [frame_of(k, (5.0, 10.0, *SIZE, RED)) for k in range(20)]
    frames = [*still, frame_of(20, (80.0, 30.0, *SIZE, RED))]
    assert [t.track_id for t in run(Case('deepsort').build(**PERIOD), frames)[-1].tracks] == [2, 1]
    wide = Case('deepsort').build(**PERIOD, gate=1e6, max_drift=1e6)
    assert [t.track_id for t in run(wide, frames)[-1].tracks] == [1]


def test_the_gallery_is_bounded_and_oldest_first() -> None:
    method = Case('deepsort').build(**PERIOD, gallery=3, max_appearance_distance=2.0)
    colours = [(250, 5 * k, 0) for k in range(1, 8)]
    frames = [frame_of(k, (20.0, 10.0, *SIZE, colour)) for k, colour in enumerate(colours)]
    for state, _ in steps(method, frames):
        gallery = state.memory['gallery'][0].numpy()
    looks = np.array(colours[-3:], np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    assert gallery.shape == (3, 3)
    order = np.argsort(gallery[:, 1])
    np.testing.assert_allclose(gallery[order], looks, atol=1e-6)


def test_one_blob_teaches_neither_looks_nor_size() -> None:
    """Two stand so close that they are one blob of another colour for a while."""
    blob = (200, 200, 9)
    two = [(30.0, 12.0, *SIZE, RED), (42.0, 12.0, *SIZE, GREEN)]
    one = [(30.0, 12.0, 22, 14, blob)]
    frames = [frame_of(k, *(one if k >= 8 else two)) for k in range(12)]
    method = Case('deepsort').build(**PERIOD)
    state, result = list(steps(method, frames))[-1]
    (slot,) = [track.slot for track in result.tracks if track.track_id == 1]
    (x0, _, x1, _) = result.tracks[0].box
    assert (result.tracks[0].track_id, x1 - x0) == (1, 22)  # the blob is shown as it is
    assert int(state.memory['hits'][slot]) == 12
    assert int(state.memory['stored'][slot]) == 8
    gallery = state.memory['gallery'][slot].numpy()
    yellow = np.array(blob, np.float32) / np.linalg.norm(blob)
    assert (gallery @ yellow).max() < 0.9
    np.testing.assert_allclose(state.memory['mean'][slot, 2:4], (10 / 14, 14), rtol=0.05)


def test_who_was_hidden_by_a_blob_comes_back() -> None:
    two = [(30.0, 12.0, *SIZE, RED), (42.0, 12.0, *SIZE, GREEN)]
    one = [(30.0, 12.0, 22, 14, (200, 200, 9))]
    frames = [frame_of(k, *(one if 8 <= k < 12 else two)) for k in range(16)]
    results = run(Case('deepsort').build(**PERIOD), frames)
    assert places(results[-1])[2] == 42


def test_a_long_gap_is_survived() -> None:
    """The filter must stay a number whatever the stamps say."""
    method = Case('deepsort').build(**{'memory.lost_timeout_s': 86400.0})
    frames = [frame_of(k, (20.0 + k, 10.0, *SIZE, RED)) for k in range(6)]
    late = Frame(picture((60.0, 10.0, *SIZE, RED)), TODAY + 80_000 * 10 * PERIOD_NS, 'camera')
    results = run(method, [*frames, late])
    for track in results[-1].tracks:
        assert np.isfinite(track.box).all()
