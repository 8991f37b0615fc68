# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The small functions that the graph is made of.

Source: Johnander et al., equations 1, 2 and 9, and table 8.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnOptions


class Bottleneck(nn.Module):
    """relu(x + up(relu(...(relu(down(x))))).

    Args:
        channels: Channels of input and output.
        inner: Channels inside.
        layers: Linear layers, 2 or 3.
    """

    def __init__(self, channels: int, inner: int, *, layers: int) -> None:
        super().__init__()
        self.down = nn.Linear(channels, inner)
        self.middle = nn.ModuleList(nn.Linear(inner, inner) for _ in range(layers - 2))
        self.up = nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of x (..., channels), 0 or more."""
        y = functional.relu(self.down(x))
        for layer in self.middle:
            y = functional.relu(layer(y))
        return functional.relu(x + self.up(y))


class Update(nn.Module):
    """f of equation 1: a linear layer and a ReLU, and what the options add.

    Args:
        inputs: Channels of the concatenated inputs.
        outputs: Channels of the embedding.
        options: Layer norm, and the second layer of the `mlp` variant.
        has_bottleneck: A residual bottleneck follows (edges of the first block).
    """

    def __init__(
        self, inputs: int, outputs: int, options: RgnnOptions, *, has_bottleneck: bool = False
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        is_mlp = options.node_update == 'mlp'
        self.second = nn.Linear(outputs, outputs) if is_mlp else None
        self.bottleneck = inner_bottleneck(outputs, options) if has_bottleneck else None
        self.norm = nn.LayerNorm(outputs) if options.layer_norm else None

    def forward(self, *parts: Tensor) -> Tensor:
        """Return the embedding (..., outputs) of parts (..., C) in their order."""
        x = functional.relu(self.linear(torch.cat(parts, dim=-1)))
        if self.second is not None:
            x = functional.relu(self.second(x))
        if self.bottleneck is not None:
            x = self.bottleneck(x)
        return x if self.norm is None else self.norm(x)


class Gate(nn.Module):
    """An edge times what the gate g of equation 1 lets through; the edge itself without a gate."""

    def __init__(self, channels: int, options: RgnnOptions) -> None:
        super().__init__()
        is_gated = options.node_update == 'gated'
        self.down = nn.Linear(channels, channels // 4) if is_gated else None
        self.up = nn.Linear(channels // 4, channels) if is_gated else None

    def forward(self, edge: Tensor) -> Tensor:
        """Return the message (..., channels) of edges of the same shape."""
        if self.down is None or self.up is None:
            return edge
        return edge * torch.sigmoid(self.up(functional.relu(self.down(edge))))


def inner_bottleneck(channels: int, options: RgnnOptions) -> Bottleneck:
    """Return a bottleneck of the graph, a quarter as wide inside."""
    return Bottleneck(channels, channels // 4, layers=options.bottleneck_layers)
