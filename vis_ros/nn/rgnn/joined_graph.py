# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The graph network for inference: the same sums in fewer calls.

Its elements are few and its layers small, so that a step of `GraphNetwork` takes the time of its
calls, more than that of its arithmetic: of modules, and of 159 operations beside views, on a GPU
kernels. Here are 104, and no modules: nodes and empty edges lie in one tensor and go through their
layers together, the layers of the two gates of an edge are one, and what a linear layer makes of
the ends of an edge is computed once for each end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.graph import Graph, GraphNetwork, MessageBlock, ResidualBlock
from vis_ros.nn.rgnn.layers import Bottleneck, Gate, Update
from vis_ros.ops.rows import rows_to_do, surely_all

_EMPTY, _TRACKS, _DETECTIONS, _EMPTY_EDGES = range(4)  # groups of small elements
_NODES = slice(_EMPTY_EDGES)

# Layers are functions, not modules: to call a small module takes as long as what it computes.
_Layer = Callable[[Tensor], Tensor]


class JoinedGraph(nn.Module):
    """What a `GraphNetwork` computes of one stream, but for rounding, and not to be trained.

    Small elements are a tensor (4, R, C) inside: the empty track, tracks, detections and empty
    edges, of which the largest group has R. What is in the places that others leave free reaches
    nothing.

    Args:
        graph: With its parameters, which change no more; see `can_join`.
    """

    def __init__(self, graph: GraphNetwork) -> None:
        super().__init__()
        self.separate = graph
        self._join(next(graph.parameters()).device)

    def _join(self, device: torch.device) -> None:
        """Make the layers; these are no modules, so they stay where they are made."""
        self._device = device
        self._blocks = [_joined(block) for block in self.separate.blocks]

    def forward(self, graph: Graph, is_alive: Tensor, is_real: Tensor) -> Graph:
        """Return the graph after all blocks; see `GraphNetwork.forward`.

        On a CPU only what is real is computed, and the rest is 0.

        Raises:
            ValueError: There is not just one stream.
        """
        if len(is_real) != 1:
            raise ValueError(f'is_real: expected one stream, got {len(is_real)}')
        if is_real.device != self._device:
            self._join(is_real.device)
        (is_alive,), (is_real,) = is_alive, is_real
        m, n = rows_to_do(is_alive), rows_to_do(is_real)
        is_whole = (len(m), len(n)) == graph.track_edges.shape[1:3]
        whole = Graph(*(part[0] for part in graph))
        if not is_whole:
            done = _put(self._run(_some(whole, m, n)), whole, m, n)
        elif surely_all(is_alive) and surely_all(is_real):
            done = self._run(whole)
        else:
            done = self._run(whole, is_real[:, None], (is_alive[:, None] & is_real)[..., None])
        return Graph(*(part[None] for part in done))

    def _run(
        self, graph: Graph, is_real: Tensor | None = None, is_pair: Tensor | None = None
    ) -> Graph:
        """Return the graph after all blocks.

        Args:
            graph: None of its tensors has a batch dimension.
            is_real: bool tensor (N, 1), real detections; None where all are.
            is_pair: bool tensor (M, N, 1), edges whose ends are real; None where all are.
        """
        edges = graph.track_edges
        slots, count = edges.shape[:2]
        size = max(part.shape[-1] for part in graph[:4])
        small = edges.new_zeros(4, max(slots, count, 1), size)
        for group, part in zip(small, (graph.empty[None], *graph[1:4]), strict=True):
            group[: part.shape[0], : part.shape[1]] = part
        for block in self._blocks:
            small, edges = block(small, edges, is_real, is_pair)
        empty, tracks, detections, empty_edges = small
        return Graph(empty[0], tracks[:slots], detections[:count], empty_edges[:count], edges)


def _some(graph: Graph, m: Tensor, n: Tensor) -> Graph:
    """Return a graph without batch dimension with some of its tracks and detections."""
    return Graph(
        graph.empty,
        graph.tracks.index_select(0, m),
        graph.detections.index_select(0, n),
        graph.empty_edges.index_select(0, n),
        graph.track_edges.index_select(0, m).index_select(1, n),
    )


def _put(some: Graph, whole: Graph, m: Tensor, n: Tensor) -> Graph:
    """Return a graph as large as the whole one was, 0 but for some tracks and detections."""
    size, zeros = len(some.empty), some.empty.new_zeros
    slots, count = whole.track_edges.shape[:2]
    edges = zeros(slots, count, size)
    edges[m[:, None], n] = some.track_edges
    return Graph(
        some.empty,
        zeros(slots, size).index_copy_(0, m, some.tracks),
        zeros(count, size).index_copy_(0, n, some.detections),
        zeros(count, size).index_copy_(0, n, some.empty_edges),
        edges,
    )


