# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several sessions in one batch: nobody pays for another's fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from coloured_world import PERIOD_NS, TODAY, Case, ColourDetector, street, without_times

from vis_ros.detectors import DETECTORS
from vis_ros.methods import Method
from vis_ros.pipeline.session import Processed, TrackingSession, process_many
from vis_ros.structures import Frame
from vis_ros.structures.batch import BatchError


@pytest.fixture
def method(monkeypatch: pytest.MonkeyPatch) -> Method:
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    return Case('iou').build()


def sessions(method: Method, count: int) -> list[TrackingSession]:
    return [TrackingSession(method, session_id=10 * n + 1) for n in range(count)]


def shown(outcome: list[Processed] | Exception) -> list[Any]:
    assert not isinstance(outcome, Exception), outcome
    return [without_times(done.result) for done in outcome]


def alone(method: Method, frames: Sequence[Frame]) -> list[Any]:
    session = TrackingSession(method)
    return [without_times(done.result) for f in frames for done in session.process(f)]


def test_no_frames() -> None:
    assert process_many([]) == []


def test_one_camera_is_processed_as_ever(method: Method) -> None:
    (session,) = sessions(method, 1)
    got = [one for f in street(20) for one in shown(process_many([(session, f)])[0])]
    assert got == alone(method, street(20))


def test_two_cameras_are_two_sessions(method: Method) -> None:
    videos = [street(30), street(30, seed=4)]
    both = sessions(method, 2)
    got: list[list[Any]] = [[], []]
    for frames in zip(*videos, strict=True):
        outcomes = process_many(list(zip(both, frames, strict=True)))
        for n, outcome in enumerate(outcomes):
            got[n] += shown(outcome)
            assert [done.result.session_id for done in outcome] == [10 * n + 1]
            assert [done.frame for done in outcome] == [frames[n]]
            assert outcome[0].result.stages_ms['method'] > 0
    assert got == [alone(method, video) for video in videos]


def test_a_stamp_that_runs_backwards_restarts_one_camera(method: Method) -> None:
    both, frames = sessions(method, 2), street(6)
    for frame in frames[:5]:
        process_many([(session, frame) for session in both])
    outcomes = process_many([(both[0], frames[5]), (both[1], frames[0])])
    assert shown(outcomes[1]) == alone(method, frames[:1])
    assert shown(outcomes[0]) == alone(method, frames)[5:]
    assert [s.session_id for s in both] == [1, 12]


def test_a_frame_that_fails_restarts_its_camera_alone(method: Method) -> None:
    three, frames = sessions(method, 3), street(4)
    process_many([(session, frames[0]) for session in three])
    three[1]._state.memory = None
    outcomes = process_many([(session, frames[1]) for session in three])
    assert isinstance(outcomes[1], AttributeError)
    assert [s.session_id for s in three] == [1, 12, 21]
    assert [s.resets for s in three] == [0, 1, 0]
    for n in (0, 2):
        assert shown(outcomes[n]) == alone(method, frames[:2])[1:]
    outcomes = process_many([(session, frames[2]) for session in three])
    assert shown(outcomes[1]) == alone(method, frames[2:3])


def test_a_result_that_is_none_restarts_its_camera_alone(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, frame = sessions(method, 2), street(1)[0]
    stepped = method.step_many([method.init_state(), method.init_state()], [frame, frame])
    monkeypatch.setattr(method, 'step_many', lambda *_: [(stepped[0][0], [None]), stepped[1]])
    outcomes = process_many([(session, frame) for session in both])
    assert isinstance(outcomes[0], Exception)
    assert shown(outcomes[1]) == alone(method, [frame])


def test_what_cannot_be_taken_together_is_taken_one_by_one(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, frames = sessions(method, 2), street(3)

    def refuse(states: Any, frames: Any) -> Any:
        raise BatchError('too big') from MemoryError()

    process_many([(session, frames[0]) for session in both])
    with monkeypatch.context() as patch:
        patch.setattr(method, 'step_many', refuse)
        outcomes = process_many([(session, frames[1]) for session in both])
    for outcome in outcomes:
        assert shown(outcome) == alone(method, frames[:2])[1:]
    assert [s.split_batches for s in both] == [1, 1]
    assert [s.resets for s in both] == [0, 0]
    process_many([(session, frames[2]) for session in both])
    assert [s.split_batches for s in both] == [1, 1]


@pytest.mark.parametrize('wrong', [RuntimeError('bug'), [], [None, None]])
def test_a_method_that_breaks_the_rules_of_a_batch(
    method: Method, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    both, frames = sessions(method, 2), street(2)

    def answer(states: Any, frames: Any) -> Any:
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    with monkeypatch.context() as patch:
        patch.setattr(method, 'step_many', answer)
        outcomes = process_many([(session, frames[0]) for session in both])
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert [s.resets for s in both] == [1, 1]
    later = Frame(frames[1].image, TODAY + 9 * PERIOD_NS, 'camera')
    for outcome in process_many([(session, later) for session in both]):
        assert shown(outcome) == alone(method, [later])
