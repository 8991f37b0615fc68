# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""RGNNVIS as a method: identities, memory, files; with weights that make things happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coloured_world import run, steps
from lively_weights import CLASSES, HEIGHT, PERIOD_NS, WIDTH, frames, loaded, write
from stream_laws import by_id, check_every_part_is_needed, check_interruption, check_min_score
from test_contract import check_results

import vis_ros
from vis_ros.memory.snapshot import Snapshot
from vis_ros.methods import METHODS, Method
from vis_ros.nn.rgnn.masks import owners_of
from vis_ros.nn.rgnn.model import Detected, Seen
from vis_ros.nn.rgnn.network import Look
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.structures import Frame, TrackState
from vis_ros.structures.options import build_config

NAMES = ['rgnnvis', 'rgnnvis_pp']
names = pytest.mark.parametrize('name', NAMES)


def trained_with(name: str) -> dict[str, Any]:
    return {'layer_norm': True, 'positions': True} if name == 'rgnnvis_pp' else {}


def build(name: str = 'rgnnvis', **options: Any) -> Method:
    cls = METHODS[name]
    weights = loaded(trained_with(name))
    return cls(build_config(cls.Config, options), weights=weights, device='cpu')


@names
def test_a_lively_stream_obeys_the_laws(name: str) -> None:
    video = frames(40)
    results = run(build(name), video)
    check_results(results, video)
    seen = by_id(results)
    assert len(seen) >= 5 and max(seen.values()) >= 10
    states = {track.state for result in results for track in result.tracks}
    assert states == {TrackState.ACTIVE, TrackState.LOST}
    for result in results:  # every pixel has one owner
        assert sum(track.mask.area_px for track in result.tracks) <= HEIGHT * WIDTH


@names
def test_causality(name: str) -> None:
    video, method = frames(20), build(name)
    whole = run(method, video)
    for count in (1, 7, 19):
        assert run(method, video[:count]) == whole[:count]


@names
def test_interrupted_is_uninterrupted(name: str, tmp_path: Path) -> None:
    video = frames(24)
    whole = run(build(name), video)
    for cut in (1, 9, 17):
        check_interruption(lambda: build(name), video, whole, cut, tmp_path)


def test_frames_of_another_size_go_on(tmp_path: Path) -> None:
    method = build()
    state = method.init_state()
    for frame in frames(5):
        state, _ = method.step(state, frame)
    turned = Frame(frame.image.swapaxes(0, 1).copy(), frame.stamp_ns)
    state, (result,) = method.step(state, turned)
    assert (result.height, result.width) == (WIDTH, HEIGHT)


@pytest.mark.parametrize('capacity', [3, 6])
def test_a_full_memory_evicts_and_never_reuses_ids(capacity: int) -> None:
    method = build('rgnnvis_pp', **{'memory.capacity': capacity})
    video = frames(30)
    for state, result in steps(method, video):
        assert len(result.tracks) <= capacity
        assert state.memory.occupied.sum() <= capacity
    check_results(run(method, video), video)
    use = method.memory_use(state)
    assert use['refused'] > 0 and use['ids_given'] > capacity


