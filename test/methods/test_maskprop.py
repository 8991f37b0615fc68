# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp as a method: a stream is its video, lag, identities, memory, snapshots."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import PERIOD_NS, TODAY, frame_of, run, street
from lively_maskprop import CLASSES, build, seeing, tiny
from lively_weights import HEIGHT, WIDTH, frames
from stream_laws import check_every_part_is_needed, check_interruption
from test_contract import check_results

import vis_ros
from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods import METHODS, Method, _learned
from vis_ros.nn import maskrcnn_fixed
from vis_ros.nn.maskprop.config import DetectionOptions
from vis_ros.nn.maskprop.detector import Features, Instances, VideoMaskRcnn
from vis_ros.nn.maskprop.overlap import soft_iou
from vis_ros.nn.maskprop.perception import look_at, picture_of, understand
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.nms import nms_in_steps
from vis_ros.ops.rle import from_crop
from vis_ros.pipeline.session import TrackingSession
from vis_ros.structures import Frame, FrameResult, Rle, TrackState

__all__ = ['tiny']
FOREVER = {'memory.lost_timeout_s': 3600.0, 'memory.tentative_timeout_s': 3600.0}
WALKER = (40.0, 10.0, 9, 13, (250, 9, 0))
pytestmark = pytest.mark.usefixtures('tiny')


def observed(results: list[FrameResult]) -> list[dict[int, Rle]]:
    return [{t.track_id: t.mask for t in r.tracks if t.is_observed} for r in results]


@torch.inference_mode()
def offline(method: Method, video: list[Frame]) -> list[dict[int, Rle]]:
    """Return the masks of each frame by identity: the paper's sections 4.2 and 4.3 on a video."""
    config, model = method.config, method._model
    pictures = [picture_of(frame.image, model.sizes, method.device) for frame in video]
    looks = look_at(model, pictures, method.device)
    seen = [understand(model, look, None, config.detections) for look in looks]
    views = [each.view for each in seen]
    clips: list[dict[int, torch.Tensor]] = []  # by frame, (N, h, w)
    for t, each in enumerate(seen):
        span = range(max(0, t - config.past), min(len(video), t + config.lookahead + 1))
        clip = {k: model.propagation(views[t], views[k][None], each.regions)[:, 0] for k in span}
        clip[t] = each.regions
        clips.append(clip)
    owners: list[list[int]] = []
    count, result = 0, []
    for t, each in enumerate(seen):
        scores = [
            fits(clips, owners, t, i, count, config.past + config.lookahead)
            for i in range(len(each.regions))
        ]
        mine = [-1] * len(scores)
        pairs = sorted(
            ((q, i, y) for i, row in enumerate(scores) for y, q in enumerate(row)), reverse=True
        )
        for q, i, y in pairs:
            if q > config.match_threshold and mine[i] < 0 and y not in mine:
                mine[i] = y
        for i in range(len(scores)):
            if mine[i] < 0:
                mine[i], count = count, count + 1
        owners.append(mine)
        result.append({y: from_crop(each.masks[i]) for i, y in enumerate(mine)})
    return result


def fits(
    clips: list[dict[int, torch.Tensor]],
    owners: list[list[int]],
    t: int,
    i: int,
    count: int,
    reach: int,
) -> list[float]:
    """Return equation 5 for track i of frame t, with equation 4, in plain loops."""
    values: list[list[float]] = [[] for _ in range(count)]
    for before in range(max(0, t - reach), t):
        both = [k for k in clips[t] if k in clips[before]]
        for j, owner in enumerate(owners[before]):
            mine = torch.stack([clips[t][k][i] for k in both])
            theirs = torch.stack([clips[before][k][j] for k in both])
            values[owner].append(float(soft_iou(mine, theirs).sum()) / len(both))
    return [sum(each) / len(each) if each else 0.0 for each in values]


