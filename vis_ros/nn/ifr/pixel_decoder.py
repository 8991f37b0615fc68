# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask2Former's pixel decoder: multi-scale deformable attention, then one step up to stride 4.

Source: Cheng et al., "Masked-attention Mask Transformer for Universal Image Segmentation", CVPR
2022, with the encoder of Zhu et al., "Deformable DETR", ICLR 2021. It is computed here and not by
`transformers` for the names of its parameters change from one release of that package to the next,
and weights files must outlive them; a test holds both outputs against each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.ifr.config import LEVELS, IfrSizes
from vis_ros.ops.transfer import constant

_GROUPS = 32
_POINTS = 4  # that a cell looks at, of each level, with each head
_TEMPERATURE = 10000.0


def positions(size: tuple[int, int], channels: int, device: torch.device) -> Tensor:
    """Return the encoding of the positions of a map, float32 (channels, h, w): y, then x.

    Both run from above 0 to 2 pi; sines and cosines take turns.
    """
    half = channels // 2
    index = torch.arange(half, device=device)
    period = _TEMPERATURE ** (2 * torch.div(index, 2, rounding_mode='floor') / half)
    codes = []
    for cells in size:
        place = torch.arange(1, cells + 1, dtype=torch.float32, device=device)
        angle = (place / (cells + 1e-6) * 2 * math.pi)[:, None] / period
        codes.append(torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1))
    y, x = codes
    y = y.T[:, :, None].expand(half, *size)
    return torch.cat((y, x.T[:, None].expand(half, *size)))


class DeformableAttention(nn.Module):
    """Each cell looks at a few points of each level, which it chooses itself.

    Args:
        channels: Channels C.
        heads: Heads.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        looks = heads * LEVELS * _POINTS
        self.offsets = nn.Linear(channels, 2 * looks)
        self.weights = nn.Linear(channels, looks)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)
        self._initialise()

    def _initialise(self) -> None:
        """Let the heads look into different directions, and their points ever further."""
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        ahead = torch.stack((angle.cos(), angle.sin()), dim=1)
        ahead = ahead / ahead.abs().amax(dim=1, keepdim=True)
        reach = torch.arange(1, _POINTS + 1).float()
        bias = ahead[:, None, None] * reach[:, None]  # (heads, 1, points, 2)
        nn.init.zeros_(self.offsets.weight)
        with torch.no_grad():
            self.offsets.bias.copy_(bias.expand(-1, LEVELS, -1, -1).flatten())
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        for layer in (self.value, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Tensor, place: Tensor, centre: Tensor, sizes: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Return tokens of the shape of `x`.

        Args:
            x: float tensor (B, S, C), the cells of all levels.
            place: float tensor (S, C), encoding of their positions.
            centre: float tensor (S, 2), where each cell lies in its map, x and y in [0, 1].
            sizes: Rows and columns of each level.
        """
        placed = x + place
        shape = (self.heads, LEVELS, _POINTS)
        offsets = self.offsets(placed).unflatten(-1, (*shape, 2))
        weights = self.weights(placed).unflatten(-1, (self.heads, -1)).softmax(dim=-1)
        weights = weights.unflatten(-1, shape[1:])  # (B, S, heads, levels, points)
        value = self.value(x).unflatten(-1, (self.heads, -1))  # (B, S, heads, C / heads)
        values = value.split([rows * columns for rows, columns in sizes], dim=1)
        share = weights.transpose(1, 2).flatten(0, 1)[:, None]  # (B * heads, 1, S, levels, points)
        mixed = x.new_zeros(())
        for level, size in enumerate(sizes):
            scale = constant((size[1], size[0]), offsets)
            point = centre[:, None, None] + offsets[:, :, :, level] / scale
            grid = (2 * point - 1).transpose(1, 2).flatten(0, 1)  # (B * heads, S, points, 2)
            field = values[level].permute(0, 2, 3, 1).flatten(0, 1).unflatten(-1, size)
            look = functional.grid_sample(field, grid, align_corners=False)
            mixed = mixed + (look * share[..., level, :]).sum(dim=3)  # (B * heads, C / heads, S)
        mixed = mixed.unflatten(0, (-1, self.heads)).flatten(1, 2)
        tokens: Tensor = self.out(mixed.transpose(1, 2))
        return tokens