def test_tracks_age(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {'memory.lost_timeout_s': 0.5, 'memory.tentative_timeout_s': 0.3}
    method = build('rgnnvis_pp', **times)
    video = frames(30)
    state = method.init_state()
    for frame in video[:10]:
        state, (result,) = method.step(state, frame)
    assert result.tracks
    detect = method._model.detect
    monkeypatch.setattr(method._model, 'detect', lambda *args: nothing(detect(*args)))
    lost = []
    for frame in video[10:20]:
        state, (result,) = method.step(state, frame)
        lost.append(len(result.tracks))
        assert not any(track.is_observed for track in result.tracks)
    assert lost[3] > 0 and lost[-4:] == [0] * 4
    assert not state.memory.occupied.any()


def nothing(seen: Detected) -> Detected:
    return seen._replace(found=seen.found._replace(is_real=seen.found.is_real & False))


def test_tracks_below_the_score_are_not_shown() -> None:
    video = frames(15)
    check_results(check_min_score(build, video), video)


def test_an_endless_stream_stays_flat() -> None:
    """Random detections on the tracker alone; hundreds of tracks come and go."""
    method = build('rgnnvis_pp', **{'memory.lost_timeout_s': 2.0})
    state, generator = method.init_state(), torch.Generator().manual_seed(0)
    pool = [random_seen(method, generator) for _ in range(40)]
    order = torch.randint(0, 40, (1000,), generator=generator).tolist()
    given: set[int] = set()
    size = None
    for index, pick in enumerate(order):
        before = set(state.memory['track_id'].tolist()) - {0}
        method.track(state, pool[pick], 10**9 + index * PERIOD_NS, (24, 40))
        new = set(state.memory['track_id'].tolist()) - before - {0}
        assert not new & given
        given |= new
        if index % 500 == 499:
            now = {n: (v.shape, v.dtype) for n, v in state.memory.tensors.items()}
            assert size in (None, now)
            size = now
            for value in (*state.memory.tensors.values(), *state.empty):
                assert not value.is_floating_point() or value.isfinite().all()
    assert len(given) > 150
    assert int(state.memory['next_id']) - 1 == len(given)


def random_seen(method: Method, generator: torch.Generator) -> Seen:
    sizes, count = method._model.tracker.sizes, 16
    low = torch.rand(1, count, 2, generator=generator) * torch.tensor([200.0, 120.0])
    extent = torch.rand(1, count, 2, generator=generator) * 80 + 10
    logits = torch.randn(1, count, sizes.num_classes, generator=generator) * 3
    real = torch.rand(1, count, generator=generator) < 0.5
    masks = torch.randn(1, count, 12, 20, generator=generator) * 5
    scores = logits[..., 1:].amax(-1) - logits.logsumexp(-1)
    found = DetectionSet(
        is_real=real,
        anchor=torch.zeros(1, count, dtype=torch.int64),
        logits=logits,
        boxes=torch.cat((low, low + extent), -1),
        scores=scores,
        mask_logits=masks,
        box_masks=masks > 2,
    )
    looks = torch.rand(1, count, 2 * sizes.appearance, generator=generator)
    return Seen(found, Look(looks * real[..., None], looks.mean(1)))


def test_boxes_of_labels_are_tight() -> None:
    labels = torch.zeros(5, 7, dtype=torch.int64)
    labels[1:3, 2:6], labels[4, 6] = 1, 3
    _, boxes, is_visible, _ = owners_of(labels, 3)
    assert boxes.tolist() == [[2, 1, 6, 3], [0, 0, 0, 0], [6, 4, 7, 5]]
    assert is_visible.tolist() == [True, False, True]
    assert owners_of(labels * 0 + 2, 3).boxes[1].tolist() == [0, 0, 7, 5]


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_other_precisions_run(precision: str) -> None:
    video = frames(3)
    results = run(build(precision=precision), video)
    check_results(results, video)


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / 'w.safetensors', loaded({'layer_norm': True}))
    method = vis_ros.build_method('rgnnvis', weights=str(path))
    assert method.classes == CLASSES
    assert method.config.tracker.layer_norm and method.config.network == 'small'
    assert method.config.tracker.birth_threshold == -2.0
    mine = {'tracker.birth_threshold': -1.0, 'classes': ('a', 'b', 'c')}
    method = vis_ros.build_method('rgnnvis', weights=str(path), **mine)
    assert method.config.tracker.birth_threshold == -1.0
    assert method.classes == ('a', 'b', 'c')


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'rgnnvis' with this configuration needs trained"):
        vis_ros.build_method('rgnnvis')
    cls = METHODS['rgnnvis']
    with pytest.raises(ValueError, match=r'weights\.md'):
        cls(cls.Config(), weights=None, device='cpu')
    whole = loaded()
    for drop, text in (
        ('tracker.', 'holds a detector only'),
        ('tracker.masks', r'6 missing: tracker\.masks\.hidden\.bias'),
    ):
        rest = {n: v for n, v in whole.tensors.items() if not n.startswith(drop)}
        with pytest.raises(ValueError, match=text):
            cls(cls.Config(), weights=LoadedWeights(rest, 'x', whole.meta), device='cpu')
    with pytest.raises(ValueError, match='of another shape'):
        cls(build_config(cls.Config, {'classes': ('a',)}), weights=whole, device='cpu')
    with pytest.raises(ValueError, match='no such option'):
        cls(cls.Config(), weights=loaded(config={'netwrk': 'small'}), device='cpu')


def test_random_weights_are_the_same_each_time() -> None:
    methods = [vis_ros.build_method('rgnnvis', weights='random') for _ in range(2)]
    states = [method._model.state_dict() for method in methods]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert methods[0].classes == ('object',)


def test_memories_of_others_are_refused() -> None:
    method = build()
    snapshot = method.save(method.init_state())
    with pytest.raises(ValueError, match=r'memory\.capacity was 24, is 5'):
        build(**{'memory.capacity': 5}).restore(snapshot)
    with pytest.raises(ValueError, match="memory of another method: was 'rgnnvis'"):
        build('rgnnvis_pp').restore(snapshot)
    with pytest.raises(ValueError, match='memory of another classes'):
        method.restore(Snapshot(snapshot.tensors, {**snapshot.meta, 'classes': ['a']}))
    check_every_part_is_needed(method, snapshot)
    extra = {**snapshot.tensors, 'what.ever': torch.zeros(1)}
    with pytest.raises(ValueError, match='what'):
        method.restore(Snapshot(extra, snapshot.meta))


def test_ids_can_be_skipped() -> None:
    method, video = build(), frames(4)
    state = method.init_state()
    method.skip_ids(state, 100)
    for frame in video:
        state, (result,) = method.step(state, frame)
    assert result.tracks and min(track.track_id for track in result.tracks) > 100


def test_class_scores_are_a_distribution() -> None:
    for result in run(build(), frames(8)):
        for track in result.tracks:
            shares = np.array([share for _, share in track.class_scores])
            assert shares.sum() == pytest.approx(1.0, abs=1e-4)
            assert (np.diff(shares) <= 0).all()
