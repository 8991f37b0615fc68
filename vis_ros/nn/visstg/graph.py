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
    """The graph after its rounds, but for the nodes of the instances, which nobody asks for.

    Args:
        places: float tensor (B, P, D), nodes of the places.
        edges: float tensor (B, M, E, D), 0 where no edge is.
    """

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
        links = _links(window, tracks.shape[2], places)
        i, j = tracks.flatten(0, 2), places.flatten(0, 1)
        edges = (i.index_select(0, links.track) - j.index_select(0, links.place)).abs_()
        for index in range(self.rounds):
            own = index % len(self.edge)
            edge, node = self.edge[own], self.node[own]
            assert isinstance(edge, PairMlp)
            assert isinstance(node, PairMlp)
            edges = self._next_edges(edge, i, j, edges, links)
            common = functional.linear(edges, node.by_part()[0])
            if index + 1 < self.rounds:
                i = self._next_nodes(node, i, common, links.track, links)
            j = self._next_nodes(node, j, common, links.place, links)
        whole = edges.new_zeros(window.is_edge.numel(), edges.shape[1])
        whole = whole.index_copy(0, links.edge, links.only_real(edges))
        return Fused(j.view_as(places), whole.unflatten(0, window.place.shape))

    def _next_edges(
        self, edge: PairMlp, tracks: Tensor, places: Tensor, edges: Tensor, links: _Links
    ) -> Tensor:
        """Return the R edges of the next round."""
        by_edge, by_track, by_place = edge.by_part()
        hidden = functional.linear(edges, by_edge)  # (R, width)
        hidden += functional.linear(tracks, by_track, edge.first.bias).index_select(0, links.track)
        hidden += functional.linear(places, by_place).index_select(0, links.place)
        result: Tensor = edge.second(hidden.relu_())
        return result

    def _next_nodes(
        self, node: PairMlp, nodes: Tensor, common: Tensor, row: Tensor, links: _Links
    ) -> Tensor:
        """Return nodes (N, D) of the next round.

        Args:
            node: The MLP of messages.
            nodes: Of this round.
            common: float tensor (R, width), what the edges add to its first layer.
            row: int64 tensor (R,), node of each edge.
            links: The edges.
        """
        by_node = node.by_part()[1]
        hidden = functional.linear(nodes, by_node, node.first.bias).index_select(0, row)
        hidden += common
        hidden = links.only_real(hidden.relu_())
        total = hidden.new_zeros(len(nodes), hidden.shape[1]).index_add(0, row, hidden)
        share = hidden.new_ones(len(row), 1) if links.share is None else links.share
        count = share.new_zeros(len(nodes), 1).index_add(0, row, share)
        message = functional.linear(total, node.second.weight) + count * node.second.bias
        return nodes + (message / count.clamp(min=1) if self.is_mean else message)


class _Links(NamedTuple):
    """The edges of all images in one list of R rows.

    Args:
        track: int64 tensor (R,), row among the nodes (B * M * L) of tracks.
        place: int64 tensor (R,), row among the nodes (B * P) of places.
        edge: int64 tensor (R,), row among all (B * M * E) edges, real or not.
        share: float tensor (R, 1), 1 for a real edge, else 0; None where all are real.
    """

    track: Tensor
    place: Tensor
    edge: Tensor
    share: Tensor | None

    def only_real(self, values: Tensor) -> Tensor:
        """Return values (R, ...) with 0 for edges that are none."""
        return values if self.share is None else values * self.share


def _links(window: Window, levels: int, places: Tensor) -> _Links:
    """Return the edges as a list: those that need work, see `rows_to_do`.

    Args:
        window: The edges.
        levels: Nodes of each track.
        places: float tensor (B, P, D).
    """
    batch, tracks = window.place.shape[:2]
    device = window.place.device
    first = torch.arange(batch * tracks, device=device).view(batch, tracks, 1) * levels
    track = (first + window.level).flatten()
    start = torch.arange(batch, device=device)[:, None, None] * places.shape[1]
    place = (window.place + start).flatten()
    is_edge = window.is_edge.flatten()
    edge = rows_to_do(is_edge)
    is_chosen = len(edge) < len(is_edge)  # then none of them is padding
    share = None if is_chosen else is_edge[edge, None].to(places.dtype)
    return _Links(track[edge], place[edge], edge, share)
