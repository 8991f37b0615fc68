# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes, warp, peaks, association on cases small enough to check by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from visstg_world import PLACES, SHAPES, SIZE, options

from vis_ros.nn.condinst.head import places
from vis_ros.nn.picture import Placement
from vis_ros.nn.visstg.association import Pairs, by_embeddings, by_offsets, edges_to, resolve
from vis_ros.nn.visstg.config import VisstgOptions, VisstgSelection, check_options
from vis_ros.nn.visstg.graph import windows
from vis_ros.nn.visstg.heads import Dense
from vis_ros.nn.visstg.network import Output, flat, unflat
from vis_ros.nn.visstg.nodes import InstanceNodes
from vis_ros.nn.visstg.selection import Found, select
from vis_ros.nn.visstg.warp import KernelWarp
from vis_ros.structures.options import build_config

WHERE = places(*SIZE, torch.device('cpu'))
WHOLE = Placement(SIZE, SIZE, SIZE)


def levels(channels: int, *, batch: int = 1, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(batch, channels, *shape, generator=generator) for shape in SHAPES)


# options


def test_options_that_do_not_go_together() -> None:
    check_options(VisstgOptions())
    for wrong, text in (
        ({'fusion': 'none'}, "'edge' needs the graph, expected fusion 'relation', got 'none'"),
        ({'window_p5': 4}, 'window_p5: expected an odd number of cells, got 4'),
    ):
        with pytest.raises(ValueError, match=text):
            check_options(build_config(VisstgOptions, wrong))
    with pytest.raises(ValueError, match='rounds'):
        build_config(VisstgOptions, {'rounds': 5})


# nodes


@pytest.mark.parametrize('pooling', ['mean', 'convolution'])
def test_no_boxes_give_no_nodes(pooling: str) -> None:
    module = InstanceNodes(4, options(node_pooling=pooling))
    assert module(levels(4, batch=2), torch.zeros(2, 0, 4)).shape == (2, 0, 5, 4)
    assert module(levels(4, batch=2), torch.rand(2, 3, 4) * 50).shape == (2, 3, 5, 4)


def test_a_node_is_the_mean_of_its_box() -> None:
    maps = tuple(torch.zeros(2, 1, *shape) for shape in SHAPES)
    maps[0][1, 0, 2:6, 3:7] = 5.0  # pixels 24 to 56, 16 to 48
    maps[3][:] = 2.0
    box = torch.tensor([[[28.0, 20.0, 52.0, 44.0]]] * 2)
    nodes = InstanceNodes(1, options())(maps, box)
    assert nodes[:, 0, 0, 0].tolist() == pytest.approx([0.0, 5.0])
    assert nodes[:, 0, 3, 0].tolist() == pytest.approx([2.0, 2.0])
    assert not nodes[:, 0, 1].any()


# warp


def warped(module: KernelWarp, kernels: tuple[Tensor, ...], offsets: Any) -> Tensor:
    """Return what `at` gives for all places of both images, (2, P, G)."""
    image = torch.arange(2).repeat_interleave(PLACES)
    place = torch.arange(PLACES).repeat(2)
    return module.at(flat(kernels), offsets, image, place).unflatten(0, (2, PLACES))


@pytest.mark.parametrize('mixing', ['full', 'channelwise'])
def test_the_warp_is_the_identity_without_offsets(mixing: str) -> None:
    module = KernelWarp(4, 7, options(warp_mixing=mixing))
    kernels, difference = levels(7, batch=2), levels(4, batch=2, seed=1)
    offsets = module.offsets(difference)  # 0 before training
    assert not any(level.any() for level in offsets)
    for level, after in zip(kernels, module.everywhere(kernels, offsets), strict=True):
        assert torch.equal(after, level)
    assert torch.equal(warped(module, kernels, offsets), flat(kernels))


