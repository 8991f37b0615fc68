# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""VisSTG as a method: identities, memory, files; with weights that make things happen."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from coloured_world import run, steps
from lively_weights import HEIGHT, PERIOD_NS, WIDTH, frames
from stream_laws import by_id, check_every_part_is_needed, check_interruption, check_min_score
from test_contract import check_results
from torch import Tensor
from visstg_weights import CLASSES, QuickBackbone, loaded, quick_config

from vis_ros.memory.snapshot import Snapshot
from vis_ros.methods.visstg import VisstgConfig, VisstgMethod, VisstgState
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.nms import nms_in_steps
from vis_ros.structures import Frame, FrameResult, TrackState
from vis_ros.structures.options import build_config

VARIANTS: list[dict[str, Any]] = [
    {},
    {'association': 'embedding', 'fusion': 'concatenation'},
    {'association': 'offset', 'branches': 'separate'},
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('vis_ros.nn.visstg.network.ResNetTaps', QuickBackbone)
    monkeypatch.setattr('vis_ros.methods.visstg.video_config', quick_config)


@cache
def weights_of(changes: tuple[tuple[str, Any], ...]) -> LoadedWeights:
    return loaded(frames(6), **dict(changes))


def build(model: dict[str, Any] | None = None, **options: Any) -> VisstgMethod:
    weights = weights_of(tuple((model or {}).items()))
    return VisstgMethod(build_config(VisstgConfig, options), weights=weights, device='cpu')


@pytest.mark.parametrize('variant', VARIANTS, ids=str)
def test_a_lively_stream_obeys_the_laws(variant: dict[str, Any]) -> None:
    video = frames(24)
    results = run(build(variant), video)
    check_results(results, video)
    seen = by_id(results)
    assert len(seen) >= 5 and max(seen.values()) >= 3
    states = {track.state for result in results for track in result.tracks}
    assert states == {TrackState.ACTIVE, TrackState.LOST}
    for result in results:  # every pixel has one owner
        assert sum(track.mask.area_px for track in result.tracks) <= HEIGHT * WIDTH


@pytest.mark.parametrize('variant', VARIANTS, ids=str)
def test_fixed_sizes_give_the_same_tracks(
    variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU all slots and all detections up to the limit are carried along."""
    video, count = frames(16), []

    def every(is_real: Tensor) -> Tensor:
        count.append((len(is_real), int(is_real.sum())))
        return torch.arange(len(is_real))

    options = {'memory.lost_timeout_s': 0.5}  # so that slots become free again
    compact = run(build(variant, **options), video)
    for module in ('methods.visstg', 'nn.visstg.graph', 'nn.condinst.masks'):
        monkeypatch.setattr(f'vis_ros.{module}.rows_to_do', every)
    monkeypatch.setattr('vis_ros.nn.visstg.selection.greedy_nms', nms_in_steps)
    padded = run(build(variant, **options), video)
    check_alike(compact, padded)
    assert any(real < all_rows for all_rows, real in count)


def check_alike(some: list[FrameResult], others: list[FrameResult]) -> None:
    """Check that two streams have the same tracks; numbers and borders may differ by rounding."""
    for a, b in zip(some, others, strict=True):
        names = [[(t.track_id, t.slot, t.state, t.class_id) for t in r.tracks] for r in (a, b)]
        assert names[0] == names[1]
        for one, other in zip(a.tracks, b.tracks, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)
            assert abs(one.mask.area_px - other.mask.area_px) <= 2


def test_lost_instances_come_back_with_their_id() -> None:
    results, states = run(build(), frames(24)), {}
    returned = set()
    for result in results:
        for track in result.tracks:
            if track.is_observed and states.get(track.track_id) == TrackState.LOST:
                returned.add(track.track_id)
            states[track.track_id] = track.state
    assert returned


def test_causality() -> None:
    video, method = frames(12), build()
    whole = run(method, video)
    for count in (1, 7, 11):
        assert run(method, video[:count]) == whole[:count]


@pytest.mark.parametrize('variant', VARIANTS[:2], ids=str)
def test_interrupted_is_uninterrupted(variant: dict[str, Any], tmp_path: Path) -> None:
    video = frames(12)
    whole = run(build(variant), video)
    for cut in (1, 8):
        check_interruption(lambda: build(variant), video, whole, cut, tmp_path)


def test_the_plain_branch_runs_where_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    method, seen = build(), []
    interpret = method._model.interpret

    def spy(levels: Any, past: Any, scene: Any) -> Any:
        seen.append((past is None, scene is None))
        return interpret(levels, past, scene)

    monkeypatch.setattr(method._model, 'interpret', spy)
    state = method.init_state()
    for frame in frames(3):
        state, _ = method.step(state, frame)
    assert seen == [(True, True), (False, False), (False, False)]
    forget(state)
    state, _ = method.step(state, frames(4)[3])
    assert seen[-1] == (True, False)
    turned = Frame(frames(1)[0].image.swapaxes(0, 1).copy(), state.memory['latest_ns'].item())
    state, (result,) = method.step(state, turned)  # another size: no warp, but a graph
    assert seen[-1] == (False, True)
    assert (result.height, result.width) == (WIDTH, HEIGHT)


def forget(state: VisstgState) -> None:
    state.memory.tensors['state'] = torch.zeros_like(state.memory['state'])


def test_the_ways_to_merge_masks_differ() -> None:
    video = frames(6)
    kinds = [run(build(**{'tracking.mask_merge': k}), video) for k in ('own', 'warped', 'average')]
    assert kinds[0][0] == kinds[1][0] == kinds[2][0]  # nothing to merge in the first frame
    assert all(kinds[i] != kinds[i - 1] for i in range(3))


def test_unlikely_pairs_are_no_matches() -> None:
    video = frames(8)
    many = by_id(run(build(**{'tracking.match_score': 1.0}), video))
    few = by_id(run(build(**{'tracking.match_score': 0.01}), video))
    assert max(many.values()) == 1 and len(few) < len(many)


def test_weak_detections_start_no_track() -> None:
    video = frames(4)
    assert not by_id(run(build(**{'tracking.birth_score': 1.0}), video))
    everything = by_id(run(build(**{'tracking.birth_score': 0.0}), video))
    assert len(everything) > len(by_id(run(build(**{'tracking.birth_score': 0.6}), video)))


def test_tracks_age() -> None:
    method = build(**{'memory.lost_timeout_s': 0.5, 'memory.tentative_timeout_s': 0.3})
    video = frames(18)
    state = method.init_state()
    for frame in video[:8]:
        state, (result,) = method.step(state, frame)
    assert result.tracks
    method._model.plain.heat.bias.fill_(-50.0)  # blind from now on
    lost = []
    for frame in video[8:]:
        state, (result,) = method.step(state, frame)
        lost.append(len(result.tracks))
        assert not any(track.is_observed for track in result.tracks)
    assert lost[0] > 0 and lost[-4:] == [0] * 4
    assert not state.memory.occupied.any()


@pytest.mark.parametrize('capacity', [2, 5])
def test_a_full_memory_evicts_and_never_reuses_ids(capacity: int) -> None:
    method, video = build(**{'memory.capacity': capacity}), frames(20)
    pairs = list(steps(method, video))
    results = [result for _, result in pairs]
    assert all(len(result.tracks) <= capacity for result in results)
    check_results(results, video)
    use = method.memory_use(pairs[-1][0])
    assert use['refused'] > 0 and use['ids_given'] > capacity


def test_a_long_stream_stays_flat() -> None:
    method = build({'association': 'offset'}, **{'memory.lost_timeout_s': 0.3})
    state, video, sizes, given = method.init_state(), frames(20), set(), set()
    for index in range(80):
        frame = Frame(video[index * 7 % 20].image, 10**9 + index * PERIOD_NS)
        before = set(state.memory['track_id'].tolist())
        state, _ = method.step(state, frame)
        new = set(state.memory['track_id'].tolist()) - before - {0}
        assert not new & given
        given |= new
        shapes = [(v.shape, v.dtype) for v in state.memory.tensors.values()]
        sizes.add((*shapes, *((v.shape, v.dtype) for v in state.scene)))
        assert all(v.isfinite().all() for v in state.memory.tensors.values())
    assert len(sizes) == 1 and len(given) > 60
    assert method.memory_use(state)['ids_given'] == len(given)


def test_tracks_below_the_score_are_not_shown() -> None:
    video = frames(8)
    check_results(check_min_score(build, video), video)


@pytest.mark.parametrize('precision', ['bfloat16'])
def test_other_precisions_run(precision: str) -> None:
    video = frames(3)
    check_results(run(build(precision=precision), video), video)


def test_a_file_says_what_it_is() -> None:
    method = build({'rounds': 2})
    assert method.classes == CLASSES
    assert method.config.model.rounds == 2
    assert build({'rounds': 2}, classes=('a', 'b', 'c')).classes == ('a', 'b', 'c')


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r'weights\.md'):
        VisstgMethod(VisstgConfig(), weights=None, device='cpu')
    whole = weights_of(())
    rest = {n: v for n, v in whole.tensors.items() if not n.startswith('warp.')}
    with pytest.raises(ValueError, match=r'5 missing: warp\.estimate'):
        VisstgMethod(VisstgConfig(), weights=LoadedWeights(rest, 'x', whole.meta), device='cpu')
    with pytest.raises(ValueError, match='of another shape'):
        build(classes=('a',))
    with pytest.raises(ValueError, match='needs the graph'):
        build(**{'model.fusion': 'none'})


def test_memories_of_others_are_refused() -> None:
    method = build()
    state = method.init_state()
    for frame in frames(2):
        state, _ = method.step(state, frame)
    snapshot = method.save(state)
    method.restore(snapshot)
    with pytest.raises(ValueError, match=r'memory\.capacity was 24, is 5'):
        build(**{'memory.capacity': 5}).restore(snapshot)
    with pytest.raises(ValueError, match='memory of another classes'):
        method.restore(Snapshot(snapshot.tensors, {**snapshot.meta, 'classes': ['a']}))
    check_every_part_is_needed(method, snapshot)
    for name, value in (
        ('what.ever', torch.zeros(1)),
        ('scene.features', torch.zeros(1, 7, 32)),
        ('scene.size', torch.zeros(2)),
    ):
        with pytest.raises(ValueError):
            method.restore(Snapshot({**snapshot.tensors, name: value}, snapshot.meta))


def test_ids_can_be_skipped() -> None:
    method = build()
    state = method.init_state()
    method.skip_ids(state, 100)
    for frame in frames(3):
        state, (result,) = method.step(state, frame)
    assert result.tracks and min(track.track_id for track in result.tracks) > 100
