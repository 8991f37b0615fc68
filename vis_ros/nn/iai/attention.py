# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The three attentions of the hybrid association block.

Source: the official code of Zhu et al., ECCV 2022, after Yang et al., "Associating Objects with
Transformers for Video Object Segmentation", NeurIPS 2021. Tokens are the T = h * w cells of a map,
row by row.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 7  # cells that the short-term attention sees in each direction
_WINDOW = (2 * REACH + 1) ** 2
_FAR = -8.0  # score at most that much below that of the nearest cell, when nothing is learned yet


def heads_of(x: Tensor, heads: int) -> Tensor:
    """Return tokens (B, T, C) as (B, heads, T, C / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """Return heads (B, heads, T, C / heads) as tokens (B, T, C)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Attention among the cells of a frame; positions count for queries and keys only."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """Return tokens (B, T, C) of tokens (B, T, C) at positions (T, C)."""
        placed = x + position
        query, key, value = (
            heads_of(part, self.heads)
            for part in (self.query(placed), self.key(placed), self.value(x))
        )
        seen = functional.scaled_dot_product_attention(query, key, value)
        tokens: Tensor = self.out(joined(seen))
        return tokens


class LongTermAttention(nn.Module):
    """Attention to stored tokens; queries, keys and values come ready.

    Args:
        channels: Channels C.
        has_offsets: See `IaiOptions.long_term_offsets`.
    """

    def __init__(self, channels: int, *, has_offsets: bool = False, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.out = nn.Linear(channels, channels)
        self.has_offsets = has_offsets
        if has_offsets:  # of each place of the window, and of all out of it; flat, as biases start
            self.offset_bias = nn.Parameter(torch.zeros(heads * (_WINDOW + 1)))

    @torch.no_grad()
    def prefer_nearby(self, deviation: float) -> None:
        """Start with a Gaussian over the window, see `near_scores`; nothing is out of sight."""
        score = near_scores(deviation).clamp(min=_FAR)
        self.offset_bias.copy_(functional.pad(score, (0, 1), value=_FAR).repeat(self.heads))

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        is_filled: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Return what the memory says to each token, (B, T, C).

        Args:
            query: float tensor (B, T, C).
            key: float tensor (B, M, T, C), of M stored frames.
            value: float tensor (B, M, T, C).
            is_filled: bool tensor (B, M), at least one per stream; the others do not matter.
            size: Rows h and columns w of the map.
        """
        mask: Tensor | None = None
        if key.device.type == 'cpu':  # nothing to wait for: leave out what no stream has filled
            some = torch.nonzero(is_filled.any(0))[:, 0]
            if len(some) < key.shape[1]:
                key, value, is_filled = key[:, some], value[:, some], is_filled[:, some]
        if key.device.type != 'cpu' or not bool(is_filled.all()):
            mask = is_filled.repeat_interleave(key.shape[2], dim=1)[:, None, None]
        if self.has_offsets:
            table = self.offset_bias.unflatten(0, (self.heads, -1))
            bias = table[:, window_offsets(size, key.device)].repeat(1, 1, key.shape[1])[None]
            mask = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
        seen = functional.scaled_dot_product_attention(
            heads_of(query, self.heads),
            heads_of(key.flatten(1, 2), self.heads),
            heads_of(value.flatten(1, 2), self.heads),
            attn_mask=mask,
        )
        tokens: Tensor = self.out(joined(seen))
        return tokens


class ShortTermAttention(nn.Module):
    """Attention to the window of 15x15 cells around each cell, in the previous frame.

    The query says where in the window it looks (`offset_scores`), and each place of the window
    has a value of its own (`offset_values`). Maps are so small that scores of all pairs of cells,
    with those out of the window at minus infinity, cost no more than the window itself.
    """

    def __init__(self, channels: int, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.offset_scores = nn.Conv2d(channels, heads * _WINDOW, 1, groups=heads)
        self.offset_values = nn.Parameter(torch.zeros(1, heads, channels // heads, _WINDOW, 1))
        self.out = nn.Linear(channels, channels)

    @torch.no_grad()
    def prefer_nearby(self, deviation: float) -> None:
        """Start with a Gaussian over the window, whatever the query.

        Args:
            deviation: Its standard deviation [cells], above 0.
        """
        assert self.offset_scores.bias is not None
        self.offset_scores.bias.copy_(near_scores(deviation).repeat(self.heads))

    def forward(self, query: Tensor, key: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
        """Return what the previous frame says to each token, (B, T, C).

        Args:
            query: float tensor (B, T, C).
            key: float tensor (B, T, C).
            value: float tensor (B, T, C).
            size: Rows h and columns w of the map.
        """
        batch, count, channels = query.shape
        offset = window_offsets(size, query.device).expand(batch, self.heads, -1, -1)
        by_offset = self.offset_scores(query.transpose(1, 2)[..., None])  # (B, heads * 225, T, 1)
        by_offset = by_offset.reshape(batch, self.heads, _WINDOW, count).transpose(2, 3)
        outside = by_offset.new_full((batch, self.heads, count, 1), -torch.inf)
        by_offset = torch.cat((by_offset, outside), dim=-1)  # (B, heads, T, 226)
        pairs = heads_of(query, self.heads) @ heads_of(key, self.heads).transpose(2, 3)
        pairs = pairs / math.sqrt(channels / self.heads)
        weight = (pairs + by_offset.gather(3, offset)).softmax(dim=-1)  # (B, heads, T, T)
        seen = weight @ heads_of(value, self.heads)
        weight = torch.zeros_like(by_offset).scatter_add(3, offset, weight)  # each place once
        seen = seen + weight[..., :_WINDOW] @ self.offset_values[..., 0].transpose(2, 3)
        tokens: Tensor = self.out(joined(seen))
        return tokens


def near_scores(deviation: float) -> Tensor:
    """Return the logarithm of a Gaussian over the window, float (225,), 0 in its middle.

    Args:
        deviation: Its standard deviation [cells], above 0.
    """
    away = torch.arange(-REACH, REACH + 1) / deviation
    return (-(away[:, None].square() + away.square()) / 2).flatten()


def window_offsets(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return the place of each cell in the window of each other one, int64 (T, T).

    Places count row by row, 0 at the top left; 225 stands for cells out of the window.
    """
    rows = torch.arange(size[0], device=device).repeat_interleave(size[1])
    columns = torch.arange(size[1], device=device).repeat(size[0])
    dy, dx = rows - rows[:, None], columns - columns[:, None]
    place = (dy + REACH) * (2 * REACH + 1) + dx + REACH
    return torch.where((dy.abs() <= REACH) & (dx.abs() <= REACH), place, _WINDOW)


def positions(size: tuple[int, int], channels: int, like: Tensor) -> Tensor:
    """Return the encoding of the positions of a map's cells, (T, channels): y, then x.

    Both run from 0 to 2 pi; sines and cosines take turns.
    """
    half = channels // 2
    index = torch.arange(half, dtype=like.dtype, device=like.device)
    period = 10000 ** (2 * torch.div(index, 2, rounding_mode='floor') / half)
    codes = []
    for cells in size:
        place = torch.arange(cells, dtype=like.dtype, device=like.device)
        angle = (place / (cells - 1 + 1e-6) * 2 * math.pi)[:, None] / period  # (cells, half)
        codes.append(torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1))
    y, x = codes
    grid = (*size, half)
    return torch.cat((y[:, None].expand(grid), x[None].expand(grid)), dim=2).flatten(0, 1)