class EncoderLayer(nn.Module):
    """Deformable attention, then a feed-forward network; norms follow the shortcuts."""

    def __init__(self, channels: int, heads: int, width: int) -> None:
        super().__init__()
        self.attention = DeformableAttention(channels, heads)
        self.attention_norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, width)
        self.narrow = nn.Linear(width, channels)
        self.forward_norm = nn.LayerNorm(channels)

    def forward(
        self, x: Tensor, place: Tensor, centre: Tensor, sizes: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Return tokens of the shape of `x`; see `DeformableAttention.forward`."""
        x = self.attention_norm(x + self.attention(x, place, centre, sizes))
        inside = functional.relu(self.widen(x))
        tokens: Tensor = self.forward_norm(x + self.narrow(inside))
        return tokens


class PixelDecoder(nn.Module):
    """Fuses the maps of a backbone.

    Args:
        channels: Channels of the backbone's maps of strides 4, 8, 16, 32.
        sizes: Of the network.
    """

    def __init__(self, channels: Sequence[int], sizes: IfrSizes) -> None:
        super().__init__()
        width = sizes.channels
        self.inputs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(into, width, 1), nn.GroupNorm(_GROUPS, width))
            for into in reversed(channels[1:])
        )
        self.level_embed = nn.Parameter(torch.empty(LEVELS, width))
        nn.init.normal_(self.level_embed)
        self.layers = nn.ModuleList(
            EncoderLayer(width, sizes.heads, sizes.encoder_width)
            for _ in range(sizes.encoder_layers)
        )
        self.lateral = nn.Conv2d(channels[0], width, 1, bias=False)
        self.lateral_norm = nn.GroupNorm(_GROUPS, width)
        self.output = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.output_norm = nn.GroupNorm(_GROUPS, width)
        self.masks = nn.Conv2d(width, width, 1)

    def forward(self, maps: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return three maps (B, C, h, w), strides 32, 16, 8, and mask features, stride 4.

        Args:
            maps: Maps of the backbone, strides 4, 8, 16, 32.
        """
        levels = [layer(x) for layer, x in zip(self.inputs, reversed(maps[1:]), strict=True)]
        sizes = [(int(x.shape[2]), int(x.shape[3])) for x in levels]
        tokens = torch.cat([x.flatten(2).transpose(1, 2) for x in levels], dim=1)
        place = [
            (positions(size, tokens.shape[2], tokens.device) + embed[:, None, None]).flatten(1).T
            for size, embed in zip(sizes, self.level_embed, strict=True)
        ]
        where, centre = torch.cat(place), torch.cat([_centres(s, tokens) for s in sizes])
        for layer in self.layers:
            tokens = layer(tokens, where, centre, sizes)
        parts = tokens.split([rows * columns for rows, columns in sizes], dim=1)
        fused = tuple(
            part.transpose(1, 2).unflatten(2, size)
            for part, size in zip(parts, sizes, strict=True)
        )
        finest = self.lateral_norm(self.lateral(maps[0]))
        finest = finest + functional.interpolate(
            fused[-1], size=finest.shape[-2:], mode='bilinear', align_corners=False
        )
        finest = functional.relu(self.output_norm(self.output(finest)))
        return fused, self.masks(finest)


def _centres(size: tuple[int, int], like: Tensor) -> Tensor:
    """Return the middles of a map's cells, float (h * w, 2), x and y in [0, 1]."""
    rows, columns = (
        (torch.arange(n, device=like.device, dtype=like.dtype) + 0.5) / n for n in size
    )
    grid = torch.stack((columns.expand(size), rows[:, None].expand(size)), dim=2)
    return grid.flatten(0, 1)