@pytest.mark.parametrize(('past', 'lookahead'), [(6, 6), (6, 0), (2, 3)])
def test_a_stream_is_its_video(past: int, lookahead: int) -> None:
    options = {'match_threshold': 0.05, 'detections.limit': 3, **FOREVER}
    method = build(past=past, lookahead=lookahead, **options)
    assert method.lag == lookahead
    video = frames(14)
    whole, stream = offline(method, video), observed(run(method, video))
    names: dict[int, int] = {}
    for expected, got in zip(whole, stream, strict=True):
        expected = {y: rle for y, rle in expected.items() if rle.area_px}
        assert len(got) == len(expected)
        for y, rle in expected.items():
            (track_id,) = [name for name, other in got.items() if other == rle]
            assert names.setdefault(y, track_id) == track_id
    assert len(set(names.values())) == len(names)
    lives = Counter(name for got in stream for name in got)
    assert len(lives) >= 3 and max(lives.values()) >= 4


@pytest.mark.parametrize('options', [{}, {'model.refinement.enabled': True}], ids=str)
def test_instances_with_empty_places_make_the_same_stream(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU."""
    many = {'detections.limit': 60, 'detections.any_class_overlap': 0.5}
    video, method = frames(8), build(past=2, lookahead=1, match_threshold=0.1, **many, **options)
    expected = observed(run(method, video))
    assert len({len(masks) for masks in expected}) > 1
    assert max(len(masks) for masks in expected) < 60

    def places(
        self: VideoMaskRcnn, features: Features, options: DetectionOptions
    ) -> list[Instances]:
        return [self.detect_fixed(each, options) for each in features.singles()]

    monkeypatch.setattr(VideoMaskRcnn, 'detect', places)
    monkeypatch.setattr(maskrcnn_fixed, 'greedy_nms', nms_in_steps)
    assert observed(run(method, video)) == expected


@pytest.mark.parametrize('lookahead', [0, 2])
def test_a_lively_stream_obeys_the_laws(lookahead: int) -> None:
    video = frames(20)
    method = build(lookahead=lookahead, past=3, match_threshold=0.1)
    results = run(method, video)
    check_results(results, video)
    assert any(result.tracks for result in results)
    for count in (1, 2, 11):  # causal but for the lag
        state, prefix = method.init_state(), []
        for frame in video[:count]:
            state, ready = method.step(state, frame)
            prefix += ready
        assert len(prefix) == max(count - lookahead, 0)
        assert prefix == results[: len(prefix)]


ABLATIONS: dict[str, dict[str, Any]] = {
    'flow': {'model.tracking': 'flow', 'model.flow_updates': 1},
    'flow without weights': {'model.tracking': 'flow', 'model.flow': 'dis'},
    'masktrack': {'model.tracking': 'masktrack'},
    'boxes': {'model.propagation.frame_masks': False},
    'binary': {'model.propagation.region': 'binary'},
    'refined': {'model.refinement.enabled': True},
    'drop': {'duplicates': 'drop', 'score_mean': 'class'},
}


@pytest.mark.parametrize('name', ABLATIONS)
def test_rows_of_the_tables_obey_the_laws(name: str, tmp_path: Path) -> None:
    video = frames(8)
    method = build(past=2, lookahead=1, match_threshold=0.1, **ABLATIONS[name])
    assert method.lag == (0 if name == 'masktrack' else 1)
    results = run(method, video)
    check_results(results, video)
    assert any(result.tracks for result in results)
    check_interruption(lambda: method, video, results, 5, tmp_path)


@pytest.mark.parametrize('cut', [1, 4, 9])
def test_interrupted_is_uninterrupted(cut: int, tmp_path: Path) -> None:
    video = frames(13)
    method = build(past=3, lookahead=2, match_threshold=0.1)
    check_interruption(lambda: method, video, run(method, video), cut, tmp_path)


def test_a_session_goes_on_with_a_saved_memory(tmp_path: Path) -> None:
    video = frames(12)
    method = build(past=3, lookahead=2, match_threshold=0.1)
    session = TrackingSession(method)
    first = [done.result.stamp_ns for frame in video[:6] for done in session.process(frame)]
    session.save(tmp_path / 'memory', is_final=True)
    session = TrackingSession(method)
    session.load(tmp_path / 'memory')
    second = [done.result.stamp_ns for frame in video[6:] for done in session.process(frame)]
    second += [done.result.stamp_ns for done in session.flush()]
    stamps = [frame.stamp_ns for frame in video]
    assert (first, second) == (stamps[:4], stamps[6:])
    assert session.resets == 0


def test_ids_survive_a_long_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    method = seeing(monkeypatch, past=3, lookahead=2, **{'memory.lost_timeout_s': 2.0})
    state = method.init_state()
    for k in range(8):
        state, _ = method.step(state, frame_of(k, WALKER))
    for _again in range(2):  # also when saved again before the first new frame
        save_snapshot(tmp_path / 'memory', method.save(state))
        state = method.restore(load_snapshot(tmp_path / 'memory'))
    later = TODAY + 3_600_000_000_000
    results = []
    for k in range(6):
        state, ready = method.step(state, frame_of(k, WALKER, start_ns=later))
        results += ready
    assert [[t.track_id for t in r.tracks] for r in results] == [[1]] * 4
    assert results[0].tracks[0].hits == 9


def test_crossing_walkers_keep_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    video = street(60)
    results = run(seeing(monkeypatch), video)
    check_results(results, video)
    for result, frame in zip(results, video, strict=True):
        for track in result.tracks:
            if track.is_observed:
                x, y = track.mask.x, track.mask.y
                crop = frame.image[y : y + track.mask.height, x : x + track.mask.width]
                colours = Counter(map(tuple, crop.reshape(-1, 3).tolist()))
                assert any(n >= track.mask.area_px for n in colours.values())


@pytest.mark.parametrize(('hidden', 'ids'), [(0, 1), (1, 1), (2, 1), (8, 2)])
def test_short_occlusions_keep_the_id(
    monkeypatch: pytest.MonkeyPatch, hidden: int, ids: int
) -> None:
    method = seeing(monkeypatch, past=4, lookahead=4)
    video = [frame_of(k, *([] if 10 <= k < 10 + hidden else [WALKER])) for k in range(30)]
    results = run(method, video)
    check_results(results, video)
    assert {t.track_id for r in results for t in r.tracks} == set(range(1, ids + 1))
    if hidden:
        assert [t.state for t in results[10].tracks] == [TrackState.LOST]


@pytest.mark.parametrize(('threshold', 'ids'), [(0.79, 1), (0.81, 4)])
def test_the_threshold_on_hand_made_clips(
    monkeypatch: pytest.MonkeyPatch, threshold: float, ids: int
) -> None:
    """Five frames, in the third of which it is hidden; every clip holds all five.

    So two clips agree in four frames, and in the hidden one neither has a pixel: the matching
    score is 0.8.
    """
    method = seeing(monkeypatch, past=4, lookahead=4, match_threshold=threshold)
    video = [frame_of(k, *([] if k == 2 else [WALKER])) for k in range(5)]
    results = run(method, video)
    assert len({t.track_id for r in results for t in r.tracks if t.is_observed}) == ids


def test_scores_are_means_of_detections(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, blue = (250, 9, 0), (250, 9, 200)  # score 0.988, classes 0 and 1

    def follow_both(self: Any, source: Any, others: Any, regions: Any) -> Any:
        return (others > 0).float()[None] if len(regions) else torch.zeros(0, *others.shape)

    for rule, expected in (('all', (0.988 * 0.75, 0.988 * 0.25)), ('class', (0.988, 0.988))):
        method = seeing(monkeypatch, lookahead=0, score_mean=rule)
        monkeypatch.setattr(type(method._model), 'propagate', follow_both)
        video = [frame_of(k, (40.0, 10.0, 9, 13, blue if k == 2 else plain)) for k in range(4)]
        (track,) = run(method, video)[-1].tracks
        assert dict(track.class_scores) == pytest.approx(dict(enumerate(expected)), abs=1e-3)
        assert track.score == pytest.approx(max(expected), abs=1e-3)
        assert (track.track_id, track.hits) == (1, 4)


def test_weak_tracks_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = (60.0, 10.0, 9, 13, (10, 200, 0))  # score 0.52
    video = [frame_of(k, WALKER, weak) for k in range(4)]
    assert len(run(seeing(monkeypatch), video)[-1].tracks) == 2
    results = run(seeing(monkeypatch, min_score=0.6), video)
    check_results(results, video)
    assert [[t.track_id for t in r.tracks] for r in results] == [[1]] * 4


def test_tracks_age_and_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    method = seeing(monkeypatch, lookahead=1, **{'memory.lost_timeout_s': 0.5})
    video = [frame_of(k, *([WALKER] if k < 5 else [])) for k in range(14)]
    results = run(method, video)
    check_results(results, video)
    assert [len(result.tracks) for result in results] == [1] * 10 + [0] * 4


def test_hundreds_of_frames_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects that jump about: ids are given again and again, the stores stay as they are."""
    options = {'memory.capacity': 6, 'memory.lost_timeout_s': 0.5, 'past': 2, 'lookahead': 2}
    method = seeing(monkeypatch, **options)
    rng = np.random.default_rng(0)
    colours = [(250, 9, 0), (200, 99, 9), (90, 9, 240)]
    pool = [
        frame_of(0, *((*rng.integers(0, (80, 30)).tolist(), 5, 7, c) for c in colours[:n])).image
        for n in rng.integers(0, 4, 97)
    ]
    state, known, size = method.init_state(), set[int](), None
    for index in range(600):
        stamp_ns = TODAY + index * PERIOD_NS
        state, results = method.step(state, Frame(pool[index * 31 % 97], stamp_ns, 'camera'))
        for result in results:
            new = {track.track_id for track in result.tracks} - known
            assert all(track_id > max(known, default=0) for track_id in new)
            known |= new
        if index % 200 == 199:
            assert len(state.window.frames) == 5 and len(state.window.tracks) == 4
            now = {name: (v.shape, v.dtype) for name, v in state.memory.tensors.items()}
            assert size in (None, now)
            size = now
    use = method.memory_use(state)
    assert use['ids_given'] > 100
    assert use['ring_frames'] == use['ring_limit'] == 5


def test_frames_of_another_size_start_other_clips() -> None:
    method = build(past=3, lookahead=1, match_threshold=0.1)
    video = frames(6)
    turned = [
        Frame(f.image.swapaxes(0, 1).copy(), f.stamp_ns + 10**9, 'camera') for f in video[:4]
    ]
    results = run(method, [*video, *turned])
    assert [(r.height, r.width) for r in results] == [(HEIGHT, WIDTH)] * 6 + [(WIDTH, HEIGHT)] * 4


def test_a_clip_needs_two_frames() -> None:
    with pytest.raises(ValueError, match='past: expected 1 or more'):
        build(past=0, lookahead=0)
    assert build(past=0, lookahead=0, **{'model.tracking': 'masktrack'}).lag == 0
    cls = METHODS['maskprop']
    with pytest.raises(ValueError, match=r'weights\.md'):
        cls(cls.Config(), weights=None, device='cpu')
    assert cls.lag == cls.Config().lookahead


def test_weights_say_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_learned, 'for_inference', lambda model, device: model)  # as loaded
    method = build()
    assert method.classes == CLASSES
    state = method._model.state_dict()
    meta = {'config': {'lookahead': 2, 'model.propagation.background': True}}
    cls = METHODS['maskprop']
    method = cls(cls.Config(), weights=LoadedWeights(state, 'x', meta), device='cpu')
    assert method.lag == 2 and method.config.model.propagation.background
    assert method.classes == ('class 1', 'class 2', 'class 3')
    with pytest.raises(ValueError, match='missing'):
        cls(cls.Config(), weights=LoadedWeights({}, 'x'), device='cpu')
    methods = [vis_ros.build_method('maskprop', weights='random') for _ in range(2)]
    states = [each._model.state_dict() for each in methods]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_memories_of_others_are_refused() -> None:
    method = build(past=2, lookahead=1)
    state = method.init_state()
    for frame in frames(4):
        state, _ = method.step(state, frame)
    snapshot = method.save(state)
    method.restore(snapshot)
    with pytest.raises(ValueError, match='lookahead was 1, is 2'):
        build(past=2, lookahead=2).restore(snapshot)
    check_every_part_is_needed(method, snapshot)
    for name in ('what.ever', 'clips.more'):
        extra = {**snapshot.tensors, name: torch.zeros(1)}
        with pytest.raises(ValueError, match='unexpected'):
            method.restore(Snapshot(extra, snapshot.meta))
