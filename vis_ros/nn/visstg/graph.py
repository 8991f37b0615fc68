# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The spatial-temporal graph: instances of the past, places of the present, edges in windows.

Source: Wang et al., "End-to-end Video Instance Segmentation via Spatial-temporal Graph Neural
Networks", ICCV 2021, section 3.2. Each level of the pyramid has a graph of its own; an instance is
a node in all of them, with the features of that level, because its size, and so its level, may
change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.nn.visstg.config import VisstgOptions

_SMALL = 0.1  # scale of the initial messages: a graph begins as nearly nothing


class Window(NamedTuple):
    """The edges of M tracks: E places for each, those of its windows on all levels.

    Args:
        place: int64 tensor (B, M, E), index over the places of all levels; 0 where no edge is.
        is_edge: bool tensor (B, M, E), False outside the map and for padding.
        level: int64 tensor (E,), level of each edge, 0 for P3.
    """

    place: Tensor
    is_edge: Tensor
    level: Tensor


def windows(
    centres: Tensor, is_real: Tensor, shapes: Sequence[tuple[int, int]], sides: Sequence[int]
) -> Window:
    """Return the edges of tracks.

    Args:
        centres: float tensor (B, M, 2), x and y in pixels of the input.
        is_real: bool tensor (B, M), False for padding.
        shapes: Rows and columns of each level, finest first.
        sides: Cells along a side of the window on each level, odd.
    """
    device = centres.device
    place, is_edge, level, start = [], [], [], 0
    for index, ((rows, columns), side) in enumerate(zip(shapes, sides, strict=True)):
        cell = torch.floor(centres / STRIDES[index]).long()
        step = torch.arange(side, device=device) - side // 2
        x = cell[..., 0, None, None] + step  # (B, M, 1, side)
        y = cell[..., 1, None, None] + step[:, None]  # (B, M, side, 1)
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows) & is_real[..., None, None]
        place.append(torch.where(inside, start + y * columns + x, 0).flatten(2))
        is_edge.append(inside.flatten(2))
        level.append(torch.full((side * side,), index, device=device))
        start += rows * columns
    return Window(torch.cat(place, dim=2), torch.cat(is_edge, dim=2), torch.cat(level))


class PairMlp(nn.Module):
    """Two linear layers with a ReLU between them, on features put side by side.

    Args:
        parts: How many features are put side by side.
        channels: Channels D of each, and of the result.
        width: Channels between the layers.
    """

    def __init__(self, parts: int, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(parts * channels, width)
        self.second = nn.Linear(width, channels)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., D) of (..., parts * D)."""
        result: Tensor = self.second(functional.relu(self.first(x)))
        return result

    def by_part(self) -> tuple[Tensor, ...]:
        """Return the part of the first layer's weight for each feature, (width, D) each."""
        return self.first.weight.split(self.channels, dim=1)


class Fused(NamedTuple):
    """The graph after its rounds.

    Args:
        tracks: float tensor (B, M, L, D), nodes of the instances on each level.
        places: float tensor (B, P, D), nodes of the places.
        edges: float tensor (B, M, E, D), 0 where no edge is.
    """

    tracks: Tensor
    places: Tensor
    edges: Tensor


