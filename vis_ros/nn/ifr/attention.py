# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Multi-head attention with a mask (equation 1), and the feed-forward network beside it.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, section 3.1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.ifr.config import IfrOptions


class Memory(NamedTuple):
    """Projected keys and values.

    Args:
        key: float tensor (..., heads, S, C / heads).
        value: float tensor (..., heads, S, C / heads).
    """

    key: Tensor
    value: Tensor

    def frame(self, index: int) -> Memory:
        """Return those of one frame of (B, n, ...)."""
        return Memory(self.key[:, index], self.value[:, index])


class Attention(nn.Module):
    """Equation 1 with heads; queries and keys come with their positions added.

    Args:
        channels: Channels C.
        heads: Heads.
        options: What the mask does, and the scale.
    """

    def __init__(self, channels: int, heads: int, options: IfrOptions) -> None:
        super().__init__()
        self.heads = heads
        self.is_product = options.masking == 'product'
        self.scale = 1 / math.sqrt(channels / heads if options.scale == 'head' else channels)
        self.query, self.key, self.value, self.out = (
            nn.Linear(channels, channels) for _ in range(4)
        )
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def remember(self, key: Tensor, value: Tensor) -> Memory:
        """Return projected keys and values of tokens (..., S, C)."""
        return Memory(self._split(self.key(key)), self._split(self.value(value)))

    def forward(self, query: Tensor, memory: Memory, mask: Tensor | None = None) -> Tensor:
        """Return tokens (..., Q, C).

        Args:
            query: float tensor (..., Q, C).
            memory: What `remember` gave, with S tokens.
            mask: bool tensor (..., Q, S), M of equation 1: what each query may look at, at least
                one token; None for all.
        """
        heads = self._split(self.query(query))
        mask = None if mask is None else mask[..., None, :, :]
        if self.is_product and mask is not None:
            scores = (heads @ memory.key.transpose(-1, -2)) * mask * self.scale
            seen = scores.softmax(dim=-1) @ memory.value
        else:
            seen = functional.scaled_dot_product_attention(
                heads, memory.key, memory.value, attn_mask=mask, scale=self.scale
            )
        tokens: Tensor = self.out(seen.transpose(-3, -2).flatten(-2))
        return tokens

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)


class FeedForward(nn.Module):
    """Two layers beside a shortcut, and a norm.

    Args:
        channels: Channels C.
        width: Channels between the layers.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, width)
        self.narrow = nn.Linear(width, channels)
        self.norm = nn.LayerNorm(channels)
        for layer in (self.widen, self.narrow):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the shape of `x`, (..., C)."""
        tokens: Tensor = self.norm(x + self.narrow(functional.relu(self.widen(x))))
        return tokens


def open_where_empty(mask: Tensor) -> Tensor:
    """Return a mask (..., Q, S) in which queries that saw nothing see everything."""
    return mask | ~mask.any(dim=-1, keepdim=True)


def sharing(options: IfrOptions, queries: int, frames: Tensor, is_filled: Tensor) -> Tensor | None:
    """Return which frame-level queries each clip-level query gathers from, None for all.

    Args:
        options: Whether instances see each other.
        queries: Number of queries N.
        frames: bool tensor (m, F), frames that clip-level queries of each moment see.
        is_filled: bool tensor (B, F, N), frame-level queries that count.

    Returns:
        bool tensor (B, m * N, F * N).
    """
    # only on the host: to ask a GPU costs more than the mask
    if options.temporal == 'all' and frames.is_cpu and bool(frames.all() & is_filled.all()):
        return None
    mask = frames[None, :, None, :, None] & is_filled[:, None, None]  # (B, m, 1, F, N)
    if options.temporal == 'own':
        own = torch.eye(queries, dtype=torch.bool, device=frames.device)
        mask = mask & own[:, None]
    return mask.expand(-1, -1, queries, -1, -1).flatten(3).flatten(1, 2)