@pytest.mark.parametrize('mixing', ['full', 'channelwise'])
def test_the_warp_of_places_is_that_of_the_map(mixing: str) -> None:
    torch.manual_seed(0)
    module = KernelWarp(4, 7, options(warp_mixing=mixing)).double()
    torch.nn.init.normal_(module.weight)
    kernels = tuple(level.double().requires_grad_() for level in levels(7, batch=2))
    offsets = tuple(  # also far out of the map
        (torch.randn(2, 18, *shape).double() * 3).requires_grad_() for shape in SHAPES
    )
    leaves = (module.weight, *kernels, *offsets)
    whole = flat(module.everywhere(kernels, offsets))
    places = warped(module, kernels, offsets)
    assert torch.allclose(places, whole, atol=1e-9)
    weights = torch.randn_like(whole)
    for a, b in zip(
        torch.autograd.grad((whole * weights).sum(), leaves),
        torch.autograd.grad((places * weights).sum(), leaves),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-8)
    nothing = torch.zeros(0, dtype=torch.int64)
    assert module.at(flat(kernels), offsets, nothing, nothing).shape == (0, 7)


def test_an_offset_fetches_what_moved() -> None:
    module = KernelWarp(4, 2, options())
    kernels = tuple(torch.zeros(1, 2, *shape) for shape in SHAPES)
    kernels[1][0, :, 2, 3] = torch.tensor([4.0, -8.0])
    offsets = tuple(torch.zeros(1, 18, *shape) for shape in SHAPES)
    offsets[1][0, 8:10, 3, 5] = torch.tensor([-1.0, -1.5])  # the middle tap: y, x
    place = torch.tensor([12 * 20 + 3 * 10 + 5])
    found = module.at(flat(kernels), offsets, torch.zeros_like(place), place)
    assert found.tolist() == [[2.0, -4.0]]  # half way between columns 3 and 4


def test_levels_and_places_are_the_same() -> None:
    maps = levels(3, batch=2)
    assert flat(maps).shape == (2, PLACES, 3)
    assert all(torch.equal(a, b) for a, b in zip(unflat(flat(maps), maps), maps, strict=True))
    assert torch.equal(flat(maps)[1, 12 * 20 + 13], maps[1][1, :, 1, 3])


# selection


def blank() -> Output:
    dense = Dense(
        torch.full((1, PLACES, 3), -20.0),
        torch.full((1, PLACES, 2), 0.25),
        torch.zeros(1, PLACES, 2),
        torch.zeros(1, PLACES, 169),
        torch.zeros(1, PLACES, 0),
        torch.zeros(1, 8, 12, 20),
    )
    return Output(levels(1), dense, None, None)


def put(output: Output, place: int, *shares: float) -> None:
    output.dense.heat[0, place, : len(shares)] = torch.logit(torch.tensor(shares))


def found_in(output: Output, placement: Placement = WHOLE, **changes: Any) -> Found:
    config = build_config(VisstgSelection, changes)
    return select(output, 0, WHERE, placement, config, 8.0)


def test_nothing_is_found_in_nothing() -> None:
    found = found_in(blank())
    assert [len(part) for part in found] == [0] * 5
    assert found.classes.shape == (0, 3)


def test_peaks_become_boxes() -> None:
    output = blank()
    put(output, 45, 0.8)  # row 2, column 5 of P3: (44, 20)
    put(output, 46, 0.7)  # beside a stronger one of its class: no peak
    put(output, 47, 0.1, 0.6)
    put(output, 160, 0.09)  # background
    output.dense.offsets[0, 45] = torch.tensor([0.5, -0.25])
    output.dense.sizes[0, 45] = torch.tensor([0.5, -3.0])
    found = found_in(output, max_overlap=1.0)
    assert found.place.tolist() == [45, 47]
    assert torch.allclose(found.score, torch.tensor([0.8, 0.6]))
    assert found.classes.argmax(dim=1).tolist() == [0, 1]
    assert found.boxes.tolist() == [[32.0, 18.0, 64.0, 18.0], [52.0, 12.0, 68.0, 28.0]]


