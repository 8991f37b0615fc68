# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Swin Transformer for inputs of any size.

Source: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV
2021, as Mask2Former uses it: maps are padded to whole windows, every second block shifts them, and
each stage has a norm of its own. Maps are (B, h, w, C).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.ifr.config import SwinSizes

_PATCH = 4
_WIDEN = 4  # of the feed-forward networks
_DEVIATION = 0.02  # of initial weights


class WindowAttention(nn.Module):
    """Attention within windows, with a learned bias for each relative position.

    Args:
        channels: Channels C.
        heads: Heads.
        window: Side of the windows.
    """

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=_DEVIATION)
        self.register_buffer('place', _relative_places(window), persistent=False)
        self.place: Tensor

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return windows of the shape of `x`.

        Args:
            x: float tensor (B, W, T, C), W windows of T cells.
            mask: bool tensor (W, T, T), pairs of cells that see each other; None for all.
        """
        count = x.shape[2]
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1)).transpose(2, 4)
        query, key, value = parts.unbind(-3)  # (B, W, heads, T, C / heads)
        bias = self.bias_table[self.place.flatten()].unflatten(0, (count, count))
        bias = bias.permute(2, 0, 1)  # (heads, T, T)
        if mask is not None:
            bias = bias + torch.where(mask, 0.0, -torch.inf).to(bias.dtype)[:, None]
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype)
        )
        windows: Tensor = self.out(seen.transpose(2, 3).flatten(3))
        return windows


def _relative_places(window: int) -> Tensor:
    """Return for each pair of cells of a window its row of the bias table, int64 (T, T)."""
    y, x = (part.flatten() for part in torch.meshgrid(*[torch.arange(window)] * 2, indexing='ij'))
    dy, dx = y[:, None] - y + window - 1, x[:, None] - x + window - 1
    return dy * (2 * window - 1) + dx


class SwinBlock(nn.Module):
    """Attention in windows, then a feed-forward network; both beside a shortcut.

    Args:
        channels: Channels C.
        heads: Heads.
        window: Side of the windows.
        shift: Cells by which the windows are shifted.
        drop_path: Rate at which both are left out in training, image by image.
    """

    def __init__(
        self, channels: int, heads: int, window: int, *, shift: int, drop_path: float
    ) -> None:
        super().__init__()
        self.window, self.shift, self.drop_path = window, shift, drop_path
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, window)
        self.forward_norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, _WIDEN * channels)
        self.narrow = nn.Linear(_WIDEN * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of `x`, (B, h, w, C)."""
        x = x + self._dropped(self._attend(self.attention_norm(x)))
        inside = functional.gelu(self.widen(self.forward_norm(x)))
        return x + self._dropped(self.narrow(inside))

    def _dropped(self, x: Tensor) -> Tensor:
        if not (self.training and self.drop_path):
            return x
        keep = 1 - self.drop_path
        chosen = torch.rand(len(x), 1, 1, 1, device=x.device) < keep
        return x * chosen.to(x.dtype) / keep

    def _attend(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[1:3]
        side = self.window
        x = functional.pad(x, (0, 0, 0, -columns % side, 0, -rows % side))
        mask = None
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
            mask = _visible(x.shape[1], x.shape[2], side, self.shift, x.device)
        high, wide = x.shape[1] // side, x.shape[2] // side
        x = x.unflatten(2, (wide, side)).unflatten(1, (high, side)).transpose(2, 3)
        x = self.attention(x.flatten(3, 4).flatten(1, 2), mask)  # (B, high * wide, T, C)
        x = x.unflatten(2, (side, side)).unflatten(1, (high, wide)).transpose(2, 3)
        x = x.flatten(3, 4).flatten(1, 2)  # (B, h, w, C)
        if self.shift:
            x = x.roll((self.shift, self.shift), (1, 2))
        return x[:, :rows, :columns]


def _visible(rows: int, columns: int, side: int, shift: int, device: torch.device) -> Tensor:
    """Return which cells of shifted windows were neighbours before the shift, bool (W, T, T)."""

    def zones(count: int) -> Tensor:
        place = torch.arange(count, device=device)
        return (place >= count - side).long() + (place >= count - shift).long()

    zone = 3 * zones(rows)[:, None] + zones(columns)
    zone = zone.unflatten(1, (-1, side)).unflatten(0, (-1, side)).transpose(1, 2)
    zone = zone.flatten(2).flatten(0, 1)  # (W, T)
    return zone[:, :, None] == zone[:, None]


class Merging(nn.Module):
    """Four cells become one with twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduce = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, h / 2, w / 2, 2C) of (B, h, w, C)."""
        x = functional.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        parts = [x[:, row::2, column::2] for column in range(2) for row in range(2)]
        merged: Tensor = self.reduce(self.norm(torch.cat(parts, dim=-1)))
        return merged


class Swin(nn.Module):
    """The whole backbone.

    Args:
        sizes: Of the network.
    """

    def __init__(self, sizes: SwinSizes) -> None:
        super().__init__()
        self.channels = tuple(sizes.channels * 2**k for k in range(len(sizes.depths)))
        self.embed = nn.Conv2d(3, sizes.channels, _PATCH, _PATCH)
        self.embed_norm = nn.LayerNorm(sizes.channels)
        rates = torch.linspace(0, sizes.drop_path, sum(sizes.depths)).tolist()
        self.stages, self.merges, self.norms = (nn.ModuleList() for _ in range(3))
        for k, (depth, heads) in enumerate(zip(sizes.depths, sizes.heads, strict=True)):
            blocks = []
            for index in range(depth):
                shift = sizes.window // 2 if index % 2 else 0
                block = SwinBlock(
                    self.channels[k], heads, sizes.window, shift=shift, drop_path=rates.pop(0)
                )
                blocks.append(block)
            self.stages.append(nn.Sequential(*blocks))
            self.norms.append(nn.LayerNorm(self.channels[k]))
            if k + 1 < len(sizes.depths):
                self.merges.append(Merging(self.channels[k]))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=_DEVIATION)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return maps (B, C, h, w) of strides 4, 8, 16, 32 of images, float32 (B, 3, H, W)."""
        below, right = -image.shape[-2] % _PATCH, -image.shape[-1] % _PATCH
        x = self.embed(functional.pad(image, (0, right, 0, below)))
        x = self.embed_norm(x.permute(0, 2, 3, 1))
        maps = []
        for k, stage in enumerate(self.stages):
            x = stage(x)
            maps.append(self.norms[k](x).permute(0, 3, 1, 2).contiguous())
            if k < len(self.merges):
                x = self.merges[k](x)
        return tuple(maps)
