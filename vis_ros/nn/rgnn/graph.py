# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bipartite graph of tracks and detections, and the blocks that update it.

Source: Johnander et al., section 3.1. The empty track and its edges have weights of their own.
Equation 9 of the ++ paper lets the old edges reach the nodes; the code and equation 1 let the new
ones, and only these have the right size in the first block, so it is taken for a slip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.layers import Gate, Update, inner_bottleneck


class Graph(NamedTuple):
    """Embeddings of all elements; C is E after the first block.

    Args:
        empty: float tensor (B, C), node of the empty track.
        tracks: float tensor (B, M, C).
        detections: float tensor (B, N, C).
        empty_edges: float tensor (B, N, C).
        track_edges: float tensor (B, M, N, C).
    """

    empty: Tensor
    tracks: Tensor
    detections: Tensor
    empty_edges: Tensor
    track_edges: Tensor


class GraphNetwork(nn.Module):
    """Message blocks, each followed by a residual block.

    Args:
        sizes: Sizes of the embeddings.
        detection: Channels of the detection nodes at first.
        options: Variants.
    """

    def __init__(self, sizes: RgnnSizes, detection: int, options: RgnnOptions) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for index in range(options.blocks):
            channels = (detection, 1, 2) if index == 0 else (sizes.embedding,) * 3
            self.blocks.append(MessageBlock(sizes.embedding, channels, options, index == 0))
            if options.residual_blocks:
                self.blocks.append(ResidualBlock(sizes.embedding, options))

    def forward(self, graph: Graph, is_alive: Tensor, is_real: Tensor) -> Graph:
        """Return the graph after all blocks.

        Args:
            graph: Initial features.
            is_alive: bool tensor (B, M), tracks that exist.
            is_real: bool tensor (B, N), detections that are no padding.
        """
        detections = is_real[..., None].to(graph.tracks.dtype)  # (B, N, 1)
        edges = (is_alive[..., None] & is_real[:, None])[..., None].to(graph.tracks.dtype)
        for block in self.blocks:
            graph = block(graph, detections, edges)
        return graph


class MessageBlock(nn.Module):
    """Equation 1: edges from their ends, then nodes from the gated sum of their new edges.

    Args:
        size: Channels E of the embeddings.
        channels: Channels of detection nodes, empty edges and track edges at the input.
        options: Variants.
        is_first: The edge functions end with a bottleneck.
    """

    def __init__(
        self, size: int, channels: tuple[int, int, int], options: RgnnOptions, is_first: bool
    ) -> None:
        super().__init__()
        detection, empty_edge, track_edge = channels
        around = size + detection
        self.empty_edge = Update(around + empty_edge, size, options, has_bottleneck=is_first)
        self.track_edge = Update(around + track_edge, size, options, has_bottleneck=is_first)
        self.gate_empty, self.gate_track = Gate(size, options), Gate(size, options)
        self.gate_empty_detection = Gate(size, options)
        self.gate_track_detection = Gate(size, options)
        self.empty = Update(2 * size, size, options)
        self.track = Update(2 * size, size, options)
        self.detection = Update(detection + size, size, options)

    def forward(self, graph: Graph, detections: Tensor, edges: Tensor) -> Graph:
        """Return the new graph.

        Args:
            graph: Elements before this block.
            detections: float tensor (B, N, 1), 1 for real detections, else 0.
            edges: float tensor (B, M, N, 1), 1 where both ends are real, else 0.
        """
        count, slots = graph.detections.shape[1], graph.tracks.shape[1]
        empty = graph.empty[:, None].expand(-1, count, -1)
        empty_edges = self.empty_edge(empty, graph.detections, graph.empty_edges)
        track_edges = self.track_edge(
            graph.tracks[:, :, None].expand(-1, -1, count, -1),
            graph.detections[:, None].expand(-1, slots, -1, -1),
            graph.track_edges,
        )
        to_empty = (self.gate_empty(empty_edges) * detections).sum(1)  # (B, E)
        to_track = (self.gate_track(track_edges) * edges).sum(2)  # (B, M, E)
        to_detection = self.gate_empty_detection(empty_edges) * detections
        to_detection = to_detection + (self.gate_track_detection(track_edges) * edges).sum(1)
        return Graph(
            empty=self.empty(graph.empty, to_empty),
            tracks=self.track(graph.tracks, to_track),
            detections=self.detection(graph.detections, to_detection),
            empty_edges=empty_edges,
            track_edges=track_edges,
        )


class ResidualBlock(nn.Module):
    """Equation 2: each element for itself."""

    def __init__(self, size: int, options: RgnnOptions) -> None:
        super().__init__()
        self.empty = inner_bottleneck(size, options)
        self.track = inner_bottleneck(size, options)
        self.detection = inner_bottleneck(size, options)
        self.empty_edge = inner_bottleneck(size, options)
        self.track_edge = inner_bottleneck(size, options)

    def forward(self, graph: Graph, detections: Tensor, edges: Tensor) -> Graph:
        """Return the new graph; which elements are real does not matter here."""
        return Graph(
            self.empty(graph.empty),
            self.track(graph.tracks),
            self.detection(graph.detections),
            self.empty_edge(graph.empty_edges),
            self.track_edge(graph.track_edges),
        )


class PairNetwork(nn.Module):
    """The ablation without a graph network (section 4.4.1).

    A pair is judged by its similarities alone; then each track takes in its best pair.
    """

    def __init__(self, sizes: RgnnSizes, detection: int, options: RgnnOptions) -> None:
        super().__init__()
        size = sizes.embedding
        self.empty_edge = Update(1, size, options, has_bottleneck=True)
        self.track_edge = Update(2, size, options, has_bottleneck=True)
        self.empty = Update(size, size, options)
        self.track = Update(2 * size + detection, size, options)
        self.detection = Update(detection, size, options)

    def forward(self, graph: Graph) -> Graph:
        """Return edges and detection nodes; `adopt` gives the tracks."""
        return Graph(
            self.empty(graph.empty),
            graph.tracks,
            self.detection(graph.detections),
            self.empty_edge(graph.empty_edges),
            self.track_edge(graph.track_edges),
        )

    def adopt(self, before: Graph, after: Graph, assigned: Tensor) -> Tensor:
        """Return track nodes (B, M, E), each with its best pair.

        Args:
            before: Initial features.
            after: What `forward` returned.
            assigned: int64 tensor (B, M), detection of each track, or -1.
        """
        has_one = (assigned >= 0)[..., None]
        index = assigned.clamp(min=0)[..., None]
        size = after.track_edges.shape[-1]
        edge = after.track_edges.gather(2, index[..., None].expand(-1, -1, -1, size))[:, :, 0]
        node = before.detections.gather(1, index.expand(-1, -1, before.detections.shape[-1]))
        found = torch.where(has_one, torch.cat((edge, node), -1), 0.0)
        tracks: Tensor = self.track(before.tracks, found)
        return tracks
