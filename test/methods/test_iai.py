# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IAI as a method: identities, memory, files; with weights that make things happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import run, steps
from lively_iai import CLASSES, loaded
from lively_weights import HEIGHT, WIDTH, frames, write
from stream_laws import by_id, check_every_part_is_needed, check_interruption, check_min_score
from test_contract import check_results

import vis_ros
from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods import METHODS, Method
from vis_ros.nn.condinst import prepare
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.nms import nms_in_steps
from vis_ros.structures import Frame, TrackState
from vis_ros.structures.options import build_config


def build(model: dict[str, Any] | None = None, **options: Any) -> Method:
    cls = METHODS['iai']
    return cls(build_config(cls.Config, options), weights=loaded(model), device='cpu')


@pytest.fixture(params=['condinst', 'maskrcnn'])
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the options of the network for each detector."""
    return {'detector': request.param}


def test_a_lively_stream_obeys_the_laws(form: dict[str, Any]) -> None:
    video, method = frames(20), build(form)
    results = run(method, video)
    check_results(results, video)
    seen = by_id(results)
    assert len(seen) > 19 and max(seen.values()) >= 8
    states = {track.state for result in results for track in result.tracks}
    assert states == {TrackState.ACTIVE, TrackState.LOST}
    for result in results:  # every pixel has one owner
        assert sum(track.mask.area_px for track in result.tracks) <= HEIGHT * WIDTH
    assert run(method, video[:7]) == results[:7]


def test_fixed_sizes_give_the_same(form: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    video = frames(8)
    compact = run(build(form), video)
    assert len(by_id(compact)) > 8
    monkeypatch.setattr('vis_ros.nn.iai.selection.greedy_nms', nms_in_steps)
    monkeypatch.setattr('vis_ros.nn.iai.regions.greedy_nms', nms_in_steps)
    for place in ('vis_ros.nn.condinst.masks', 'vis_ros.nn.iai.model'):  # what a GPU does
        monkeypatch.setattr(f'{place}.rows_to_do', lambda is_real: torch.arange(len(is_real)))
    assert run(build(form), video) == compact


@pytest.mark.parametrize('cut', [1, 6])
def test_interrupted_is_uninterrupted(tmp_path: Path, form: dict[str, Any], cut: int) -> None:
    video = frames(10)
    whole = run(build(form), video)
    check_interruption(lambda: build(form), video, whole, cut, tmp_path)


def test_frames_of_another_size_go_on(form: dict[str, Any]) -> None:
    method = build(form)
    state = method.init_state()
    for frame in frames(3):
        state, _ = method.step(state, frame)
    turned = Frame(frame.image.swapaxes(0, 1).copy(), frame.stamp_ns)
    state, (result,) = method.step(state, turned)
    assert (result.height, result.width) == (WIDTH, HEIGHT)
    assert any(track.is_observed for track in result.tracks)


def test_a_full_memory_evicts_and_never_reuses_ids(form: dict[str, Any]) -> None:
    method, video = build(form, **{'memory.capacity': 4}), frames(10)
    results, use = [], {}
    for state, result in steps(method, video):
        assert len(result.tracks) <= 4
        results.append(result)
        use = method.memory_use(state)
    check_results(results, video)
    assert use['refused'] > 0 and use['ids_given'] > 4
    assert use['stored_frames'] <= use['stored_frames_limit'] == 16


def test_a_full_memory_may_discard_newcomers() -> None:
    method = build(when_full='discard', **{'memory.capacity': 4})
    state, results = method.init_state(), []
    for frame in frames(8):
        state, (result,) = method.step(state, frame)
        results.append(result)
    assert set(by_id(results)) <= {1, 2, 3, 4}
    assert method.memory_use(state)['ids_given'] == 4


def test_channels_are_clean_when_they_are_used_again() -> None:
    method = build(**{'memory.capacity': 3})
    state = method.init_state()
    owner: dict[int, int] = {}
    for frame in frames(8):
        before = state.network
        state, _ = method.step(state, frame)
        slots = state.memory['track_id'].tolist()
        for slot, track_id in enumerate(slots):
            if before is not None and track_id and owner.get(slot, track_id) != track_id:
                shown = state.network.shown[0, :, slot]
                assert shown.sum() <= 1  # this frame at most
            owner[slot] = track_id or owner.get(slot, 0)
    assert max(owner.values()) > 3


def test_tracks_age(monkeypatch: pytest.MonkeyPatch) -> None:
    method = build(**{'memory.lost_timeout_s': 0.35})
    video = frames(10)
    state = method.init_state()
    for frame in video[:3]:
        state, (result,) = method.step(state, frame)
    assert result.tracks
    monkeypatch.setattr(method, 'config', build(**{'detections.min_class_score': 1.0}).config)
    lost = []
    for frame in video[3:]:
        state, (result,) = method.step(state, frame)
        lost.append(len(result.tracks))
        assert not any(track.is_observed for track in result.tracks)
    assert lost[0] > 0 and lost[-2:] == [0] * 2
    assert not state.memory.occupied.any()


@pytest.mark.parametrize('kind', ['life', 'video', 'seen'])
def test_scores_are_running_means(kind: str) -> None:
    method = build(score=kind)
    state = method.init_state()
    for count, frame in enumerate(frames(6), start=1):
        state, (result,) = method.step(state, frame)
        sums = state.memory['iai_class_sums'].amax(1)
        for track in result.tracks:
            if track.is_observed:
                lived = int(state.memory['iai_frames'][track.slot])
                frames_of = count if kind == 'video' else lived
                assert lived >= track.hits if kind != 'seen' else lived <= count
                assert track.score == pytest.approx(float(sums[track.slot]) / frames_of, rel=1e-4)
                best = max(share for _, share in track.class_scores)
                assert best == pytest.approx(track.score, rel=1e-4)


def test_the_weak_begin_no_track_and_go_on_with_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    video, strict = frames(8), build(**{'detections.min_birth_score': 1.0})
    assert not any(result.tracks for result in run(strict, video))
    method = build()
    state = method.init_state()
    for frame in video[:3]:
        state, (result,) = method.step(state, frame)
    known = {track.track_id for track in result.tracks}
    monkeypatch.setattr(method, 'config', strict.config)
    later = []
    for frame in video[3:]:
        state, (result,) = method.step(state, frame)
        later += [track for track in result.tracks if track.is_observed]
    assert later and {track.track_id for track in later} <= known


def test_tracks_below_the_score_are_not_shown() -> None:
    video = frames(6)
    check_results(check_min_score(build, video), video)


@pytest.mark.parametrize(
    'model',
    [
        {'identification': False},
        {'association': False},
        {'detector': 'maskrcnn', 'identification': False},
        {'detector': 'maskrcnn', 'association': False},
    ],
    ids=str,
)
def test_parts_may_be_missing(model: dict[str, Any], tmp_path: Path) -> None:
    video, method = frames(5), build(model)
    results = run(method, video)
    check_results(results, video)
    assert by_id(results)
    if not method.config.model.identification:
        first = [track.slot for track in results[0].tracks]
        assert first == list(range(len(first)))
    state = method.init_state()
    for frame in video[:3]:
        state, _ = method.step(state, frame)
    save_snapshot(tmp_path / 'memory', method.save(state))
    state = method.restore(load_snapshot(tmp_path / 'memory'))
    assert method.step(state, video[3])[1] == results[3:4]


def test_an_endless_stream_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that the network saw once, in any order: tracks come and go, sizes stay."""
    method = build({'stored_frames': 3}, **{'memory.capacity': 5, 'memory.lost_timeout_s': 0.5})
    model, video = method._model, frames(8)
    pool = [
        model.perceive(prepare(frame.image, model.image.config, 'cpu'), None) for frame in video
    ]
    order = np.random.default_rng(0).integers(0, 8, 100)
    state, size, known, use = method.init_state(), None, 0, {}
    for index, pick in enumerate(order):
        monkeypatch.setattr(model, 'look', lambda image, precision: image)
        monkeypatch.setattr(model, 'understand', lambda *args, pick=pick: pool[pick])
        frame = Frame(video[pick].image, 10**9 + index * 10**8, 'camera')
        state, (result,) = method.step(state, frame)
        ids = {track.track_id for track in result.tracks}
        assert len(ids) == len(result.tracks) <= 5
        known = max(known, *ids)
        if index % 50 == 49:
            tensors = method.save(state).tensors
            now = {name: (value.shape, value.dtype) for name, value in tensors.items()}
            assert size in (None, now)
            size = now
            for value in tensors.values():
                assert not value.is_floating_point() or value.isfinite().all()
            use = method.memory_use(state)
    assert use['ids_given'] == known > 100
    assert use['stored_frames'] == 3


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_other_precisions_run(precision: str) -> None:
    video = frames(2)
    check_results(run(build(precision=precision), video), video)


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / 'm.safetensors', loaded({'detector': 'maskrcnn'}, classes=[]))
    method = vis_ros.build_method('iai', weights=str(path))
    assert method.config.model.detector == 'maskrcnn'
    assert method.classes == ('class 1', 'class 2', 'class 3')
    path = write(tmp_path / 'w.safetensors', loaded({'id_layers': 3, 'ids': 30}))
    method = vis_ros.build_method('iai', weights=str(path))
    assert method.classes == CLASSES
    assert (method.config.model.id_layers, method.config.model.ids) == (3, 30)
    assert method.config.network == 'small'
    mine = {'model.ranking': 'average', 'classes': ('a', 'b', 'c')}
    method = vis_ros.build_method('iai', weights=str(path), **mine)
    assert method.config.model.ranking == 'average'
    assert method.classes == ('a', 'b', 'c')