def test_overlapping_boxes_and_the_weakest_fall() -> None:
    output = blank()
    put(output, 45, 0.8)
    output.dense.sizes[0, 45] = 0.5  # 32 pixels
    coarse = 12 * 20 + 1 * 10 + 2  # (40, 24) of P4
    put(output, coarse, 0.1, 0.9)
    put(output, 100, 0.5)
    assert found_in(output).place.tolist() == [coarse, 100]
    assert found_in(output, max_overlap=0.95).place.tolist() == [coarse, 45, 100]
    assert found_in(output, limit=1).place.tolist() == [coarse]
    assert found_in(output, top=1).place.tolist() == [coarse]
    small = Placement((30, 45), (30, 45), SIZE)  # boxes end with the picture
    assert found_in(output, small).boxes[0].tolist() == [24.0, 8.0, 45.0, 30.0]


# association


def test_edges_are_found_by_their_place() -> None:
    centres = torch.tensor([[[44.0, 20.0], [100.0, 20.0], [44.0, 20.0]]])
    window = windows(centres, torch.tensor([[True, True, False]]), SHAPES, (3, 3, 1, 1, 1))
    place = torch.tensor([[45, 46, 12 * 20 + 12, 0]])
    index, has = edges_to(window, place)
    assert has[0].tolist() == [[True, True, True, False], [False] * 4, [False] * 4]
    assert window.place[0, 0, index[0, 0, :3]].tolist() == place[0, :3].tolist()
    assert edges_to(window, place[:, :0])[1].shape == (1, 3, 0)


def test_the_surest_pairs_win() -> None:
    score = torch.tensor([[0.9, 0.8, 0.1], [0.95, 0.7, 0.2], [0.6, 0.5, 0.9]])
    every = torch.ones(3, 3, dtype=torch.bool)
    assert resolve(Pairs(score, every), every).tolist() == [1, 0, 2]
    assert resolve(Pairs(score, score >= 0.9), every).tolist() == [-1, 0, 2]
    other_class = every.clone()
    other_class[1, 0] = False
    assert resolve(Pairs(score, every), other_class).tolist() == [0, 1, 2]
    assert resolve(Pairs(score[:0], every[:0]), every[:0]).tolist() == []
    assert resolve(Pairs(score[:, :0], every[:, :0]), every[:, :0]).tolist() == [-1] * 3


def test_embeddings_compete_with_being_new() -> None:
    tracks = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    detections = torch.tensor([[1.0, 0.5], [-1.0, -1.0], [0.0, 3.0]])
    found = by_embeddings(tracks, detections, torch.tensor([True, True]))
    assert found.is_positive.tolist() == [[True, False, False], [True, False, True]]
    assert torch.allclose(
        found.score[:, 0], torch.tensor([0.0, 2.0, 1.0]).softmax(0)[1:], atol=1e-6
    )
    assert resolve(found, torch.ones(2, 3, dtype=torch.bool)).tolist() == [0, 2]
    more = torch.cat((tracks, torch.full((2, 2), 7.0)))  # that would win, but are none
    padded = by_embeddings(more, detections, torch.tensor([True, True, False, False]))
    assert torch.allclose(padded.score[:2], found.score)
    assert not padded.score[2:].any() and not padded.is_positive[2:].any()


def test_offsets_lead_back() -> None:
    tracks = torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 0.0, 60.0, 10.0]])
    boxes = torch.tensor([[20.0, 0.0, 30.0, 10.0], [48.0, 0.0, 58.0, 10.0]])
    back = torch.tensor([[-20.0, 0.0], [0.0, 0.0]])
    found = by_offsets(tracks, boxes, back, 0.3)
    assert found.is_positive.tolist() == [[True, False], [False, True]]
    assert found.score[0, 0].item() == pytest.approx(1.0)
    assert found.score[1, 1].item() == pytest.approx(8 / 12, abs=1e-5)
