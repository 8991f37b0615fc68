# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The graph of windows against the same graph, written out pair by pair."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from visstg_world import PLACES, SHAPES, options, past

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.nn.visstg.graph import PairMlp, RelationGraph, Window, windows

CHANNELS = 6
SIDES = (3, 3, 3, 1, 1)


def graph(*, seed: int = 0, **changes: Any) -> RelationGraph:
    torch.manual_seed(seed)
    found = RelationGraph(CHANNELS, options(mlp_width=5, **changes)).double()
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # biases count too
    return found


def world(count: int = 4, *, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return nodes of tracks, nodes of places, and centres."""
    tracks = past(count, batch=batch, seed=seed, channels=CHANNELS)
    generator = torch.Generator().manual_seed(seed + 1)
    places = torch.randn(batch, PLACES, CHANNELS, generator=generator)
    return tracks.nodes.double(), places.double(), tracks.centres


def is_connected(centre: Tensor, level: int, row: int, column: int, side: int) -> bool:
    x, y = (int(v // STRIDES[level]) for v in centre.tolist())
    return max(abs(x - column), abs(y - row)) <= side // 2


def plainly(
    module: RelationGraph, tracks: Tensor, places: Tensor, centres: Tensor, is_real: Tensor
) -> tuple[Tensor, dict[tuple[int, ...], Tensor]]:
    """Return the nodes of places and the edges by equations 1 and 2, one edge after the other."""
    shape = tracks.shape
    v = {(b, i, k): tracks[b, i, k] for b in range(shape[0]) for i in range(shape[1])
         for k in range(shape[2])}  # fmt: skip
    cells = [(k, r, c) for k, (rows, columns) in enumerate(SHAPES) for r in range(rows)
             for c in range(columns)]  # fmt: skip
    u = {(b, j): places[b, j] for b in range(shape[0]) for j in range(PLACES)}
    e = {
        (b, i, j): (v[b, i, k] - u[b, j]).abs()
        for b in range(shape[0])
        for i in range(shape[1])
        for j, (k, r, c) in enumerate(cells)
        if is_real[b, i] and is_connected(centres[b, i], k, r, c, SIDES[k])
    }
    for index in range(module.rounds):
        edge, node = module.edge[index % len(module.edge)], module.node[index % len(module.node)]
        assert isinstance(edge, PairMlp) and isinstance(node, PairMlp)
        e = {
            (b, i, j): edge(torch.cat((old, v[b, i, cells[j][0]], u[b, j])))
            for (b, i, j), old in e.items()
        }
        to_v: dict[tuple[int, ...], list[Tensor]] = {key: [] for key in v}
        to_u: dict[tuple[int, ...], list[Tensor]] = {key: [] for key in u}
        for (b, i, j), value in e.items():
            k = cells[j][0]
            to_v[b, i, k].append(node(torch.cat((value, v[b, i, k]))))
            to_u[b, j].append(node(torch.cat((value, u[b, j]))))
        v = {key: value + total(to_v[key], module.is_mean) for key, value in v.items()}
        u = {key: value + total(to_u[key], module.is_mean) for key, value in u.items()}
    return torch.stack(list(u.values())).reshape(places.shape), e


def total(messages: list[Tensor], is_mean: bool) -> Tensor:
    if not messages:
        return torch.zeros(CHANNELS).double()
    return torch.stack(messages).mean(0) if is_mean else torch.stack(messages).sum(0)


def edges_by_pair(edges: Tensor, window: Window) -> dict[tuple[int, ...], Tensor]:
    where = window.is_edge.nonzero().tolist()
    return {(b, i, int(window.place[b, i, n])): edges[b, i, n] for b, i, n in where}


@pytest.mark.parametrize(
    'changes',
    [
        {'rounds': 1},
        {'rounds': 2, 'round_weights': 'own'},
        {'rounds': 3, 'aggregation': 'mean'},
        {'rounds': 4},
    ],
    ids=str,
)
def test_the_graph_is_that_of_the_equations(changes: dict[str, Any]) -> None:
    module, (tracks, places, centres) = graph(**changes), world(3)
    is_real = torch.tensor([[True, True, True], [True, False, True]])
    leaves = [tracks.requires_grad_(), places.requires_grad_(), *module.parameters()]
    weights = torch.randn(2, PLACES, CHANNELS, dtype=torch.float64)
    window = windows(centres, is_real, SHAPES, SIDES)
    found = module(tracks, places, window)
    own = edges_by_pair(found.edges, window)
    loss = (found.places * weights).sum()
    gradients = torch.autograd.grad(loss + sum(x.cos().sum() for x in own.values()), leaves)
    want_places, want = plainly(module, tracks, places, centres, is_real)
    assert own.keys() == want.keys() and len(own) > 50
    assert all(torch.allclose(own[key], want[key], atol=1e-9) for key in own)
    assert torch.allclose(found.places, want_places, atol=1e-9)
    loss = (want_places * weights).sum()
    expected = torch.autograd.grad(loss + sum(x.cos().sum() for x in want.values()), leaves)
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(gradients, expected, strict=True))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_no_tracks_change_nothing() -> None:
    module, (tracks, places, centres) = graph(), world(2)
    nobody = torch.zeros(2, 2, dtype=torch.bool)
    for rows in (slice(0), slice(None)):  # none at all, and padding only
        window = windows(centres[:, rows], nobody[:, rows], SHAPES, SIDES)
        found = module(tracks[:, rows], places, window)
        assert torch.equal(found.places, places)
        assert not found.edges.any()


def test_a_track_outside_of_every_window_changes_nothing() -> None:
    module, (tracks, places, centres) = graph(), world(3)
    centres[:, 2] = 1000.0
    real = torch.ones(2, 3, dtype=torch.bool)
    whole = module(tracks, places, windows(centres, real, SHAPES, SIDES))
    rest = module(tracks[:, :2], places, windows(centres[:, :2], real[:, :2], SHAPES, SIDES))
    assert torch.equal(whole.places, rest.places)
    assert torch.equal(whole.edges[:, :2], rest.edges)
    assert not whole.edges[:, 2].any()


def test_the_order_of_tracks_does_not_matter() -> None:
    module, (tracks, places, centres) = graph(), world(5)
    real, order = torch.ones(2, 5, dtype=torch.bool), torch.tensor([3, 0, 4, 1, 2])
    a = module(tracks, places, windows(centres, real, SHAPES, SIDES))
    b = module(tracks[:, order], places, windows(centres[:, order], real, SHAPES, SIDES))
    assert torch.allclose(a.places, b.places, atol=1e-12)
    assert torch.allclose(a.edges[:, order], b.edges, atol=1e-12)


def test_two_rounds_carry_what_neighbours_know() -> None:
    """No edge joins two places; from the second round on they hear of each other all the same."""
    _, places, centres = world(1, batch=1)
    tracks = torch.zeros(1, 1, len(SHAPES), CHANNELS).double()
    centres[:] = 44.0  # cell (5, 5) of the finest level
    window = windows(centres, torch.ones(1, 1, dtype=torch.bool), SHAPES, SIDES)
    here, there = 5 * 20 + 4, 5 * 20 + 6
    changed = places.clone()
    changed[0, there] += 1.0
    for rounds, is_heard in ((1, False), (2, True)):
        module = graph(rounds=rounds)
        a, b = module(tracks, places, window), module(tracks, changed, window)
        assert bool((a.places[0, here] != b.places[0, here]).any()) == is_heard


def test_windows_end_at_the_border() -> None:
    centres = torch.tensor([[[0.0, 0.0], [44.0, 20.0], [159.9, 95.9], [-40.0, 50.0]]])
    real = torch.tensor([[True, True, True, True]])
    window = windows(centres, real, SHAPES[:1], (3,))
    found = [window.place[0, m][window.is_edge[0, m]].tolist() for m in range(4)]
    assert found[0] == [0, 1, 20, 21]
    assert found[1] == [24, 25, 26, 44, 45, 46, 64, 65, 66]
    assert found[2] == [218, 219, 238, 239]
    assert found[3] == []
    assert window.level.tolist() == [0] * 9
    assert not windows(centres, ~real, SHAPES, SIDES).is_edge.any()


def test_a_new_graph_says_little() -> None:
    torch.manual_seed(0)
    module = RelationGraph(32, options())
    tracks, places = past(4).nodes, torch.randn(1, PLACES, 32)
    window = windows(past(4).centres, past(4).is_real, SHAPES, (3, 3, 3, 3, 3))
    found = module(tracks, places, window)
    assert (found.places - places).abs().mean() < 0.1


def test_edges_that_are_none_may_be_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU the list holds all edges, real or not, with a mask: the same numbers."""
    for changes in ({}, {'aggregation': 'mean'}):
        module, (tracks, places, centres) = graph(**changes), world(4)
        real = torch.tensor([[True, True, False, True], [False] * 4])
        window = windows(centres, real, SHAPES, SIDES)
        a = module(tracks, places, window)
        with monkeypatch.context() as patch:
            patch.setattr('vis_ros.nn.visstg.graph.rows_to_do', lambda x: torch.arange(len(x)))
            b = module(tracks, places, window)
        assert all(torch.allclose(x, y, atol=1e-12) for x, y in zip(a, b, strict=True))
