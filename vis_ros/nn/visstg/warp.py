# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask-information propagation: the mask networks of the last frame, warped to this one.

Source: Wang et al., ICCV 2021, section 3.4, figure 4: a deformable convolution (Dai et al., ICCV
2017), whose offsets come from the difference of the features of the two frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.condinst.head import rows
from vis_ros.nn.visstg.config import VisstgOptions
from vis_ros.ops.transfer import constant

_TAPS = 9  # of a 3x3 kernel, row by row
_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # around a point: rows down, columns right


class KernelWarp(nn.Module):
    """Warps the parameters of mask networks; untrained it is the identity.

    Args:
        channels: Channels D of the features.
        kernels: Parameters G of a mask network.
        options: Widths and mixing.
    """

    def __init__(self, channels: int, kernels: int, options: VisstgOptions) -> None:
        super().__init__()
        self.estimate = nn.Sequential(
            nn.Conv2d(channels, options.warp_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(options.warp_channels, 2 * _TAPS, 3, padding=1),
        )
        last = self.estimate[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        groups = 1 if options.warp_mixing == 'full' else kernels
        self.weight = nn.Parameter(torch.zeros(kernels, kernels // groups, 3, 3))
        nn.init.dirac_(self.weight, groups)

    def offsets(self, difference: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return offsets (B, 18, h, w) of each level [cells]: y before x, tap by tap.

        Args:
            difference: Features of the current frame minus those of the last one, (B, D, h, w).
        """
        return tuple(self.estimate(level) for level in difference)

    def everywhere(self, kernels: Sequence[Tensor], offsets: Sequence[Tensor]) -> list[Tensor]:
        """Return the warped parameters of all places, (B, G, h, w) for each level.

        Args:
            kernels: Parameters of the last frame, (B, G, h, w) for each level.
            offsets: See `offsets`.
        """
        from torchvision.ops import deform_conv2d  # slow to import

        return [
            deform_conv2d(level, offset, self.weight, padding=1)
            for level, offset in zip(kernels, offsets, strict=True)
        ]

    def at(
        self,
        kernels: Tensor,
        offsets: Sequence[Tensor],
        image: Tensor,
        place: Tensor,
    ) -> Tensor:
        """Return the warped parameters of N places, (N, G): the same numbers as `everywhere`.

        Only these places are computed, all levels at once: a deformable convolution of a whole
        map costs as much as the rest of a small network.

        Args:
            kernels: float tensor (B, P, G), parameters of the last frame, level after level.
            offsets: See `offsets`.
            image: int64 tensor (N,), image of each place.
            place: int64 tensor (N,), index over the places of all levels.
        """
        shape, start = _level_of(place, [tuple(x.shape[2:]) for x in offsets])
        steps = torch.cat([rows(level) for level in offsets], dim=1)[image, place]  # (N, 18)
        steps = steps.unflatten(1, (_TAPS, 2))
        cell = torch.stack(((place - start) // shape[:, 1], (place - start) % shape[:, 1]), dim=1)
        tap = torch.arange(_TAPS, device=place.device)
        tap = torch.stack((tap // 3 - 1, tap % 3 - 1), dim=1)  # (9, 2), y before x
        point = steps + cell[:, None] + tap  # (N, 9, 2)
        taken = _sampled(kernels, image, point, shape, start)  # (N, 9, G)
        weight = self.weight.flatten(2)
        if weight.shape[1] == 1:
            return torch.einsum('ntg,gt->ng', taken, weight[:, 0])
        return functional.linear(taken.transpose(1, 2).flatten(1), self.weight.flatten(1))


def _level_of(place: Tensor, shapes: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Return rows and columns (N, 2) of the level of each place, and its first place (N,)."""
    sizes = constant(tuple(shapes), place, torch.int64)
    ends = sizes.prod(dim=1).cumsum(0)
    level = (place[:, None] >= ends).sum(dim=1)
    start = functional.pad(ends, (1, 0))[level]
    return sizes[level], start


def _sampled(
    kernels: Tensor, image: Tensor, point: Tensor, shape: Tensor, start: Tensor
) -> Tensor:
    """Return parameters (N, 9, G) between cells, bilinear; 0 outside of the map.

    Args:
        kernels: float tensor (B, P, G).
        image: int64 tensor (N,).
        point: float tensor (N, 9, 2), row and column in cells of the level.
        shape: int64 tensor (N, 2), rows and columns of the level.
        start: int64 tensor (N,), its first place.
    """
    low = point.floor()
    share = (point - low)[:, :, None]  # (N, 9, 1, 2)
    corner = constant(_CORNERS, low, torch.int64)  # (4, 2)
    cell = low.long()[:, :, None] + corner  # (N, 9, 4, 2)
    inside = ((cell >= 0) & (cell < shape[:, None, None])).all(dim=3)
    weight = torch.where(corner > 0, share, 1 - share).prod(dim=3) * inside  # (N, 9, 4)
    index = start[:, None, None] + cell[..., 0] * shape[:, None, None, 1] + cell[..., 1]
    index = torch.where(inside, index, 0) + (image * kernels.shape[1])[:, None, None]
    taken = kernels.flatten(0, 1).index_select(0, index.flatten())
    taken = taken.unflatten(0, index.shape)  # (N, 9, 4, G)
    return (taken * weight[..., None]).sum(dim=2)
