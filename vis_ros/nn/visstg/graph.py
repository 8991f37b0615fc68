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
from vis_ros.ops.rows import rows_to_do

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
        links = _links(window, tracks.shape[2], places.shape[1], places.dtype)
        i, j = tracks.flatten(0, 2), places.flatten(0, 1)
        edges = (i[links.track] - j[links.place]).abs()
        for index in range(self.rounds):
            own = index % len(self.edge)
            i, j, edges = self._pass(self.edge[own], self.node[own], (i, j, edges), links)
        whole = edges.new_zeros(window.is_edge.numel(), edges.shape[1])
        whole = whole.index_copy(0, links.edge, edges * links.share)
        return Fused(i.view_as(tracks), j.view_as(places), whole.unflatten(0, window.place.shape))

    def _pass(
        self, edge: nn.Module, node: nn.Module, graph: tuple[Tensor, Tensor, Tensor], links: _Links
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nodes of tracks and of places, and the R edges, after one round."""
        assert isinstance(edge, PairMlp)
        assert isinstance(node, PairMlp)
        tracks, places, edges = graph
        by_edge, by_track, by_place = edge.by_part()
        hidden = functional.linear(edges, by_edge, edge.first.bias)  # (R, width)
        hidden = hidden + functional.linear(tracks, by_track)[links.track]
        hidden = hidden + functional.linear(places, by_place)[links.place]
        edges = edge.second(functional.relu(hidden))
        by_edge, by_node = node.by_part()
        common = functional.linear(edges, by_edge, node.first.bias)
        after = []
        for nodes, row in ((tracks, links.track), (places, links.place)):
            hidden = functional.relu(common + functional.linear(nodes, by_node)[row])
            total = hidden.new_zeros(len(nodes), hidden.shape[1])
            total = total.index_add(0, row, hidden * links.share)
            count = links.share.new_zeros(len(nodes), 1).index_add(0, row, links.share)
            after.append(nodes + self._finish(node, total, count))
        return after[0], after[1], edges

    def _finish(self, node: PairMlp, total: Tensor, count: Tensor) -> Tensor:
        """Return the last layer of sums (..., width) over `count` (..., 1) edges."""
        message = functional.linear(total, node.second.weight) + count * node.second.bias
        return message / count.clamp(min=1) if self.is_mean else message


class _Links(NamedTuple):
    """The edges of all images in one list of R rows.

    Args:
        track: int64 tensor (R,), row among the nodes (B * M * L) of tracks.
        place: int64 tensor (R,), row among the nodes (B * P) of places.
        edge: int64 tensor (R,), row among all (B * M * E) edges, real or not.
        share: float tensor (R, 1), 1 for a real edge, else 0.
    """

    track: Tensor
    place: Tensor
    edge: Tensor
    share: Tensor


def _links(window: Window, levels: int, places: int, dtype: torch.dtype) -> _Links:
    """Return the edges as a list: those that need work, see `rows_to_do`."""
    batch, tracks = window.place.shape[:2]
    device = window.place.device
    first = torch.arange(batch * tracks, device=device).view(batch, tracks, 1) * levels
    track = (first + window.level).flatten()
    start = torch.arange(batch, device=device)[:, None, None] * places
    place = (window.place + start).flatten()
    is_edge = window.is_edge.flatten()
    edge = rows_to_do(is_edge)
    return _Links(track[edge], place[edge], edge, is_edge[edge, None].to(dtype))
