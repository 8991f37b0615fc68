# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR as a method: streams and clips, identities, memory, files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import run, steps
from lively_ifr import CLASSES, COLOURS, build, lively, seeing, squares, tiny  # noqa: F401
from lively_weights import PERIOD_NS, frames
from stream_laws import by_id, check_interruption
from test_contract import check_results

from vis_ros.memory.snapshot import Snapshot, load_snapshot, save_snapshot
from vis_ros.methods import _ifr_books as books
from vis_ros.methods.ifr import IfrMethod
from vis_ros.nn.ifr import IfrOptions
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.rle import to_dense
from vis_ros.structures import Frame, FrameResult, TrackState
from vis_ros.structures.options import build_config

pytestmark = pytest.mark.usefixtures('tiny')
CLIP = {'mode': 'clip', 'clip.length': 4, 'clip.stride': 2}
MODES: list[dict[str, Any]] = [
    {},
    {'idle': 'restart', 'model.window': 2},
    CLIP,
    {**CLIP, 'clip.stride': 3, 'clip.short_sides': (48.0, 64.0)},
]


def video(images: list[np.ndarray]) -> list[Frame]:
    return [Frame(image, 10**9 + k * PERIOD_NS, 'camera') for k, image in enumerate(images)]


def ids(result: FrameResult) -> list[int]:
    return [track.track_id for track in result.tracks if track.is_observed]


@pytest.mark.parametrize('options', MODES, ids=str)
def test_a_lively_stream_obeys_the_laws(options: dict[str, Any]) -> None:
    stream = frames(20)
    results = run(build(**options), stream)
    check_results(results, stream)
    seen = by_id(results)
    assert len(seen) >= 3 and max(seen.values()) >= 3


@pytest.mark.parametrize('options', MODES, ids=str)
def test_causality(options: dict[str, Any]) -> None:
    stream, method = frames(10), build(**options)
    whole = run(method, stream)
    for count in (1, 8):
        state, prefix = method.init_state(), []
        for frame in stream[:count]:
            state, results = method.step(state, frame)
            prefix += results
        assert len(prefix) >= count - method.lag
        assert prefix == whole[: len(prefix)]


def test_the_first_clip_is_the_same_in_both_modes() -> None:
    """With the same context a stream says what the clip says, one frame at a time."""
    shared = {
        'model.context': 'causal',
        'model.window': 4,
        'detections.score_threshold': 0.0,
        'detections.birth_score': 0.0,
        'detections.duplicate_overlap': 1.0,
        'memory.lost_timeout_s': 60.0,
    }
    stream = frames(4)
    clip, live = run(build(**shared, **CLIP), stream), run(build(**shared), stream)
    for ours, other in zip(live, clip, strict=True):
        found = [to_dense(track.mask, 48, 96) for track in ours.tracks if track.is_observed]
        expected = [to_dense(track.mask, 48, 96) for track in other.tracks if track.is_observed]
        assert len(found) == len(expected) > 0
        for mask in found:
            assert min(int((mask != twin).sum()) for twin in expected) <= 2
    last = {round(track.score, 4) for track in live[0].tracks}
    assert last and len(clip[0].tracks) == len(live[0].tracks)


def test_nothing_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    method, seen, decoded = build(), [], []
    see, decode = method._model.see, method._model.decode
    monkeypatch.setattr(method._model, 'see', lambda x: (seen.append(len(x)), see(x))[1])

    def spy(features: Any, **options: Any) -> Any:
        decoded.append(options['frames'])
        return decode(features, **options)

    monkeypatch.setattr(method._model, 'decode', spy)
    run(method, frames(7))
    assert seen == decoded == [1] * 7


