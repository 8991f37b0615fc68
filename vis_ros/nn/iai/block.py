# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid association block: what earlier frames say to the features of this one.

Source: the official code of Zhu et al., ECCV 2022 (one layer of the long short-term transformer of
Yang et al., NeurIPS 2021, with a gated feed-forward network).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.iai.attention import (
    LongTermAttention,
    SelfAttention,
    ShortTermAttention,
    positions,
)
from vis_ros.nn.iai.config import IaiOptions
from vis_ros.nn.iai.memory import IaiMemory

_GROUPS = 32
_EPSILON = 1e-5


class Encoded(NamedTuple):
    """What the block makes of a frame.

    Args:
        tokens: float tensor (B, T, C), output.
        key: float tensor (B, T, C), to be remembered.
        content: float tensor (B, T, C), to be remembered with the identities; see
            `AssociationBlock.value`.
    """

    tokens: Tensor
    key: Tensor
    content: Tensor


class ChannelGate(nn.Module):
    """Gates of channels that compete with each other.

    Source: Yang et al., "Gated Channel Transformation for Visual Recognition", CVPR 2020.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        shape = (1, channels, 1, 1)
        self.alpha = nn.Parameter(torch.ones(shape))
        self.gamma = nn.Parameter(torch.zeros(shape))
        self.beta = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of `x`, (B, C, h, w)."""
        energy = self.alpha * (x.square().sum((2, 3), keepdim=True) + _EPSILON).sqrt()
        norm = self.gamma / (energy.square().mean(1, keepdim=True) + _EPSILON).sqrt()
        return x * (1 + torch.tanh(energy * norm + self.beta))


class FeedForward(nn.Module):
    """Feed-forward network with group norm, channel gates and a look at the neighbours."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = 4 * channels
        self.widen = nn.Linear(channels, inside)
        self.norm = nn.GroupNorm(_GROUPS, inside)
        self.gate = ChannelGate(inside)
        self.spread = nn.Conv2d(inside, inside, 5, padding=2, groups=inside, bias=False)
        self.narrow = nn.Linear(inside, channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return tokens (B, T, C) of tokens of a map of size (h, w)."""
        grid = self.widen(x).transpose(1, 2).unflatten(2, size)  # (B, 4C, h, w)
        grid = self.spread(self.gate(functional.gelu(self.norm(grid))))
        tokens: Tensor = self.narrow(grid.flatten(2).transpose(1, 2))
        return tokens


class AssociationBlock(nn.Module):
    """One layer: self-attention, memory, feed-forward.

    A frame's key and content do not depend on the memory, so that each frame is encoded once.

    Args:
        channels: Channels C.
        options: Which memories take part.
    """

    def __init__(self, channels: int, options: IaiOptions) -> None:
        super().__init__()
        self.options = options
        self.self_norm, self.memory_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.self_attention = SelfAttention(channels)
        self.key = nn.Linear(channels, channels)  # queries too
        self.to_value = nn.Linear(channels, channels)
        if options.long_term:
            has_offsets = options.long_term_offsets
            self.long_term = LongTermAttention(channels, has_offsets=has_offsets)
        if options.short_term:
            self.short_term = ShortTermAttention(channels)
        self.forward_norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels)
        self.out_norm = nn.LayerNorm(channels)
        for parameter in self.parameters():
            if parameter.ndim > 1:  # the code does so too, gates and window values included
                nn.init.xavier_uniform_(parameter)

    def prefer_nearby(self, deviation: float) -> None:
        """Let all attention that knows of places start with a liking for what was near.

        Args:
            deviation: See `near_scores`.
        """
        if self.options.short_term:
            self.short_term.prefer_nearby(deviation)
        if self.options.long_term and self.options.long_term_offsets:
            self.long_term.prefer_nearby(deviation)

    def value(self, content: Tensor, identities: Tensor) -> Tensor:
        """Return the value to be remembered of content (B, T, C) and embedded identities."""
        value: Tensor = self.to_value(content + identities)
        return value

    def forward(self, features: Tensor, memory: IaiMemory | None, nobody: Tensor) -> Encoded:
        """Encode a frame.

        Args:
            features: float tensor (B, C, h, w).
            memory: What was before; of maps of the same size. None for a first frame: it then
                looks at itself.
            nobody: float tensor (C,), embedding of no identity, not even the background.
        """
        size = (features.shape[2], features.shape[3])
        x = features.flatten(2).transpose(1, 2)  # (B, T, C)
        x = x + self.self_attention(self.self_norm(x), positions(size, x.shape[2], x))
        content = self.memory_norm(x)
        key = self.key(content)
        if memory is None:
            value = self.value(content, nobody)
            is_filled = torch.ones(len(x), 1, dtype=torch.bool, device=x.device)
            short, long = (key, value), (key[:, None], value[:, None], is_filled)
        else:
            short = (memory.short_key, memory.short_value)
            long = (memory.long_key, memory.long_value, memory.is_filled)
        seen = torch.zeros_like(x)
        if self.options.long_term:
            seen = seen + self.long_term(key, *long, size)
        if self.options.short_term:
            seen = seen + self.short_term(key, *short, size)
        x = x + seen
        x = x + self.feed_forward(self.forward_norm(x), size)
        return Encoded(self.out_norm(x), key, content)
