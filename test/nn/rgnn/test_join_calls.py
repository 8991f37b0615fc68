# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network whose calls are joined for inference computes what it did before."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from rgnn_world import VARIANTS, detections, name_of, permuted, step, taps, tracker

from vis_ros.nn.rgnn import Rgnn, RgnnState, Tracks
from vis_ros.nn.rgnn.association import IMPOSSIBLE
from vis_ros.nn.rgnn.joined_graph import JoinedGraph
from vis_ros.nn.rgnn.recurrence import LstmCells
from vis_ros.nn.yolact.selection import DetectionSet

CLOSE = {'atol': 1e-4, 'rtol': 1e-4}
GPU = pytest.param(
    'cuda',
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device'),
)


def pair(variant: dict[str, Any], device: str = 'cpu') -> tuple[Rgnn, Rgnn]:
    separate = tracker(**variant).to(device).requires_grad_(False)
    joined = copy.deepcopy(separate)
    joined.join_calls()
    return separate, joined


def go_on(network: Rgnn, state: RgnnState, counts: tuple[int, ...], places: int) -> RgnnState:
    """Return the memory after frames with some detections, the rest padding."""
    generator = torch.Generator().manual_seed(3)
    device = state.tracks.box.device
    for count in counts:
        found = detections(count, places=places, generator=generator)
        found = DetectionSet(*(x.to(device) for x in found))
        stride16, stride32 = (x.to(device) for x in taps(1, generator))
        state, told = step(network, state, found, (stride16, stride32))
        assert told['match'].shape == (1, state.tracks.box.shape[1], places)
    return state


def assert_close(a: Tracks, b: Tracks) -> None:
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, **CLOSE)


@pytest.mark.parametrize('device', ['cpu', GPU])
@pytest.mark.parametrize('variant', VARIANTS, ids=name_of)
@torch.no_grad()
def test_results_are_the_same(variant: dict[str, Any], device: str) -> None:
    states = []
    for network in pair(variant, device):
        state = RgnnState(
            *(Tracks(*(x.to(device) for x in part)) for part in network.initial(1, 9))
        )
        states.append(go_on(network, state, (0, 3, 5, 0, 6, 4), places=8))
    assert states[0].tracks.is_alive.sum() > 2
    for a, b in zip(*states, strict=True):
        assert_close(a, b)


@pytest.mark.parametrize('places', [1, 6, 30])
@torch.no_grad()
def test_all_sizes_go(places: int) -> None:
    """More tracks than detections, as many, fewer; all of them real."""
    states = [
        go_on(network, network.initial(1, 6), (places, places), places) for network in pair({})
    ]
    assert_close(states[0].tracks, states[1].tracks)


@torch.no_grad()
def test_what_is_not_real_is_left_out_or_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU computes everything, a CPU what is real: the same comes out."""
    network = pair({'layer_norm': True})[1]
    some = go_on(network, network.initial(1, 24), (3, 5, 2), places=8)
    name = 'vis_ros.nn.rgnn.network.rows_to_do'
    monkeypatch.setattr(name, lambda flags: torch.arange(len(flags)))
    everything = go_on(network, network.initial(1, 24), (3, 5, 2), places=8)
    assert 0 < some.tracks.is_alive.sum() < 24
    assert_close(some.tracks, everything.tracks)


@pytest.mark.parametrize('places', [4, 8])
@torch.no_grad()
def test_what_is_left_out_is_impossible(places: int) -> None:
    """Wherever padding and free slots are, logits and nodes of all others are as ever."""
    separate, joined = pair({})
    state = go_on(separate, separate.initial(1, 9), (3, 4), places)
    assert 0 < state.tracks.is_alive.sum() < 9
    order = torch.tensor([6, 1, 8, 0, 3, 2, 7, 5, 4])
    state = state._replace(tracks=Tracks(*(x[:, order] for x in state.tracks)))
    generator = torch.Generator().manual_seed(5)
    found = detections(4, places=places, generator=generator)
    found = permuted(found, torch.randperm(places, generator=generator))
    look = separate.look(*taps(1, generator), found)
    expected, got = (x.associate(state, found, look) for x in (separate, joined))
    is_pair = state.tracks.is_alive[..., None] & found.is_real[:, None]
    assert (got.match_logits[~is_pair] == IMPOSSIBLE).all()
    torch.testing.assert_close(got.match_logits, expected.match_logits, **CLOSE)
    torch.testing.assert_close(got.init_logits, expected.init_logits, **CLOSE)
    alive, real = state.tracks.is_alive, found.is_real
    for name, flags in {'tracks': alive, 'detections': real}.items():
        a, b = (getattr(x.after, name)[flags] for x in (expected, got))
        torch.testing.assert_close(a, b, **CLOSE)


def test_only_what_can_be_joined_is() -> None:
    joined = pair({})[1]
    assert isinstance(joined.graph, JoinedGraph)
    assert isinstance(joined.cells, LstmCells)
    for variant in ({'node_update': 'mlp'}, {'graph': 'none'}):
        assert not isinstance(pair(variant)[1].graph, JoinedGraph)
    for kind in ('gate', 'none'):
        assert pair({'recurrence': kind})[1].cells is None


def test_joined_networks_follow_to_another_device() -> None:
    joined = pair({})[1].to('meta')
    found = DetectionSet(*(x.to('meta') for x in detections(3, generator=torch.Generator())))
    look = joined.look(*(x.to('meta') for x in taps(1, torch.Generator())), found)
    association = joined.associate(joined.initial(1, 9), found, look)
    assert association.match_logits.device.type == 'meta'


@torch.no_grad()
def test_several_streams_are_refused() -> None:
    joined = pair({})[1]
    generator = torch.Generator().manual_seed(3)
    found = detections(3, batch=2, generator=generator)
    look = joined.look(*taps(2, generator), found)
    with pytest.raises(ValueError, match='graph: expected one stream, got 2'):
        joined.associate(joined.initial(2, 9), found, look)
