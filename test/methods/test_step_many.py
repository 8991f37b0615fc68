# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of several cameras in one batch are what they are in separate runs; for every method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lively_iai
import lively_weights
import numpy as np
import pytest
import torch
from coloured_world import Case, ColourDetector, run, street
from test_contract import ASSOCIATIONS, CASES, squares

from vis_ros.detectors import DETECTORS
from vis_ros.methods import METHODS, Method
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.rle import to_dense
from vis_ros.structures import Frame, FrameResult, Track
from vis_ros.structures.batch import BatchError
from vis_ros.structures.options import build_config

TOLERANCE = 1e-4  # of scores: a batch sums in another order
TIES = 1e-3  # share of pixels that may have another owner, where two scores are as good as equal


def together(method: Method, videos: list[list[Frame]]) -> list[list[FrameResult]]:
    """Return the results of cameras whose frames come together until a camera has no more."""
    states = [method.init_state() for _ in videos]
    got: list[list[FrameResult]] = [[] for _ in videos]
    for index in range(max(map(len, videos))):
        here = [n for n, video in enumerate(videos) if index < len(video)]
        frames = [videos[n][index] for n in here]
        stepped = method.step_many([states[n] for n in here], frames)
        for n, done in zip(here, stepped, strict=True):
            assert not isinstance(done, Exception), done
            states[n], results = done
            got[n] += results
    for n, state in enumerate(states):
        got[n] += method.flush(state)[1]
    return got


def check_equal(got: list[FrameResult], expected: list[FrameResult]) -> None:
    """Check that all but scores are equal, and scores to the tolerance."""
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert [plain(t) for t in mine.tracks] == [plain(t) for t in theirs.tracks]
        assert replace(mine, tracks=()) == replace(theirs, tracks=())
        for a, b in zip(mine.tracks, theirs.tracks, strict=True):
            assert a.score == pytest.approx(b.score, abs=TOLERANCE)
            scores = dict(a.class_scores), dict(b.class_scores)
            assert scores[0] == pytest.approx(scores[1], abs=TOLERANCE)


def check_alike(got: list[FrameResult], expected: list[FrameResult]) -> None:
    """Check the same, but for single pixels of masks, and so of boxes."""
    odd, total = 0, 0
    for mine, theirs in zip(got, expected, strict=True):
        size = (mine.height, mine.width)
        for a, b in zip(mine.tracks, theirs.tracks, strict=True):
            odd += (to_dense(a.mask, *size) != to_dense(b.mask, *size)).sum()
            total += b.mask.area_px
            assert a.score == pytest.approx(b.score, abs=TOLERANCE)
            assert a.velocity_px_s == pytest.approx(b.velocity_px_s, abs=20)
        assert [books(t) for t in mine.tracks] == [books(t) for t in theirs.tracks]
    assert odd <= max(2, TIES * total)


def tracks_of_three(method: Method, *videos: list[Frame]) -> int:
    """Check two cameras, and a smaller one that ends early; return how many tracks there are."""
    small = [replace(f, image=f.image[:46, :92].copy()) for f in videos[0][:6]]
    got = together(method, [*videos, small])
    for mine, video in zip(got, [*videos, small], strict=True):
        check_alike(mine, run(method, video))
    return sum(len({t.track_id for r in mine for t in r.tracks}) for mine in got)


def books(track: Track) -> tuple[object, ...]:
    stamps = track.first_seen_ns, track.last_seen_ns
    return track.track_id, track.slot, track.state, track.class_id, stamps, track.hits


def plain(track: Track) -> Track:
    return track._replace(score=0.0, class_scores=((track.class_id, 0.0),))