@pytest.mark.parametrize('options', [{}, CLIP, {**CLIP, 'clip.length': 100}], ids=str)
def test_identities_of_what_is_seen(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    method, stream = seeing(monkeypatch, **options), video(squares(11))
    results = run(method, stream)
    check(results, stream)
    assert [ids(result) for result in results] == [[1, 2]] * 11
    for result, image in zip(results, squares(11), strict=True):
        for track in result.tracks:
            mask = to_dense(track.mask, 64, 96)
            covers = (image[mask].sum(axis=1) > 0).mean()
            assert covers > 0.85 and track.class_id == 0 and track.score > 0.9


def check(results: list[FrameResult], stream: list[Frame]) -> None:
    assert [result.stamp_ns for result in results] == [frame.stamp_ns for frame in stream]
    known = 0
    for result in results:
        for track_id in sorted(track.track_id for track in result.tracks):
            known = max(known, track_id)
        assert len({track.slot for track in result.tracks}) == len(result.tracks)


def test_births_and_deaths_in_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query keeps its id over a gap; after the time-out it starts anew with another one."""
    options = {'memory.lost_timeout_s': 0.55}
    method = seeing(monkeypatch, **options)
    short = run(method, video(squares(14, hidden=range(4, 8))))
    assert [ids(result) for result in short] == [[1, 2]] * 4 + [[2]] * 4 + [[1, 2]] * 6
    assert short[5].tracks[1].state == TrackState.LOST
    state, filled = method.init_state(), []
    for frame in video(squares(14, hidden=range(4, 11))):
        state, (result,) = method.step(state, frame)
        filled.append(bool(state.past.is_filled[0, :, 0].any()))
    assert ids(result) == [2, 3]
    assert filled == [True] * 9 + [False] + [True] * 4


def test_clips_that_share_no_sight_of_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    method = seeing(monkeypatch, **CLIP)
    results = run(method, video(squares(16, hidden=range(4, 10))))
    assert [ids(result) for result in results[:4]] == [[1, 2]] * 4
    assert all(ids(result) == [2] for result in results[4:10])
    assert all(ids(result) == [2, 3] for result in results[10:])


def test_twins_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = ((250, 9, 0), (250, 9, 0), (200, 99, 9), (90, 9, 240))
    monkeypatch.setattr('lively_ifr.COLOURS', twice)
    stream = video(squares(3))
    both = run(seeing(monkeypatch, **{'detections.duplicate_overlap': 1.0}), stream)
    one = run(seeing(monkeypatch), stream)
    assert len(ids(both[0])) == len(ids(one[0])) + 1
    assert [ids(result) for result in one] == [ids(one[0])] * 3


def test_seniority_is_the_order_of_birth() -> None:
    memory: Any = SimpleNamespace(view={'track_id': np.array([5, 2, 9])}.__getitem__)
    assert books.seniority(memory, np.array([2, books.NOBODY, 0, 1])).tolist() == [1, 0, 2, 3]
    assert books.seniority(memory, np.full(3, books.NOBODY)).tolist() == [0, 0, 0]


def test_a_full_memory_evicts_and_never_reuses_ids() -> None:
    method, stream = build(**{'memory.capacity': 2, 'detections.birth_score': 0.5}), frames(20)
    pairs = list(steps(method, stream))
    results = [result for _, result in pairs]
    check_results(results, stream)
    assert all(len(result.tracks) <= 2 for result in results)
    use = method.memory_use(pairs[-1][0])
    assert use['refused'] > 0 and use['queries_in_use'] <= 2


@pytest.mark.parametrize('options', [{}, CLIP], ids=str)
def test_a_long_stream_stays_flat(options: dict[str, Any]) -> None:
    method = build(**options, **{'memory.lost_timeout_s': 0.2})
    state, images, sizes, given = method.init_state(), frames(20), set(), set()
    for index in range(120):
        frame = Frame(images[index * 7 % 20].image, 10**9 + index * PERIOD_NS)
        before = set(state.memory['track_id'].tolist())
        state, _ = method.step(state, frame)
        new = set(state.memory['track_id'].tolist()) - before - {0}
        assert not new & given
        given |= new
        parts = [*state.memory.tensors.values(), *state.past]
        assert all(part.isfinite().all() for part in parts)
        waiting = len(state.clips.frames), state.clips.tracks.masks.shape[1]
        assert max(waiting) <= 4 and len(state.clips.tracks.slots) <= 3 * len(state.owners)
        sizes.add(tuple((part.shape, part.dtype) for part in parts))
    assert len(sizes) == 1 and len(given) > 5


def test_objects_that_come_and_go_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five queries serve as many objects as there are: each visit is a track of its own."""
    method = seeing(monkeypatch, **{'memory.capacity': 6, 'memory.lost_timeout_s': 0.25})
    state, visits, sizes = method.init_state(), 0, set()
    image = np.zeros((24, 32, 3), np.uint8)
    for index in range(480):
        who, phase = index // 8 % len(COLOURS), index % 8
        image[:] = 0
        if phase < 4:  # then it is gone for longer than the time-out
            image[4:16, 4 + phase : 20 + phase] = COLOURS[who]
        state, (result,) = method.step(state, Frame(image, 10**9 + index * PERIOD_NS))
        visits += phase == 0
        assert ids(result) == ([visits] if phase < 4 else [])
        parts = (*state.memory.tensors.values(), *state.past)
        sizes.add(sum(part.nbytes for part in parts))
    use = method.memory_use(state)
    assert use['ids_given'] == visits == 60 and use['queries_in_use'] <= 1
    assert len(sizes) == 1


def test_interrupted_is_uninterrupted(tmp_path: Path) -> None:
    stream = frames(12)
    whole = run(build(), stream)
    for cut in (1, 8):
        check_interruption(build, stream, whole, cut, tmp_path)


def test_clips_know_their_tracks_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, stream = seeing(monkeypatch, **CLIP), video(squares(16))
    state = method.init_state()
    for frame in stream[:8]:
        state, _ = method.step(state, frame)
    save_snapshot(tmp_path / 'memory', method.save(state))
    state = method.restore(load_snapshot(tmp_path / 'memory'))
    results = []
    for frame in stream[8:]:
        state, found = method.step(state, frame)
        results += found
    results += method.flush(state)[1]
    assert [result.stamp_ns for result in results] == [frame.stamp_ns for frame in stream[8:]]
    assert all(ids(result) == [1, 2] for result in results)


def test_images_may_change_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({}, CLIP):
        method = seeing(monkeypatch, **options)
        turned = [np.ascontiguousarray(image.swapaxes(0, 1)) for image in squares(5)]
        stream = video(squares(5) + turned)
        results = run(method, stream)
        check(results, stream)
        assert [(r.height, r.width) for r in results] == [(64, 96)] * 5 + [(96, 64)] * 5


def test_several_scales_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(seeing(monkeypatch, **CLIP), video(squares(6)))
    sides = {'clip.short_sides': (64.0, 96.0, 128.0)}
    several = run(seeing(monkeypatch, **CLIP, **sides), video(squares(6)))
    for one, other in zip(plain, several, strict=True):
        assert ids(one) == ids(other)
        for a, b in zip(one.tracks, other.tracks, strict=True):
            masks = to_dense(a.mask, 64, 96), to_dense(b.mask, 64, 96)
            # Larger pictures have blurred borders, whose colour nobody knows.
            assert (masks[0] & masks[1]).sum() > 0.7 * (masks[0] | masks[1]).sum()


def test_tracks_below_the_score_are_not_shown() -> None:
    stream = frames(8)
    everything = run(build(), stream)
    limit = float(np.median([t.score for r in everything for t in r.tracks if t.is_observed]))
    some = run(build(min_score=limit), stream)
    shown = [t for result in some for t in result.tracks if t.is_observed]
    assert 0 < len(shown) < sum(by_id(everything).values())
    assert all(track.score >= limit - 1e-6 for track in shown)


def test_other_precisions_run() -> None:
    stream = frames(3)
    check_results(run(build(precision='bfloat16'), stream), stream)


def test_a_file_says_what_it_is() -> None:
    tensors = lively(build_config(IfrOptions, {'window': 2}))
    meta = {'classes': list(CLASSES), 'config': {'model.window': 2}}
    method = IfrMethod(
        build_config(IfrMethod.Config, {}),
        device='cpu',
        weights=LoadedWeights(tensors, 'lively', meta),
    )
    assert method.classes == CLASSES and method.config.model.window == 2 and method.lag == 0
    assert build(**CLIP).lag == 3


def test_what_does_not_fit_is_refused() -> None:
    config = build_config(IfrMethod.Config, {})
    with pytest.raises(ValueError, match=r'weights\.md'):
        IfrMethod(config, weights=None, device='cpu')
    rest = {n: v for n, v in lively(IfrOptions()).items() if 'level_embed' not in n}
    with pytest.raises(ValueError, match='2 missing: decoder.level_embed'):
        IfrMethod(config, weights=LoadedWeights(rest, 'x'), device='cpu')
    with pytest.raises(ValueError, match=r'less than clip\.length = 3, got 3'):
        build(**{'clip.length': 3, 'clip.stride': 3})


@pytest.mark.parametrize('options', [{}, CLIP], ids=str)
def test_memories_of_others_are_refused(options: dict[str, Any]) -> None:
    method = build(**options)
    state = method.init_state()
    for frame in frames(5):
        state, _ = method.step(state, frame)
    snapshot = method.save(state)
    method.restore(snapshot)
    with pytest.raises(ValueError, match=r'memory\.capacity was 64, is 5'):
        build(**options, **{'memory.capacity': 5}).restore(snapshot)
    for name, value in snapshot.tensors.items():
        rest = {key: tensor for key, tensor in snapshot.tensors.items() if key != name}
        for tensors in (rest, {**rest, name: value[..., None, None]}, {**rest, 'x.y': value}):
            with pytest.raises(ValueError):
                method.restore(Snapshot(tensors, snapshot.meta))
    owner = 'past.owners' if 'past.owners' in snapshot.tensors else 'clips.slots'
    wrong = torch.full_like(snapshot.tensors[owner], 64)
    if len(wrong):
        with pytest.raises(ValueError, match='slots'):
            method.restore(Snapshot({**snapshot.tensors, owner: wrong}, snapshot.meta))


def test_ids_can_be_skipped() -> None:
    method = build()
    state = method.init_state()
    method.skip_ids(state, 100)
    for frame in frames(3):
        state, (result,) = method.step(state, frame)
    assert result.tracks and min(track.track_id for track in result.tracks) > 100
