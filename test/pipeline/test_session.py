# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One stream through a session: time jumps, faults, lag, files."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from coloured_world import (
    PERIOD_NS,
    TODAY,
    Case,
    ColourDetector,
    frame_of,
    picture,
    run,
    street,
    without_times,
)

from vis_ros.detectors import DETECTORS
from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods import Method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.structures import Frame, FrameResult

WALKER = (40.0, 10.0, 9, 13, (250, 9, 0))


@pytest.fixture(autouse=True)
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)


class LateMethod(Method):
    """Answers two frames late; its results carry only what their frame says."""

    classes = ('object',)
    lag = 2

    def __init__(self) -> None:
        pass

    def init_state(self) -> list[Frame]:
        return []

    def step(self, state: list[Frame], frame: Frame) -> tuple[list[Frame], list[FrameResult]]:
        waiting = [*state, frame]
        ready, rest = waiting[: -self.lag], waiting[-self.lag :]
        return rest, [self.result(one) for one in ready]

    def result(self, frame: Frame) -> FrameResult:
        return FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, ())

    def flush(self, state: list[Frame]) -> tuple[list[Frame], list[FrameResult]]:
        return [], [self.result(frame) for frame in state]

    def save(self, state: list[Frame]) -> Snapshot:
        return Snapshot({}, {})

    def restore(self, snapshot: Snapshot) -> list[Frame]:
        return []

    def skip_ids(self, state: Any, highest_id: int) -> None:
        pass


class BrokenMethod(LateMethod):
    """Fails at black images, and answers the stamp of another frame at white ones."""

    lag = 0

    def step(self, state: list[Frame], frame: Frame) -> tuple[list[Frame], list[FrameResult]]:
        if not frame.image.any():
            raise RuntimeError('it is dark')
        result = self.result(frame)
        if frame.image.all():
            result = dataclasses.replace(result, stamp_ns=result.stamp_ns + 1)
        return state, [result]


def results_of(session: TrackingSession, frames: list[Frame]) -> list[FrameResult]:
    return [item.result for frame in frames for item in session.process(frame)]


def test_a_stream_without_frames() -> None:
    session = TrackingSession(Case('iou').build())
    assert session.flush() == []
    assert (session.session_id, session.resets) == (1, 0)
    assert session.memory_use()['pending_frames'] == 0
    with pytest.raises(ValueError, match='session_id: expected 1 or more, got 0'):
        TrackingSession(Case('iou').build(), session_id=0)


def test_results_are_those_of_the_method() -> None:
    frames = street(20)
    session = TrackingSession(Case('deepsort').build(), session_id=7)
    results = results_of(session, frames)
    assert [without_times(result) for result in results] == run(Case('deepsort').build(), frames)
    assert {result.session_id for result in results} == {7}
    assert all(result.stages_ms['method'] > 0 for result in results)


@pytest.mark.parametrize('name', ['iou', 'deepsort'])
def test_a_looping_clip_starts_anew_each_time(name: str) -> None:
    frames = street(30)
    session = TrackingSession(Case(name).build())
    rounds = [results_of(session, frames) for _ in range(3)]
    assert [one[0].session_id for one in rounds] == [1, 2, 3]
    assert session.resets == 2
    plain = [[without_times(result) for result in one] for one in rounds]
    assert plain[0] == plain[1] == plain[2]


def test_a_backward_stamp_empties_the_memory() -> None:
    session = TrackingSession(Case('iou').build())
    results_of(session, [frame_of(k, WALKER) for k in range(5, 10)])
    (item,) = session.process(frame_of(8))
    assert (item.result.session_id, item.result.tracks) == (2, ())
    (item,) = session.process(frame_of(8, WALKER))  # the same stamp is no step back
    assert (item.result.session_id, len(item.result.tracks)) == (2, 1)


def test_a_jump_of_one_nanosecond_counts() -> None:
    session = TrackingSession(Case('iou').build())
    for stamp_ns in (TODAY, TODAY, TODAY - 1):
        session.process(Frame(picture(WALKER), stamp_ns, 'camera'))
    assert session.session_id == 2


def test_a_late_method_pairs_frames_and_results() -> None:
    session = TrackingSession(LateMethod())
    frames = [frame_of(k) for k in range(6)]
    got = [session.process(frame) for frame in frames]
    assert [len(items) for items in got] == [0, 0, 1, 1, 1, 1]
    assert session.memory_use()['pending_frames'] == 2
    pairs = [item for items in [*got, session.flush()] for item in items]
    assert [item.frame for item in pairs] == frames
    assert all(item.frame.stamp_ns == item.result.stamp_ns for item in pairs)
    assert session.memory_use()['pending_frames'] == 0
    assert session.flush() == []