class RelationGraph(nn.Module):
    """Message passing (equations 1 and 2) in time and memory linear in the number of edges.

    The first layer of an MLP is linear, so each node goes through its part of it once and not
    once for each edge; the last layer is linear too, so it comes after the sum over edges.

    Args:
        channels: Channels D of nodes and edges.
        options: Rounds, widths, aggregation.
    """

    def __init__(self, channels: int, options: VisstgOptions) -> None:
        super().__init__()
        width = options.mlp_width or channels
        count = options.rounds if options.round_weights == 'own' else 1
        self.edge = nn.ModuleList(PairMlp(3, channels, width) for _ in range(count))
        nodes = [PairMlp(2, channels, width) for _ in range(count)]
        for mlp in nodes:
            nn.init.normal_(mlp.second.weight, std=_SMALL / width**0.5)
            nn.init.zeros_(mlp.second.bias)
        self.node = nn.ModuleList(nodes)
        self.rounds, self.is_mean = options.rounds, options.aggregation == 'mean'

    def forward(self, tracks: Tensor, places: Tensor, window: Window) -> Fused:
        """Return the nodes and edges after all rounds.

        Args:
            tracks: float tensor (B, M, L, D), instances as seen on each level.
            places: float tensor (B, P, D), features of the current frame.
            window: Which of them are connected.
        """
        edges = (tracks[:, :, window.level] - _gathered(places, window.place)).abs()
        graph = Fused(tracks, places, edges * window.is_edge[..., None])
        for index in range(self.rounds):
            own = index % len(self.edge)
            graph = self._pass(self.edge[own], self.node[own], graph, window)
        return graph

    def _pass(self, edge: nn.Module, node: nn.Module, graph: Fused, window: Window) -> Fused:
        assert isinstance(edge, PairMlp)
        assert isinstance(node, PairMlp)
        tracks, places, edges = graph
        place, level, is_edge = window.place, window.level, window.is_edge[..., None]
        by_edge, by_track, by_place = edge.by_part()
        hidden = functional.linear(edges, by_edge, edge.first.bias)  # (B, M, E, width)
        hidden = hidden + functional.linear(tracks, by_track)[:, :, level]
        hidden = hidden + _gathered(functional.linear(places, by_place), place)
        edges = edge.second(functional.relu(hidden)) * is_edge
        by_edge, by_node = node.by_part()
        common = functional.linear(edges, by_edge, node.first.bias)
        to_track = common + functional.linear(tracks, by_node)[:, :, level]
        to_place = common + _gathered(functional.linear(places, by_node), place)
        at_tracks = _summed_by_level(functional.relu(to_track) * is_edge, level, tracks.shape[2])
        at_places = _scattered(functional.relu(to_place) * is_edge, place, places.shape[1])
        count = is_edge.to(edges.dtype)
        tracks = tracks + self._finish(
            node, at_tracks, _summed_by_level(count, level, tracks.shape[2])
        )
        places = places + self._finish(node, at_places, _scattered(count, place, places.shape[1]))
        return Fused(tracks, places, edges)

    def _finish(self, node: PairMlp, total: Tensor, count: Tensor) -> Tensor:
        """Return the last layer of sums (..., width) over `count` (..., 1) edges."""
        message = functional.linear(total, node.second.weight) + count * node.second.bias
        return message / count.clamp(min=1) if self.is_mean else message


def _gathered(values: Tensor, place: Tensor) -> Tensor:
    """Return rows (B, M, E, C) of values (B, P, C) by place (B, M, E)."""
    index = _rows_of_all(place, values.shape[1])
    return values.flatten(0, 1).index_select(0, index).unflatten(0, place.shape)


def _scattered(values: Tensor, place: Tensor, count: int) -> Tensor:
    """Return the sums (B, count, C) of values (B, M, E, C) over the edges of each place."""
    nothing = values.new_zeros(len(values) * count, values.shape[3])
    index = _rows_of_all(place, count)
    return nothing.index_add(0, index, values.flatten(0, 2)).unflatten(0, (len(values), count))


def _rows_of_all(place: Tensor, count: int) -> Tensor:
    """Return places (B, M, E) as rows (B * M * E,) of all images' places put together.

    Whole rows are copied and added several times as fast as with `gather` and `scatter_add`.
    """
    start = torch.arange(len(place), device=place.device)[:, None, None] * count
    return (place + start).flatten()


def _summed_by_level(values: Tensor, level: Tensor, count: int) -> Tensor:
    """Return the sums (B, M, count, C) of values (B, M, E, C) over the edges of each level."""
    nothing = values.new_zeros(*values.shape[:2], count, values.shape[3])
    return nothing.index_add(2, level, values)