def mirrored(frames: list[Frame], late_ns: int) -> list[Frame]:
    """Return another camera: mirrored, later, under another name, and of fewer frames."""
    return [
        Frame(np.ascontiguousarray(f.image[:, ::-1]), f.stamp_ns + late_ns, 'rear')
        for f in frames[: len(frames) * 3 // 4]
    ]


def lively(name: str, **options: Any) -> Method:
    own = {'layer_norm': True, 'positions': True} if name == 'rgnnvis_pp' else {}
    config = build_config(METHODS[name].Config, options)
    return METHODS[name](config, weights=lively_weights.loaded(own), device='cpu')


def test_no_frames(case_method: Method) -> None:
    assert case_method.step_many([], []) == []


@pytest.fixture(params=CASES, ids=str)
def case_method(request: pytest.FixtureRequest) -> Method:
    """Return a method as it ships, those that need weights with random ones."""
    return request.param.build()


def test_two_cameras_together_are_two_cameras(case_method: Method) -> None:
    needs = METHODS[case_method.name].needs_weights(case_method.config)
    left = squares(5 if needs else 20)  # `motion` sees nothing before it knows the background
    videos = [left, mirrored(left, 5)]
    got = together(case_method, videos)
    for mine, video in zip(got, videos, strict=True):
        check_equal(mine, run(case_method, video))


@pytest.mark.parametrize('case', ASSOCIATIONS, ids=str)
def test_a_crowded_street_seen_by_three(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, 'motion', ColourDetector)
    method = case.build()
    videos = [street(60), street(40, seed=1), street(50, seed=2)]
    for mine, video in zip(together(method, videos), videos, strict=True):
        assert any(result.tracks for result in mine)
        assert mine == run(method, video)  # no network, so to the last bit


@pytest.mark.parametrize('name', ['rgnnvis', 'rgnnvis_pp'])
def test_rgnnvis_when_things_happen(name: str) -> None:
    method = lively(name)
    assert method.takes_batches
    video = lively_weights.frames(18)
    assert tracks_of_three(method, video[:10], video[8:]) >= 2


@pytest.mark.parametrize('detector', ['yolact', 'maskrcnn'])
def test_associations_batch_if_their_detector_does(detector: str) -> None:
    method_class = METHODS['iou']
    config = build_config(method_class.Config, {'detector': detector})
    weights = LoadedWeights({}, 'random', is_random=True)
    assert method_class(config, weights=weights, device='cpu').takes_batches
    assert not Case('iou').build().takes_batches  # motion: a background for each camera


@pytest.mark.parametrize('detector', ['condinst', 'maskrcnn'])
def test_identities_when_things_happen(detector: str) -> None:
    config = build_config(METHODS['iai'].Config, {})
    weights = lively_iai.loaded({'detector': detector})
    method = METHODS['iai'](config, weights=weights, device='cpu')
    video = lively_weights.frames(10)
    assert tracks_of_three(method, video[:8], video[2:]) > 20


def test_one_frame_that_fails_is_its_cameras_affair() -> None:
    """The association of one stream raises; the others' results are there."""
    method = lively('rgnnvis')
    video = lively_weights.frames(4)
    states = [method.init_state() for _ in range(3)]
    states[1].memory = None
    stepped = method.step_many(states, [video[0]] * 3)
    assert isinstance(stepped[1], AttributeError)
    expected = method.step(method.init_state(), video[0])[1]
    for done in (stepped[0], stepped[2]):
        assert not isinstance(done, Exception)
        check_equal(done[1], expected)


def test_a_loop_gives_the_exception_of_each() -> None:
    method = Case('iou').build()
    frames = squares(2)
    good, bad = method.init_state(), method.init_state()
    bad.memory = None
    stepped = method.step_many([bad, good], [frames[0], frames[0]])
    assert isinstance(stepped[0], AttributeError)
    assert not isinstance(stepped[1], Exception)


def test_a_network_that_cannot_take_the_batch_leaves_the_states_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method = lively('rgnnvis')
    video = lively_weights.frames(6)
    states = [method.init_state(), method.init_state()]
    for frame in video[:3]:
        states = [done[0] for done in method.step_many(states, [frame, frame])]
    detect = method._model.detect

    def short_of_memory(image: torch.Tensor, *rest: Any) -> Any:
        if len(image) > 1:
            raise torch.cuda.OutOfMemoryError('no more')
        return detect(image, *rest)

    monkeypatch.setattr(method._model, 'detect', short_of_memory)
    with pytest.raises(BatchError, match='a batch of 2 could not be taken') as caught:
        method.step_many(states, [video[3], video[3]])
    assert isinstance(caught.value.__cause__, torch.cuda.OutOfMemoryError)
    expected = run(method, video[:4])[3]
    for state in states:
        check_equal(method.step(state, video[3])[1], [expected])


def test_states_and_frames_must_be_as_many() -> None:
    for method in (Case('iou').build(), lively('rgnnvis')):
        with pytest.raises(ValueError, match='zip'):
            method.step_many([method.init_state()], squares(2))
