# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MaskProp's strong form as a method: a cascade, and frames that support each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from coloured_world import run
from lively_maskprop import build, tiny
from lively_weights import HEIGHT, WIDTH, frames
from stream_laws import check_every_part_is_needed, check_interruption
from test_contract import check_results
from torch import Tensor

from vis_ros.memory.snapshot import Snapshot
from vis_ros.methods import Method
from vis_ros.nn.maskprop.clips import Content
from vis_ros.nn.maskprop.perception import look_at, picture_of, understand
from vis_ros.structures import Frame

__all__ = ['tiny']
pytestmark = pytest.mark.usefixtures('tiny')
CASCADE = {'model.cascade': 'htc', 'model.semantic': True}
SAMPLING = {'model.sampling.enabled': True, 'model.sampling.embedding': 8}
QUICK = {
    'match_threshold': 0.05,
    'detections.score_threshold': 0.1,
    'detections.limit': 3,
    'detections.proposals': 20,
}
FORMS: dict[str, dict[str, Any]] = {
    'cascade': CASCADE,
    'past only': {**SAMPLING, 'support.ahead': 0},
    'ahead': {**SAMPLING, 'support.past': 1, 'support.ahead': 1},
    'all': {**CASCADE, **SAMPLING, 'support.ahead': 2},
    'tracking branch': {**SAMPLING, 'model.tracking': 'masktrack'},
}


@pytest.mark.parametrize('name', FORMS)
def test_all_forms_obey_the_laws(name: str, tmp_path: Path) -> None:
    video = frames(8)
    method = build(past=2, lookahead=2, **QUICK, **FORMS[name])
    lag = 0 if name == 'tracking branch' else 2
    assert method.lag == lag
    results = run(method, video)
    check_results(results, video)
    assert any(result.tracks for result in results)
    state, prefix = method.init_state(), []
    for frame in video[:5]:  # causal but for the lag
        state, ready = method.step(state, frame)
        prefix += ready
    assert prefix == results[: 5 - lag]
    check_interruption(lambda: method, video, results, 4, tmp_path)


@torch.inference_mode()
def offline(method: Method, video: list[Frame]) -> list[tuple[Content, Tensor, Tensor]]:
    """Return what is in each frame of a whole video, its features, and the masks of its clip."""
    config, model = method.config, method._model
    pictures = [picture_of(frame.image, model.sizes, method.device) for frame in video]
    looks = [look_at(model, [picture], method.device)[0] for picture in pictures]
    seen = []
    for t, look in enumerate(looks):
        near = range(max(0, t - config.support.past), t + config.support.ahead + 1)
        taps = [looks[k].taps['3'] for k in near if k != t and k < len(video)]
        supports = {'3': torch.cat(taps)[None]} if taps else None
        seen.append(understand(model, look, supports, config.detections))
    result = []
    for t, each in enumerate(seen):
        end = t + config.lookahead - config.support.ahead + 1
        clip = range(max(0, t - config.past), min(len(video), end))
        views = torch.stack([seen[k].view for k in clip if k != t])
        masks = model.propagate(each.view, views, each.regions)
        result.append((Content(each.found, each.regions, each.masks), each.view, masks))
    return result


@pytest.mark.parametrize(('past', 'ahead'), [(2, 0), (1, 2)])
def test_a_stream_is_its_video(past: int, ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detections, features and clips of a stream, and each frame goes to the backbone once."""
    options = {'support.past': past, 'support.ahead': ahead}
    method = build(past=2, lookahead=3, **QUICK, **SAMPLING, **options)
    video = frames(9)
    whole = offline(method, video)
    model, clips, passes = method._model, list[tuple[Tensor, Tensor]](), list[int]()
    propagate, body = model.propagate, model.detector.backbone.body
    monkeypatch.setattr(
        model,
        'propagate',
        lambda *args: clips.append((args[0], propagate(*args))) or clips[-1][1],
    )
    handle = body.register_forward_hook(lambda *args: passes.append(len(args[1][0])))
    results = run(method, video)
    handle.remove()
    assert passes == [1] * len(video)
    assert len(clips) == len(results) == len(video)
    for (content, view, masks), (own, found), result in zip(whole, clips, results, strict=True):
        torch.testing.assert_close(own, view)
        torch.testing.assert_close(found, masks)
        shown = sum(track.is_observed for track in result.tracks)
        assert shown <= len(content.masks)
    assert any(len(content.masks) for content, _, _ in whole)


def test_supporting_frames_change_what_is_seen() -> None:
    video = frames(4)
    views = []
    for past in (0, 2):
        method = build(past=2, lookahead=1, **QUICK, **SAMPLING, **{'support.past': past})
        views.append([view for _, view, _ in offline(method, video)])
    assert torch.equal(views[0][0], views[1][0])  # the first frame has none
    assert not torch.allclose(views[0][1], views[1][1])


def test_memory_is_constant() -> None:
    method = build(past=1, lookahead=2, **QUICK, **SAMPLING, **{'support.ahead': 1})
    state, sizes = method.init_state(), set()
    for index, frame in enumerate(frames(30)):
        state, _ = method.step(state, frame)
        assert state.supports is not None
        if index >= 8:
            kept = [each.look for each in state.supports.frames.values()]
            taps = [value for look in kept for value in look.taps.values()]
            sizes.add(sum(value.untyped_storage().nbytes() for value in taps))
            sizes.add(sum(look.picture.untyped_storage().nbytes() for look in kept) - 10**9)
            assert len(state.supports.frames) == 4 and len(state.window.frames) == 3
    assert len(sizes) == 2
    use = method.memory_use(state)
    assert use['support_frames'] == use['support_limit'] == 4
    assert use['ring_frames'] == use['ring_limit'] == 3


def test_frames_of_another_size_support_nothing() -> None:
    method = build(past=2, lookahead=2, **QUICK, **SAMPLING, **{'support.ahead': 1})
    video = frames(4)
    turned = [
        Frame(f.image.swapaxes(0, 1).copy(), f.stamp_ns + 10**9, 'camera') for f in video[:3]
    ]
    results = run(method, [*video, *turned])
    assert [(r.height, r.width) for r in results] == [(HEIGHT, WIDTH)] * 4 + [(WIDTH, HEIGHT)] * 3


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match=r'support\.ahead: expected at most the lag of 1, got 2'):
        build(lookahead=1, **SAMPLING, **{'support.ahead': 2})
    with pytest.raises(ValueError, match='past: expected 1 or more'):
        build(past=0, lookahead=1, **SAMPLING, **{'support.ahead': 1})
    with pytest.raises(ValueError, match=r'support\.ahead: expected at most the lag of 0'):
        build(**SAMPLING, **{'support.ahead': 1, 'model.tracking': 'masktrack'})
    assert build(past=1, lookahead=0, **{'support.ahead': 2}).lag == 0  # without sampling
    with pytest.raises(ValueError, match='semantic: expected false'):
        build(**{'model.semantic': True})


def test_memories_of_others_are_refused() -> None:
    method = build(past=1, lookahead=2, **QUICK, **SAMPLING, **{'support.ahead': 1})
    state = method.init_state()
    for frame in frames(4):
        state, _ = method.step(state, frame)
    snapshot = method.save(state)
    assert 'supporting' in snapshot.meta
    check_every_part_is_needed(method, snapshot)
    extra = {**snapshot.tensors, 'supports.more': torch.zeros(1)}
    with pytest.raises(ValueError, match='unexpected'):
        method.restore(Snapshot(extra, snapshot.meta))
    assert 'supporting' not in build(past=1).save(build(past=1).init_state()).meta