def test_weights_that_do_not_fit_are_refused() -> None:
    cls, whole = METHODS['iai'], loaded()
    with pytest.raises(ValueError, match=r'weights\.md'):
        cls(cls.Config(), weights=None, device='cpu')
    rest = {n: v for n, v in whole.tensors.items() if not n.startswith('identities.')}
    with pytest.raises(ValueError, match=r'5 missing: identities\.out\.bias'):
        cls(cls.Config(), weights=LoadedWeights(rest, 'x', whole.meta), device='cpu')
    with pytest.raises(ValueError, match='of another shape'):
        cls(build_config(cls.Config, {'classes': ('a',)}), weights=whole, device='cpu')
    with pytest.raises(ValueError, match='no such option'):
        cls(cls.Config(), weights=loaded(config={'netwrk': 'small'}), device='cpu')
    with pytest.raises(ValueError, match=r'memory\.capacity: expected 19 at most, .*, got 20'):
        cls(build_config(cls.Config, {'memory.capacity': 20}), weights=whole, device='cpu')


def test_random_weights_are_the_same_each_time() -> None:
    methods = [vis_ros.build_method('iai', weights='random') for _ in range(2)]
    states = [method._model.state_dict() for method in methods]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert methods[0].classes == ('object',)


def test_memories_of_others_are_refused() -> None:
    method = build()
    state = method.init_state()
    for frame in frames(2):
        state, _ = method.step(state, frame)
    snapshot = method.save(state)
    with pytest.raises(ValueError, match=r"model\.detector was 'condinst', is 'maskrcnn'"):
        build({'detector': 'maskrcnn'}).restore(snapshot)
    with pytest.raises(ValueError, match=r'memory\.capacity was 19, is 5'):
        build(**{'memory.capacity': 5}).restore(snapshot)
    with pytest.raises(ValueError, match='memory of another classes'):
        method.restore(Snapshot(snapshot.tensors, {**snapshot.meta, 'classes': ['a']}))
    check_every_part_is_needed(method, snapshot)
    bare = {key: v for key, v in snapshot.tensors.items() if not key.startswith('network.')}
    with pytest.raises(ValueError, match='after 2 frames'):
        method.restore(Snapshot(bare, snapshot.meta))
    with pytest.raises(ValueError, match='what'):
        extra = {**snapshot.tensors, 'what.ever': torch.zeros(1)}
        method.restore(Snapshot(extra, snapshot.meta))


def test_ids_can_be_skipped() -> None:
    method = build()
    state = method.init_state()
    method.skip_ids(state, 100)
    state, (result,) = method.step(state, frames(1)[0])
    assert result.tracks and min(track.track_id for track in result.tracks) > 100
