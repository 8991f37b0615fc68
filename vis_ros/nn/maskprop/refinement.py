# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""High-resolution masks: a crop of the image and a coarse mask in, a fine mask out.

Source: MaskProp, section 4.4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.maskprop.config import MaskPropSizes, RefinementOptions
from vis_ros.nn.maskprop.propagation import ResidualBlock
from vis_ros.ops.transfer import constant

_BLOCKS = 3
_INPUTS = 4  # RGB and the mask


class Refinement(nn.Module):
    """Three residual blocks over a crop.

    Args:
        channels: Channels of each block.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inputs = (_INPUTS, *[channels] * (_BLOCKS - 1))
        self.blocks = nn.Sequential(*(ResidualBlock(count, channels) for count in inputs))
        self.out = nn.Conv2d(channels, 1, 1)

    def forward(self, crops: Tensor, masks: Tensor) -> Tensor:
        """Return logits (N, S, S) of normalised crops (N, 3, S, S) and soft masks (N, S, S)."""
        return self.out(self.blocks(torch.cat((crops, masks[:, None]), dim=1)))[:, 0]


def windows(boxes: Tensor, sizes: MaskPropSizes, options: RefinementOptions) -> Tensor:
    """Return the squares to crop around boxes (N, 4), xyxy in pixels of the input."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True) * options.margin
    if options.window == 'fixed':
        sides = torch.full_like(sides, float(sizes.crop))
    half = sides.clamp(min=2.0) / 2
    return torch.cat((centre - half, centre + half), dim=1)


def crop(maps: Tensor, squares: Tensor, side: int) -> Tensor:
    """Return crops of N maps, 0 outside of them.

    Args:
        maps: float tensor (N, C, H, W), or (1, C, H, W) for all.
        squares: float tensor (N, 4), xyxy in pixels of the maps.
        side: Rows and columns S of the crops.

    Returns:
        float tensor (N, C, S, S).
    """
    steps = (torch.arange(side, device=squares.device, dtype=squares.dtype) + 0.5) / side
    corner, extent = squares[:, :2], squares[:, 2:] - squares[:, :2]
    places = corner[:, None] + steps[:, None] * extent[:, None]  # (N, S, 2), in pixels
    limit = constant((maps.shape[-1], maps.shape[-2]), squares)
    x, y = (places / limit * 2 - 1).unbind(dim=2)  # (N, S) each
    grid = torch.stack(
        (x[:, None, :].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)), dim=3
    )
    if len(maps) == 1:  # one row of crops below each other, so that the map is not copied
        rows = functional.grid_sample(
            maps, grid.reshape(1, -1, side, 2), padding_mode='zeros', align_corners=False
        )  # (1, C, N * S, S)
        return rows[0].reshape(maps.shape[1], -1, side, side).transpose(0, 1)
    return functional.grid_sample(maps, grid, padding_mode='zeros', align_corners=False)


def crop_masks(masks: Tensor, boxes: Tensor, squares: Tensor, side: int) -> Tensor:
    """Return masks (N, m, m) over boxes (N, 4) in squares (N, 4) around them, (N, side, side)."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-6).repeat(1, 2)
    cells = masks.shape[-1]
    relative = (squares - boxes[:, :2].repeat(1, 2)) / sides * cells  # in cells of the mask
    return crop(masks[:, None], relative, side)[:, 0]