def test_a_reset_drops_what_is_due_and_counts_it() -> None:
    session = TrackingSession(LateMethod())
    for k in range(4):
        session.process(frame_of(k))
    assert session.process(frame_of(0)) == []
    assert (session.dropped_results, session.session_id) == (2, 2)
    assert session.memory_use()['pending_frames'] == 1
    ready = [item for k in (1, 2) for item in session.process(frame_of(k))]
    assert [(item.frame.stamp_ns, item.result.session_id) for item in ready] == [(TODAY, 2)]


def test_faults_come_out_and_the_session_goes_on() -> None:
    session = TrackingSession(BrokenMethod())
    assert len(session.process(frame_of(0, WALKER))) == 1
    with pytest.raises(RuntimeError, match='it is dark'):
        session.process(frame_of(1))
    assert (session.session_id, session.resets, session.dropped_results) == (2, 1, 1)
    (item,) = session.process(frame_of(2, WALKER))
    assert item.result.session_id == 2
    assert item.frame.stamp_ns == TODAY + 2 * PERIOD_NS


def test_wrong_results_do_not_get_out() -> None:
    session = TrackingSession(BrokenMethod())
    white = frame_of(0, (0.0, 0.0, 96, 48, (255, 255, 255)))
    with pytest.raises(ValueError, match='result for stamp'):
        session.process(white)
    assert session.session_id == 2
    assert len(session.process(frame_of(1, WALKER))) == 1


@pytest.mark.parametrize('name', ['iou', 'deepsort'])
def test_saved_and_loaded_is_uninterrupted(name: str, tmp_path: Path) -> None:
    frames = street(40)
    whole = run(Case(name).build(), frames)
    session = TrackingSession(Case(name).build(), session_id=5)
    results_of(session, frames[:20])
    session.save(tmp_path / 'memory', is_final=True)
    other = TrackingSession(Case(name).build())
    other.load(tmp_path / 'memory')
    assert other.session_id == 5
    rest = results_of(other, frames[20:])
    assert [without_times(result) for result in rest] == whole[20:]
    assert {result.session_id for result in rest} == {5}


def test_after_a_crash_no_id_is_given_twice(tmp_path: Path) -> None:
    """The file is older than the last id that was given."""
    case, seen = Case('iou'), set()
    session = TrackingSession(case.build())
    for k in range(40):
        far = (5.0 + 20 * (k % 4), 10.0, 9, 13, (250, 9, 0))
        for item in session.process(frame_of(k, far)):
            seen |= {track.track_id for track in item.result.tracks}
        if k == 3:
            session.save(tmp_path / 'memory')
            kept = {track.track_id for track in item.result.tracks}
    again = TrackingSession(case.build())
    again.load(tmp_path / 'memory')
    ids = set()
    for k in range(4, 20):
        far = (5.0 + 20 * (k % 4), 30.0, 9, 13, (250, 9, 0))
        for item in again.process(frame_of(k, far)):
            ids |= {track.track_id for track in item.result.tracks}
    assert len(ids - kept) > 2
    assert not (ids - kept) & seen


def test_a_file_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    frames = street(30)
    session = TrackingSession(Case('iou').build())
    results_of(session, frames[:20])
    other = TrackingSession(Case('deepsort').build())
    other.save(tmp_path / 'other')
    save_snapshot(tmp_path / 'none', Snapshot({}, {}))
    good = tmp_path / 'good'
    session.save(good)
    (tmp_path / 'short').write_bytes(good.read_bytes()[:100])
    for name in ('other', 'none', 'short'):
        with pytest.raises(ValueError):
            session.load(tmp_path / name)
    snapshot = load_snapshot(good)
    for key, value in (('session_id', 0), ('session_id', 'x'), ('stamp_ns', 'late')):
        changed = Snapshot(snapshot.tensors, {**snapshot.meta, key: value})
        save_snapshot(tmp_path / 'changed', changed)
        with pytest.raises(ValueError, match=key):
            session.load(tmp_path / 'changed')
    with pytest.raises(OSError):
        session.load(tmp_path / 'missing')
    rest = results_of(session, frames[20:])
    whole = run(Case('iou').build(), frames)
    assert [without_times(result) for result in rest] == whole[20:]
    assert session.session_id == 1


def test_a_new_session_is_new_after_loading_too(tmp_path: Path) -> None:
    """Session ids only grow, also where an old file brings an old one back."""
    session = TrackingSession(Case('iou').build())
    session.process(frame_of(5, WALKER))
    session.save(tmp_path / 'memory')
    for _ in range(3):
        session.reset()
    session.load(tmp_path / 'memory')
    assert session.session_id == 1
    session.process(frame_of(2))  # before the stamp of the file
    assert session.session_id == 5
