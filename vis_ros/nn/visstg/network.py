# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""VisSTG whole: backbone, pyramid, graph, branches, warp.

Source: Wang et al., "End-to-end Video Instance Segmentation via Spatial-temporal Graph Neural
Networks", ICCV 2021, figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst.config import CondInstConfig
from vis_ros.nn.condinst.head import rows
from vis_ros.nn.condinst.masks import CONTROLLERS
from vis_ros.nn.condinst.pyramid import FeaturePyramid
from vis_ros.nn.picture import check_input
from vis_ros.nn.visstg.config import VisstgOptions, check_options
from vis_ros.nn.visstg.graph import Fused, RelationGraph, Window, windows
from vis_ros.nn.visstg.heads import Branch, Dense
from vis_ros.nn.visstg.nodes import InstanceNodes
from vis_ros.nn.visstg.warp import KernelWarp
from vis_ros.nn.yolact.backbone import ResNetTaps

Levels = tuple[Tensor, ...]
"""Features of the levels P3..P7, (B, D, h, w) each."""


class Past(NamedTuple):
    """M tracks of B streams, as the graph sees them.

    Args:
        is_real: bool tensor (B, M), False for padding.
        centres: float tensor (B, M, 2), centres of their latest boxes in pixels of the input.
        nodes: float tensor (B, M, L, D), see `InstanceNodes`.
    """

    is_real: Tensor
    centres: Tensor
    nodes: Tensor


class Scene(NamedTuple):
    """The last frame.

    Args:
        features: float tensor (B, P, D), its levels, without any past.
        controllers: float tensor (B, P, 169), parameters of its mask networks.
    """

    features: Tensor
    controllers: Tensor


class Output(NamedTuple):
    """What the network makes of a frame of each stream.

    Args:
        levels: Features without any past.
        dense: Predictions of all places.
        edges: float tensor (B, M, E, D), edges after all rounds; None without a graph.
        window: Where they lead; None without a graph.
    """

    levels: Levels
    dense: Dense
    edges: Tensor | None
    window: Window | None

    def scene(self) -> Scene:
        """Return what the next frame needs to know of this one."""
        return Scene(flat(self.levels), self.dense.controllers)


class Visstg(nn.Module):
    """The network, with random parameters.

    Args:
        config: Sizes, see `condinst.video_config`.
        options: How it is built.

    Raises:
        ValueError: Options do not go together.
    """

    def __init__(self, config: CondInstConfig, options: VisstgOptions) -> None:
        super().__init__()
        check_options(options)
        self.config, self.options = config, options
        channels = config.channels
        self.backbone = ResNetTaps(config.backbone)
        self.pyramid = FeaturePyramid(self.backbone.channels, channels)
        self.plain = Branch(config, options)
        if options.branches == 'separate':
            self.temporal = Branch(config, options)
        self.nodes = InstanceNodes(channels, options)
        if options.fusion == 'relation':
            self.graph = RelationGraph(channels, options)
        elif options.fusion == 'concatenation':
            self.merge = _merging(channels)
        if options.association == 'edge':
            self.classify = nn.Sequential(
                nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, 1)
            )
        if options.propagation:
            self.warp = KernelWarp(channels, CONTROLLERS, options)

    def look(self, image: Tensor) -> Levels:
        """Return the features of frames, each for itself.

        Args:
            image: float32 tensor (B, 3, H, W), see `condinst.prepare`.

        Raises:
            ValueError: The size is not a multiple of 32.
        """
        check_input(image)
        levels: Levels = self.pyramid(self.backbone(image))
        return levels

    def interpret(self, levels: Levels, past: Past | None, scene: Scene | None) -> Output:
        """Return what the branches say about frames.

        Args:
            levels: From `look`.
            past: Tracks; None for first frames and where nothing is tracked: the plain branch
                runs then.
            scene: The last frame; None where it is not known or was of another size. Only
                fusion=concatenation looks at it.
        """
        if past is None:
            return Output(levels, self.plain(levels), None, None)
        branch = self.temporal if self.options.branches == 'separate' else self.plain
        if self.options.fusion == 'relation':
            graph, window = self.relate(levels, past)
            fused = unflat(graph.places, levels)
            return Output(levels, branch(fused), graph.edges, window)
        if self.options.fusion == 'concatenation' and scene is not None:
            before = unflat(scene.features, levels)
            pairs = zip(before, levels, strict=True)
            levels_now = tuple(self.merge(torch.cat(pair, dim=1)) for pair in pairs)
            return Output(levels, branch(levels_now), None, None)
        return Output(levels, branch(levels), None, None)

    def relate(self, levels: Levels, past: Past) -> tuple[Fused, Window]:
        """Return the graph after its rounds, and its edges; see `RelationGraph`."""
        window = windows(past.centres, past.is_real, _shapes(levels), self.options.windows)
        nodes = past.nodes * past.is_real[..., None, None]
        return self.graph(nodes, flat(levels), window), window

    def edge_logits(self, edges: Tensor) -> Tensor:
        """Return how surely edges (..., D) connect nodes of one instance, logits (...)."""
        logits: Tensor = self.classify(edges)[..., 0]
        return logits

    def propagate(self, levels: Levels, scene: Scene, image: Tensor, place: Tensor) -> Tensor:
        """Return the mask networks of the last frame, warped to places of this one, (N, 169).

        Args:
            levels: Features of this frame.
            scene: The last frame.
            image: int64 tensor (N,).
            place: int64 tensor (N,).
        """
        before = unflat(scene.features, levels)
        difference = [now - then for now, then in zip(levels, before, strict=True)]
        return self.warp.at(scene.controllers, self.warp.offsets(difference), image, place)


def flat(levels: Sequence[Tensor]) -> Tensor:
    """Return levels (B, D, h, w) as places (B, P, D), finest level first, row by row."""
    return torch.cat([rows(level) for level in levels], dim=1)


def unflat(places: Tensor, like: Sequence[Tensor]) -> Levels:
    """Return places (B, P, C) as levels (B, C, h, w), of the sizes of `like`."""
    parts = places.split([level.shape[2] * level.shape[3] for level in like], dim=1)
    return tuple(
        part.transpose(1, 2).unflatten(2, level.shape[2:])
        for part, level in zip(parts, like, strict=True)
    )


def _shapes(levels: Sequence[Tensor]) -> list[tuple[int, int]]:
    return [(level.shape[2], level.shape[3]) for level in levels]


def _merging(channels: int) -> nn.Conv2d:
    """Return a convolution over last and current features that begins with the current ones."""
    conv = nn.Conv2d(2 * channels, channels, 3, padding=1)
    with torch.no_grad():
        conv.weight[:, :channels].mul_(0.1)
        conv.weight[:, channels:] = nn.init.dirac_(torch.empty(channels, channels, 3, 3))
        assert conv.bias is not None
        conv.bias.zero_()
    return conv
