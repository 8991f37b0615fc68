# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the tracker: padding, order and batch do not matter, gradients reach everything."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from rgnn_world import VARIANTS, detections, name_of, permuted, step, taps, tracker

from vis_ros.nn.rgnn import Tracks
from vis_ros.nn.yolact.selection import DetectionSet

CLOSE = {'atol': 2e-4, 'rtol': 2e-4}
variants = pytest.mark.parametrize('variant', VARIANTS, ids=name_of)


def clip(count: int = 5, *, batch: int = 1, places: int = 8) -> list[Any]:
    generator = torch.Generator().manual_seed(3)
    return [
        (detections(n, places=places, batch=batch, generator=generator), taps(batch, generator))
        for n in ((3, 5, 0, 6, 4) * 2)[:count]
    ]


@variants
@torch.no_grad()
def test_padding_does_not_matter(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    padded, bare = network.initial(1, 24), network.initial(1, 18)
    for found, maps in clip():
        real = int(found.is_real.sum())
        tight = DetectionSet(*(x[:, : max(real, 1)] for x in found))
        padded, a = step(network, padded, found, maps)
        bare, b = step(network, bare, tight, maps)
        torch.testing.assert_close(a['assigned'][:, :18], b['assigned'])
        torch.testing.assert_close(a['match'][:, :18, :real], b['match'][:, :, :real], **CLOSE)
        torch.testing.assert_close(a['init'][:, :real], b['init'][:, :real], **CLOSE)
        torch.testing.assert_close(a['scores'][:, :18], b['scores'], **CLOSE)
        for x, y in zip(padded.tracks, bare.tracks, strict=True):
            torch.testing.assert_close(x[:, :18], y, **CLOSE)
        for x, y in zip(padded.empty, bare.empty, strict=True):
            torch.testing.assert_close(x, y, **CLOSE)
    assert padded.tracks.is_alive.sum() > 2


@variants
@torch.no_grad()
def test_the_order_of_detections_does_not_matter(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    state = network.initial(1, 24)
    frames = clip(4)
    for found, maps in frames[:3]:
        state, _ = step(network, state, found, maps)
    found, maps = frames[3]
    order = torch.tensor([4, 7, 0, 5, 6, 1, 3, 2])
    _, a = step(network, state, found, maps)
    _, b = step(network, state, permuted(found, order), maps)
    torch.testing.assert_close(a['match'][:, :, order], b['match'], **CLOSE)
    torch.testing.assert_close(a['init'][:, order], b['init'], **CLOSE)
    old = state.tracks.is_alive
    assert old.sum() > 2
    moved = torch.where(b['assigned'] >= 0, order[b['assigned'].clamp(min=0)], -1)
    assert torch.equal(a['assigned'][old], moved[old])
    torch.testing.assert_close(a['scores'][old], b['scores'][old], **CLOSE)
    assert set(a['assigned'][a['is_new']].tolist()) == set(moved[b['is_new']].tolist())


@variants
@torch.no_grad()
def test_a_batch_is_its_streams(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    frames = clip(batch=2)
    together = network.initial(2, 24)
    alone = [network.initial(1, 24), network.initial(1, 24)]
    for found, maps in frames:
        together, a = step(network, together, found, maps)
        for k in (0, 1):
            one = DetectionSet(*(x[k : k + 1] for x in found))
            alone[k], b = step(network, alone[k], one, (maps[0][k : k + 1], maps[1][k : k + 1]))
            torch.testing.assert_close(a['assigned'][k : k + 1], b['assigned'])
            for x, y in zip(together.tracks, alone[k].tracks, strict=True):
                torch.testing.assert_close(x[k : k + 1], y, **CLOSE)


@variants
def test_gradients_reach_every_parameter(variant: dict[str, Any]) -> None:
    network = tracker(**variant)
    state, loss = network.initial(1, 24), torch.zeros(())
    generator = torch.Generator().manual_seed(0)
    for found, maps in clip(10):
        state, out = step(network, state, found, maps)
        for value in (out['match'], out['init'], out['scores'], state.tracks.logits):
            loss = (
                loss + (value * torch.rand(value.shape, generator=generator))[value > -1e4].sum()
            )
        embedding = torch.rand(state.tracks.embedding.shape, generator=generator)
        loss = loss + (state.tracks.embedding * embedding).sum()
    assert (state.tracks.is_alive).sum() > 2
    loss.backward()
    without = [
        name
        for name, value in network.named_parameters()
        if value.requires_grad and (value.grad is None or not value.grad.abs().sum() > 0)
    ]
    assert without == unused(variant)
    fixed = [name for name, value in network.named_parameters() if not value.requires_grad]
    assert fixed == (
        [] if 'initial_variance' in variant else ['models.initial', 'models.initial_empty']
    )


def unused(variant: dict[str, Any]) -> list[str]:
    """Return what a variant has but does not train, for reasons of its own."""
    if variant.get('association') == 'masktrack':  # nobody looks at the last edges
        return [
            f'graph.blocks.3.{edge}.{layer}.{part}'
            for edge in ('empty_edge', 'track_edge')
            for layer in ('down', 'up')
            for part in ('weight', 'bias')
        ]
    if variant.get('appearance') == 'none':
        layers = ('project.0', 'project.1', 'residual.down', 'residual.middle.0', 'residual.up')
        return [f'appearance.{layer}.{part}' for layer in layers for part in ('weight', 'bias')]
    return []


@torch.no_grad()
def test_networks_hold_no_state() -> None:
    network = tracker()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    frames = clip()
    runs = []
    for _ in range(2):
        state, outputs = network.initial(1, 24), []
        for found, maps in frames:
            kept = Tracks(*(x.clone() for x in state.tracks))
            after, out = step(network, state, found, maps)
            assert all(torch.equal(x, y) for x, y in zip(kept, state.tracks, strict=True))
            state = after
            outputs.append(out['scores'])
        runs.append(torch.stack(outputs))
    assert torch.equal(runs[0], runs[1])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@torch.no_grad()
def test_causality() -> None:
    network = tracker()
    frames = clip(8)

    def run(count: int) -> list[torch.Tensor]:
        state, outputs = network.initial(1, 24), []
        for found, maps in frames[:count]:
            state, out = step(network, state, found, maps)
            outputs.append(out['match'])
        return outputs

    whole = run(8)
    for count in (1, 4, 7):
        assert all(torch.equal(a, b) for a, b in zip(run(count), whole, strict=False))


@torch.no_grad()
def test_a_birth_blends_the_mean_from_zero() -> None:
    network = tracker()
    found, maps = clip(1)[0]
    state, out = step(network, network.initial(1, 24), found, maps)
    look = network.look(*maps, found)
    new = out['is_new'][0].nonzero()[:, 0]
    assert len(new) > 0
    index = out['assigned'][0, new]
    rate = torch.sigmoid(network.models.mean_rate(state.tracks.embedding[0, new]))
    torch.testing.assert_close(state.tracks.mean[0, new], rate * look.detections[0, index])
    assert torch.equal(state.tracks.box[0, new], found.boxes[0, index])
    torch.testing.assert_close(state.empty.mean[0, 0], look.scene[0])  # nothing to blend yet


@torch.no_grad()
def test_own_mean_of_the_paper() -> None:
    network = tracker(first_mean='own')
    found, maps = clip(1)[0]
    state, out = step(network, network.initial(1, 24), found, maps)
    look = network.look(*maps, found)
    new = out['is_new'][0].nonzero()[:, 0]
    assert torch.equal(state.tracks.mean[0, new], look.detections[0, out['assigned'][0, new]])


@pytest.mark.parametrize('rule', ['zeros', 'last'])
@torch.no_grad()
def test_boxes_of_lost_tracks(rule: str) -> None:
    network = tracker(lost_box=rule)
    (found, maps), _, (nothing, _) = clip(3)
    state, _ = step(network, network.initial(1, 24), found, maps)
    alive, box = state.tracks.is_alive, state.tracks.box
    state, out = step(network, state, nothing, maps)
    assert (out['assigned'] == -1).all() and torch.equal(state.tracks.is_alive, alive)
    expected = box if rule == 'last' else torch.zeros_like(box)
    assert torch.equal(state.tracks.box, expected)
