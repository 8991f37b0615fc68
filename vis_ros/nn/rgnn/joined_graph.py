# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The graph network for inference: the same sums in fewer calls.

Its elements are few and its layers small, so that a step of `GraphNetwork` takes the time of its
calls, more than that of its arithmetic: of modules, and of 159 operations beside views, on a GPU
kernels. Here are 94, and no modules: nodes and empty edges lie in one tensor and go through their
layers together, the layers of the two gates of an edge are one, and what a linear layer makes of
the ends of an edge is computed once for each end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.graph import Graph, GraphNetwork, MessageBlock, ResidualBlock
from vis_ros.nn.rgnn.layers import Bottleneck, Gate, Update

_EMPTY, _TRACKS, _DETECTIONS, _EMPTY_EDGES = range(4)  # groups of small elements
_NODES = slice(_EMPTY_EDGES)


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

    def forward(
        self, graph: Graph, is_alive: Tensor | None = None, is_real: Tensor | None = None
    ) -> Graph:
        """Return the graph after all blocks; see `GraphNetwork.forward`.

        Args:
            graph: Initial features.
            is_alive: bool tensor (1, M), tracks that exist; None where all do.
            is_real: bool tensor (1, N), detections that are no padding; None where all are.

        Raises:
            ValueError: There is not just one stream.
        """
        streams, slots, count = graph.track_edges.shape[:3]
        if streams != 1:
            raise ValueError(f'graph: expected one stream, got {streams}')
        if graph.track_edges.device != self._device:
            self._join(graph.track_edges.device)
        is_pair = None
        if is_alive is not None and is_real is not None:
            is_pair = (is_alive[0, :, None] & is_real).view(-1, 1)  # (M * N, 1)
            is_real = is_real[0, :, None]
        edges = graph.track_edges[0].flatten(0, 1)
        size = max(part.shape[-1] for part in graph[:4])
        small = edges.new_zeros(4, max(slots, count, 1), size)
        for group, part in zip(small, (graph.empty, *graph[1:4]), strict=True):
            group[: part.shape[-2], : part.shape[-1]] = part
        for block in self._blocks:
            small, edges = block(small, edges, (slots, count), is_real, is_pair)
        empty, tracks, detections, empty_edges = small[:, None]
        return Graph(
            empty[:, 0],
            tracks[:, :slots],
            detections[:, :count],
            empty_edges[:, :count],
            edges.view(1, slots, count, edges.shape[1]),
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
        self,
        small: Tensor,
        edges: Tensor,
        shape: tuple[int, int],
        is_real: Tensor | None,
        is_pair: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return small elements (4, R, E) and track edges (M * N, E) after the block.

        Args:
            small: float tensor (4, R, C), see `JoinedGraph`.
            edges: float tensor (M * N, C), track edges.
            shape: M and N.
            is_real: bool tensor (N, 1), real detections; None where all are.
            is_pair: bool tensor (M * N, 1), edges whose ends are real; None where all are.
        """
        slots, count = shape
        size = self._edge.shape[1]
        ends = torch.baddbmm(self._ends_bias, small, self._ends)
        empty, track, detection, empty_edge = ends
        empty_edges = detection[:count, 2 * size :] + empty_edge[:count, 2 * size :]
        empty_edges = self._empty_edge(empty_edges.add_(empty[0, 2 * size :]).relu_())
        x = (track[:slots, None, :size] + detection[:count, :size]).flatten(0, 1)
        track_edges = self._track_edge(x.addmm_(edges, self._edge).relu_())

        from_empty = self._empty_gates(_those(empty_edges, is_real))  # (N, 2, E)
        from_track = self._track_gates(_those(track_edges, is_pair)).unflatten(0, shape)
        inflow = small.new_zeros(3, small.shape[1], size)
        to_empty, to_track, to_detection = inflow
        torch.sum(from_empty[:, 0], 0, out=to_empty[0])
        torch.sum(from_track[:, :, 0], 1, out=to_track[:slots])
        torch.sum(from_track[:, :, 1], 0, out=to_detection[:count]).add_(from_empty[:, 1])

        nodes = torch.baddbmm(ends[_NODES, :, size : 2 * size], inflow, self._inflow).relu_()
        after = small.new_zeros(4, small.shape[1], size)
        if self._norms is None:
            after[_NODES] = nodes
        else:
            self._norms(nodes, out=after[_NODES])
        after[_EMPTY_EDGES, :count] = empty_edges
        return after, track_edges


class _Residuals:
    """A `ResidualBlock`."""

    def __init__(self, block: ResidualBlock) -> None:
        self._small = _Bottlenecks(block.empty, block.track, block.detection, block.empty_edge)
        self._track_edge = _Bottlenecks(block.track_edge)

    def __call__(self, small: Tensor, edges: Tensor, *_: object) -> tuple[Tensor, Tensor]:
        """Return small elements and track edges after the block; see `_Messages.__call__`."""
        return self._small(small), self._track_edge(edges)


class _Bottlenecks:
    """A `Bottleneck` for each group of elements (G, R, C); where there is one, of (R, C).

    The bias of the last layer is the weight of one more channel that is always 1, so that the
    input is what its product is added to.
    """

    def __init__(self, *bottlenecks: Bottleneck) -> None:
        layers = [(each.down, *each.middle) for each in bottlenecks]
        groups = list(zip(*layers, strict=True))  # of each layer
        weights = [_stacked([each.weight.T for each in group]) for group in groups]
        biases = [_stacked([each.bias[None] for each in group]) for group in groups]
        weights[-1] = functional.pad(weights[-1], (0, 1))
        biases[-1] = functional.pad(biases[-1], (0, 1), value=1.0)
        self._layers = tuple(zip(biases, weights, strict=True))
        ups = [torch.cat((each.up.weight.T, each.up.bias[None])) for each in bottlenecks]
        self._up = _stacked(ups)
        self._product = torch.addmm if len(bottlenecks) == 1 else torch.baddbmm

    def __call__(self, x: Tensor) -> Tensor:
        """Return a tensor like x."""
        y = x
        for bias, weight in self._layers:
            y = self._product(bias, y, weight).relu_()
        return self._product(x, y, self._up).relu_()


def _stacked(parts: list[Tensor]) -> Tensor:
    """Return tensors as one, (G, ...); a single one as it is."""
    return torch.stack(parts) if len(parts) > 1 else parts[0].contiguous()


class _Rest:
    """An `Update` after its linear layer and ReLU."""

    def __init__(self, update: Update) -> None:
        inner = update.bottleneck
        self._bottleneck = None if inner is None else _Bottlenecks(inner)
        self._norm = update.norm

    def __call__(self, x: Tensor) -> Tensor:
        """Return the embeddings (R, E)."""
        if self._bottleneck is not None:
            x = self._bottleneck(x)
        if (norm := self._norm) is None:
            return x
        return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


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
        """Return both messages (R, 2, E) of edges (R, E)."""
        gates: Tensor = self._up(self._down(edge).relu_()).sigmoid_()
        return gates.view(-1, 2, edge.shape[1]).mul_(edge[:, None])


class _Norms:
    """A layer norm for each group of elements."""

    def __init__(self, norms: Sequence[nn.LayerNorm]) -> None:
        self._eps = norms[0].eps
        self._weight = torch.stack([each.weight[None] for each in norms])  # (G, 1, C)
        self._bias = torch.stack([each.bias[None] for each in norms])  # (G, 1, C)

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Write into a tensor like x (G, R, C)."""
        x = torch.layer_norm(x, x.shape[-1:], eps=self._eps)
        torch.addcmul(self._bias, x, self._weight, out=out)


def _those(x: Tensor, is_one: Tensor | None) -> Tensor:
    """Return x (R, C), 0 where there is none (R, 1)."""
    return x if is_one is None else x * is_one


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