def can_join(graph: nn.Module) -> TypeGuard[GraphNetwork]:
    """Return whether `JoinedGraph` is for a network: a joint graph with gates."""
    return isinstance(graph, GraphNetwork) and all(
        gate.down is not None for gate in graph.modules() if isinstance(gate, Gate)
    )


def _joined(block: nn.Module) -> _Messages | _Residuals:
    if isinstance(block, MessageBlock):
        return _Messages(block)
    assert isinstance(block, ResidualBlock)
    return _Residuals(block)


class _Messages:
    """A `MessageBlock`.

    One product gives, for each small element, E channels for track edges, E for its own next
    node, and E for empty edges.
    """

    def __init__(self, block: MessageBlock) -> None:
        size = block.track.linear.out_features
        detection = block.detection.linear.in_features - size
        to_empty_edge = _parts(block.empty_edge, size, detection)
        to_track_edge = _parts(block.track_edge, size, detection)
        updates = (block.empty, block.track, block.detection)
        to_node = [
            _parts(each, width)
            for each, width in zip(updates, (size, size, detection), strict=True)
        ]
        bias = [each.linear.bias[None] for each in (block.track_edge, *updates, block.empty_edge)]
        self._ends = _grid(  # (4, C, 3 E)
            (None, to_node[_EMPTY][0], to_empty_edge[0]),
            (to_track_edge[0], to_node[_TRACKS][0], None),
            (to_track_edge[1], to_node[_DETECTIONS][0], to_empty_edge[1]),
            (None, None, to_empty_edge[2]),
        )
        self._ends_bias = _grid(  # (4, 1, 3 E)
            (None, bias[1], None),
            (None, bias[2], None),
            (bias[0], bias[3], bias[4]),
            (None, None, None),
        )
        self._edge = to_track_edge[2].contiguous()  # (channels of a track edge, E)
        self._inflow = torch.stack([parts[1] for parts in to_node])  # (3, E, E)
        self._empty_edge = _Rest(block.empty_edge)
        self._track_edge = _Rest(block.track_edge)
        self._empty_gates = _Gates(block.gate_empty, block.gate_empty_detection)
        self._track_gates = _Gates(block.gate_track, block.gate_track_detection)
        norms = [each.norm for each in updates if each.norm is not None]
        self._norms = _Norms(norms) if norms else None

    def __call__(
        self, small: Tensor, edges: Tensor, is_real: Tensor | None, is_pair: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return small elements (4, R, E) and track edges (M, N, E) after the block.

        Args:
            small: float tensor (4, R, C), see `JoinedGraph`.
            edges: float tensor (M, N, C), track edges.
            is_real: See `JoinedGraph._run`.
            is_pair: See `JoinedGraph._run`.
        """
        slots, count = edges.shape[:2]
        size = self._edge.shape[1]
        ends = torch.baddbmm(self._ends_bias, small, self._ends)
        empty, track, detection, empty_edge = ends
        empty_edges = detection[:count, 2 * size :] + empty_edge[:count, 2 * size :]
        empty_edges = self._empty_edge(empty_edges.add_(empty[0, 2 * size :]).relu_())
        x = track[:slots, None, :size] + detection[:count, :size]
        x.view(-1, size).addmm_(edges.flatten(0, 1), self._edge)
        track_edges = self._track_edge(x.relu_())

        from_empty = self._empty_gates(_those(empty_edges, is_real))  # (N, 2, E)
        from_track = self._track_gates(_those(track_edges, is_pair))  # (M, N, 2, E)
        inflow = small.new_zeros(3, small.shape[1], size)
        to_empty, to_track, to_detection = inflow
        torch.sum(from_empty[:, 0], 0, out=to_empty[0])
        torch.sum(from_track[:, :, 0], 1, out=to_track[:slots])
        torch.sum(from_track[:, :, 1], 0, out=to_detection[:count]).add_(from_empty[:, 1])

        nodes = torch.baddbmm(ends[_NODES, :, size : 2 * size], inflow, self._inflow).relu_()
        after = small.new_zeros(4, small.shape[1], size)
        after[_NODES] = nodes if self._norms is None else self._norms(nodes)
        after[_EMPTY_EDGES, :count] = empty_edges
        return after, track_edges


class _Residuals:
    """A `ResidualBlock`."""

    def __init__(self, block: ResidualBlock) -> None:
        small = (block.empty, block.track, block.detection, block.empty_edge)
        self._small = tuple(map(_grouped, zip(*map(_linears, small), strict=True)))
        self._track_edge = tuple(map(_alone, _linears(block.track_edge)))

    def __call__(
        self, small: Tensor, edges: Tensor, is_real: Tensor | None, is_pair: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return small elements and track edges after the block."""
        return _bottleneck(self._small, small), _bottleneck(self._track_edge, edges)


class _Rest:
    """An `Update` after its linear layer and ReLU."""

    def __init__(self, update: Update) -> None:
        inner = () if update.bottleneck is None else _linears(update.bottleneck)
        self._bottleneck, self._norm = tuple(map(_alone, inner)), update.norm

    def __call__(self, x: Tensor) -> Tensor:
        """Return the embedding (..., E)."""
        if self._bottleneck:
            x = _bottleneck(self._bottleneck, x)
        if (norm := self._norm) is None:
            return x
        return functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


class _Gates:
    """Two `Gate`s of the same edges."""

    def __init__(self, first: Gate, second: Gate) -> None:
        assert first.down is not None
        assert first.up is not None
        assert second.down is not None
        assert second.up is not None
        self._down = partial(
            functional.linear,
            weight=torch.cat((first.down.weight, second.down.weight)),
            bias=torch.cat((first.down.bias, second.down.bias)),
        )
        self._up = partial(
            functional.linear,
            weight=torch.block_diag(first.up.weight, second.up.weight),
            bias=torch.cat((first.up.bias, second.up.bias)),
        )

    def __call__(self, edge: Tensor) -> Tensor:
        """Return both messages (..., 2, E) of edges (..., E)."""
        gates: Tensor = self._up(self._down(edge).relu_()).sigmoid_()
        return gates.view(*edge.shape[:-1], 2, edge.shape[-1]).mul_(edge[..., None, :])


class _Norms:
    """A layer norm for each group of elements."""

    def __init__(self, norms: Sequence[nn.LayerNorm]) -> None:
        self._eps = norms[0].eps
        self._weight = torch.stack([each.weight[None] for each in norms])  # (G, 1, C)
        self._bias = torch.stack([each.bias[None] for each in norms])  # (G, 1, C)

    def __call__(self, x: Tensor) -> Tensor:
        """Return a tensor like x (G, R, C)."""
        x = functional.layer_norm(x, x.shape[-1:], eps=self._eps)
        return torch.addcmul(self._bias, x, self._weight)


def _those(x: Tensor, is_one: Tensor | None) -> Tensor:
    """Return x, 0 where there is none."""
    return x if is_one is None else x * is_one


def _bottleneck(layers: Sequence[_Layer], x: Tensor) -> Tensor:
    """Return what a `Bottleneck` of these layers makes of x."""
    y = x
    for layer in layers[:-1]:
        y = layer(y).relu_()
    return layers[-1](y).add_(x).relu_()


def _linears(bottleneck: Bottleneck) -> tuple[nn.Linear, ...]:
    return (bottleneck.down, *bottleneck.middle, bottleneck.up)


def _alone(linear: nn.Linear) -> _Layer:
    return partial(functional.linear, weight=linear.weight, bias=linear.bias)


def _grouped(linears: Sequence[nn.Linear]) -> _Layer:
    """Return a function of (G, R, C), with a linear layer for each group."""
    weight = torch.stack([each.weight.T for each in linears])  # (G, C, C')
    bias = torch.stack([each.bias[None] for each in linears])  # (G, 1, C')
    return lambda x: torch.baddbmm(bias, x, weight)


def _parts(update: Update, *sizes: int) -> Sequence[Tensor]:
    """Return the transposed weights (C_i, E) of the inputs; the last one has what is left."""
    weight = update.linear.weight.T
    return weight.split((*sizes, len(weight) - sum(sizes)))


def _grid(*groups: Sequence[Tensor | None]) -> Tensor:
    """Return tensors (C_i, E) side by side for each group, 0 elsewhere, (G, max C_i, n E)."""
    parts = [part for group in groups for part in group if part is not None]
    height, size = max(map(len, parts)), parts[0].shape[1]
    found = parts[0].new_zeros(len(groups), height, len(groups[0]), size)
    for g, group in enumerate(groups):
        for column, part in enumerate(group):
            if part is not None:
                found[g, : len(part), column] = part
    return found.flatten(2)
