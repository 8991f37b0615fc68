# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole network: which parts run when, and in all rows of the paper's tables."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from visstg_world import PLACES, SIZE, image, network, past

from vis_ros.nn.condinst.head import places
from vis_ros.nn.visstg import Past
from vis_ros.nn.visstg.association import by_edges, displacements
from vis_ros.nn.visstg.heads import Dense
from vis_ros.nn.visstg.selection import masks_of

TABLES: list[dict[str, Any]] = [
    {'fusion': 'none', 'association': 'embedding', 'propagation': False},
    {'fusion': 'concatenation', 'association': 'embedding', 'propagation': False},
    {'association': 'offset', 'propagation': False},
    {'association': 'embedding', 'propagation': False},
    {'propagation': False},
    {'fusion': 'none', 'association': 'embedding'},
    {'association': 'embedding'},
    {},
    {'rounds': 1},
    {'rounds': 2},
    {'rounds': 4},
]
OTHERS: list[dict[str, Any]] = [
    {'branches': 'separate', 'mask_features': 'projection'},
    {'head_layers': 1, 'node_pooling': 'convolution', 'warp_mixing': 'channelwise'},
    {'round_weights': 'own', 'aggregation': 'mean', 'mlp_width': 8, 'embedding': 5},
]


@pytest.mark.parametrize('changes', TABLES + OTHERS, ids=str)
def test_every_row_of_the_tables_runs(changes: dict[str, Any]) -> None:
    model = network(**changes)
    first = model.interpret(model.look(image(2)), None, None)
    assert first.edges is None and first.window is None
    levels = model.look(image(2, seed=1))
    boxes = torch.tensor([[[10.0, 10.0, 60.0, 70.0], [80.0, 20.0, 90.0, 40.0]]] * 2)
    nodes = model.nodes(first.levels, boxes)
    tracks = Past(torch.ones(2, 2, dtype=torch.bool), boxes[..., :2], nodes)
    output = model.interpret(levels, tracks, first.scene())
    dense = output.dense
    cues = {'edge': 0, 'offset': 2, 'embedding': changes.get('embedding', 64)}
    kind = changes.get('association', 'edge')
    assert dense.heat.shape == (2, PLACES, 3)
    assert dense.sizes.shape == dense.offsets.shape == (2, PLACES, 2)
    assert dense.controllers.shape == (2, PLACES, 169)
    assert dense.cues.shape == (2, PLACES, cues[kind])
    assert dense.features.shape == (2, 8, 12, 20)
    place = torch.tensor([3, 250])
    if kind == 'edge':
        pairs = by_edges(model, output, place, 0.0)
        assert pairs.score.shape == pairs.is_positive.shape == (2, 2)
    if kind == 'offset':
        level = torch.tensor([0, 1])
        assert displacements(output, place, level, 8.0).shape == (2, 2)
    if changes.get('propagation', True):
        kernels = model.propagate(levels, first.scene(), torch.tensor([0, 1]), place)
        assert kernels.shape == (2, 169)
    else:
        assert not hasattr(model, 'warp')
    where = places(*SIZE, torch.device('cpu'))
    masks = masks_of(output, 1, where, place, dense.controllers[1, place])
    assert masks.shape == (2, 24, 40) and masks.isfinite().all()


def same(a: Dense, b: Dense) -> bool:
    return all(torch.allclose(x, y, atol=1e-5) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize('fusion', ['relation', 'concatenation', 'none'])
def test_the_past_is_seen_where_it_shall_be(fusion: str) -> None:
    model = network(fusion=fusion, association='offset')
    levels, before = model.look(image()), model.look(image(seed=1))
    scene = model.interpret(before, None, None).scene()
    plain = model.interpret(levels, None, None)
    tracked = model.interpret(levels, past(3), scene)
    assert same(plain.dense, tracked.dense) == (fusion == 'none')
    nobody = past(3)._replace(is_real=torch.zeros(1, 3, dtype=torch.bool))
    empty = model.interpret(levels, nobody, None)  # nothing to see, whatever the fusion
    assert same(plain.dense, empty.dense)


def test_separate_branches_differ_without_any_past() -> None:
    model = network(branches='separate')
    levels = model.look(image())
    nobody = past(3)._replace(is_real=torch.zeros(1, 3, dtype=torch.bool))
    plain, temporal = (model.interpret(levels, p, None) for p in (None, nobody))
    assert not same(plain.dense, temporal.dense)


def test_padding_does_not_matter() -> None:
    model = network()
    levels, three = model.look(image()), past(3)
    padded = Past(*(torch.cat((part, part), dim=1) for part in three))
    padded.is_real[:, 3:] = False
    padded.nodes[:, 3:] = 1e6
    a, b = (model.interpret(levels, tracks, None) for tracks in (three, padded))
    assert same(a.dense, b.dense)
    assert a.edges is not None and b.edges is not None
    assert torch.allclose(a.edges, b.edges[:, :3], atol=1e-5)


def test_a_batch_is_its_parts() -> None:
    model = network().double()
    images, tracks = image(2).double(), past(3, batch=2)
    tracks = tracks._replace(nodes=tracks.nodes.double())
    whole = model.interpret(model.look(images), tracks, None)
    for b in range(2):
        one = model.interpret(
            model.look(images[b : b + 1]), Past(*(part[b : b + 1] for part in tracks)), None
        )
        assert same(one.dense, Dense(*(part[b : b + 1] for part in whole.dense)))


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r'multiples of 32, got \(1, 3, 90, 160\)'):
        network().look(torch.zeros(1, 3, 90, 160))
    with pytest.raises(ValueError, match='needs the graph'):
        network(fusion='concatenation')
