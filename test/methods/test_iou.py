# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Association by overlap alone: what it matches, and what it cannot tell."""

import pytest
from coloured_world import Case, ColourDetector, frame_of, run

from vis_ros.detectors import DETECTORS
from vis_ros.structures import FrameResult

RED, GREEN = (250, 9, 0), (200, 99, 9)


@pytest.fixture(autouse=True)
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)


def ids(result: FrameResult) -> list[int]:
    return [track.track_id for track in result.tracks]


def test_no_frames_no_detections() -> None:
    method = Case('iou').build()
    assert run(method, []) == []
    assert run(method, [frame_of(0)])[0].tracks == ()


@pytest.mark.parametrize('overlap', ['box', 'mask'])
@pytest.mark.parametrize(('step', 'expected'), [(4, [1]), (6, [2])])
def test_the_least_overlap(overlap: str, step: int, expected: list[int]) -> None:
    """A box of 10 that moves by 4 overlaps 6/14 = 0.43, by 6 only 4/16 = 0.25."""
    frames = [frame_of(k, (10.0 + k * step, 10.0, 10, 10, RED)) for k in range(2)]
    method = Case('iou', (('overlap', overlap),)).build(min_overlap=0.3)
    assert ids(run(method, frames)[1]) == expected


def test_touching_boxes_are_no_match_even_without_a_limit() -> None:
    frames = [frame_of(k, (10.0 + 10 * k, 10.0, 10, 10, RED)) for k in range(2)]
    assert ids(run(Case('iou').build(min_overlap=0.0), frames)[1]) == [2]


def test_masks_tell_apart_what_boxes_do_not() -> None:
    """An L and a square in its corner swap nothing while they slide."""
    frames = [
        frame_of(
            k,
            (10.0 + k, 10.0, 30, 4, RED),
            (10.0 + k, 10.0, 4, 30, RED),
            (16.0 + k, 16.0, 24, 24, GREEN),
        )
        for k in range(5)
    ]
    results = run(Case('iou', (('overlap', 'mask'),)).build(min_overlap=0.5), frames)
    assert [ids(result) for result in results] == [[1, 2]] * 5
    first = {track.track_id: track.mask.area_px for track in results[0].tracks}
    for result in results:
        assert {track.track_id: track.mask.area_px for track in result.tracks} == first


def test_greedy_and_optimal() -> None:
    """Two boxes move right by 5: the left one now overlaps both old ones, its own less."""
    frames = [
        frame_of(0, (10.0, 9.0, 10, 10, RED), (17.0, 30.0, 1, 1, GREEN)),
        frame_of(1, (14.0, 9.0, 10, 10, RED)),
    ]
    for assignment in ('greedy', 'optimal'):
        results = run(Case('iou').build(assignment=assignment), frames)
        assert results[1].tracks[0].track_id == 1


def test_look_alikes_and_strangers_are_the_same_to_it() -> None:
    """Two that swap places within one frame keep the ids of the places."""
    left, right = (10.0, 10.0, 10, 10), (40.0, 10.0, 10, 10)
    frames = [frame_of(k, (*left, RED), (*right, GREEN)) for k in range(4)]
    frames += [frame_of(4, (*left, GREEN), (*right, RED))]
    results = run(Case('iou').build(), frames)
    before = {track.track_id: track.box for track in results[3].tracks}
    assert {track.track_id: track.box for track in results[4].tracks} == before


def test_other_classes_may_match_if_wanted() -> None:
    blue = (250, 9, 200)
    frames = [frame_of(k, (10.0, 10.0, 10, 10, RED if k == 0 else blue)) for k in range(2)]
    assert ids(run(Case('iou').build(), frames)[1]) == [2]
    assert ids(run(Case('iou').build(same_class=False), frames)[1]) == [1]
