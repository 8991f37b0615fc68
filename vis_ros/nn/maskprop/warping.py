# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Deformable convolutions of many instances that share their offsets.

A deformable convolution is linear in its input: weights first and sampling then is the same as
the other way round. Features of an instance are zero but in the few cells of its mask, so that on
a CPU the weighted cells of all instances serve all frames of a clip, and in each frame a place
sums only those cells that are not zero. Elsewhere the operator of torchvision is used; a test
compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 3
TAPS = _SIDE * _SIDE
_EDGE = 2  # empty cells around the map, so that each point has four cells around it


class Carrier:
    """Carries N instances to other frames: the sum of several deformable convolutions.

    Args:
        convolutions: torchvision's `DeformConv2d`, 3x3, from C to D channels, without bias, padded
            by their dilation.
        instances: float tensor (N, C, h, w), zero outside of each instance.
    """

    def __init__(self, convolutions: Sequence[Any], instances: Tensor) -> None:
        self._convolutions, self._instances = convolutions, instances
        if instances.device.type == 'cpu':
            self._line, self._table = self._weighted()

    def to(self, offsets: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the features that arrive in each of T frames, float (N, D, h, w).

        Args:
            offsets: For each convolution, float (T, 18, h, w): (y, x) of each tap in cells; all
                instances move by the same.
        """
        if self._instances.device.type == 'cpu':
            yield from self._gathered(offsets)
            return
        count = len(self._instances)
        for frame in zip(*offsets, strict=True):
            parts = [
                convolution(self._instances, each.expand(count, -1, -1, -1))
                for convolution, each in zip(self._convolutions, frame, strict=True)
            ]
            yield torch.stack(parts).sum(dim=0)

    def _weighted(self) -> tuple[Tensor, Tensor]:
        """Return what all taps make of the K cells that are not zero.

        Returns:
            int32 (N, (h + 4) * (w + 4)), the first line of the table of each cell of each
            instance, with an empty edge; and float (taps + K * taps, D), cell by cell: what comes
            first is zero and stands for all other cells.
        """
        cells = self._instances.movedim(1, -1)  # (N, h, w, C)
        is_filled = (cells.detach() != 0).any(dim=-1)
        weights = [layer.weight.flatten(2).permute(1, 2, 0) for layer in self._convolutions]
        taps = torch.cat(weights, dim=1)  # (C, taps, D)
        number = is_filled.flatten().cumsum(0, dtype=torch.int32).view_as(is_filled)
        line = functional.pad(number * is_filled * taps.shape[1], (_EDGE,) * 4)
        filled = functional.pad(cells[is_filled].float(), (0, 0, 1, 0))
        with torch.autocast('cpu', enabled=False):
            table = filled @ taps.flatten(1).float()
        return line.flatten(1), table.view(-1, taps.shape[2])

    def _gathered(self, offsets: Sequence[Tensor]) -> Iterator[Tensor]:
        count, _, height, width = self._instances.shape
        places, line = height * width, width + 2 * _EDGE
        cells, rests = self._points(offsets)  # (T, P * taps), (T, P * taps, 2)
        if not torch.isfinite(rests).all():  # a training diverges, and its loss has to tell
            lost = rests.sum().expand(count, self._table.shape[1], height, width)
            yield from (lost for _ in rests)
            return
        taps = cells.shape[1] // places
        tap_of = torch.arange(taps, dtype=self._line.dtype).repeat(places)
        after = functional.pad(self._line, (0, line + 1)).unfold(1, self._line.shape[1], 1)
        four = after[:, (0, 1, line, line + 1)].movedim(1, 2).contiguous()  # (N, cells, 4)
        is_near, four = four.any(dim=-1), four.flatten(0, 1)
        start_of = torch.arange(count) * self._line.shape[1]
        for cell, rest in zip(cells, rests, strict=True):
            with torch.no_grad():
                near = is_near.gather(1, cell.expand(count, -1))
                instance, sample = torch.nonzero(near, as_tuple=True)
                first = cell.index_select(0, sample) + start_of.index_select(0, instance)
                row = four.index_select(0, first) + tap_of.index_select(0, sample)[:, None]
                bag = instance * places + sample // taps
                start = torch.bincount(bag, minlength=count * places)
                start = (4 * (start.cumsum(0) - start)).to(row.dtype)
            low = rest.index_select(0, sample)
            upper, left = torch.stack((1 - low, low)).unbind(dim=-1)  # (2, J) each
            share = (upper[:, None] * left).flatten(0, 1).T.flatten()
            arrived = functional.embedding_bag(
                row.flatten(), self._table, start, per_sample_weights=share, mode='sum'
            )
            yield arrived.view(count, height, width, -1).permute(0, 3, 1, 2)

    def _points(self, offsets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return where the taps of each place lie in T frames.

        Args:
            offsets: See `to`.

        Returns:
            int64 (T, P * taps), index of the cell above and left of the point, in the map with
            its edge, where four empty cells stand for all that is further away; and float
            (T, P * taps, 2), how far the point lies below and right of it, in [0, 1).
        """
        height, width = self._instances.shape[2:]
        reach = torch.tensor([layer.dilation[0] for layer in self._convolutions])
        steps = reach[:, None] * (torch.arange(_SIDE) - _SIDE // 2)  # (convolutions, 3)
        move = torch.cat([each.float().unflatten(1, (TAPS, 2)) for each in offsets], dim=1)
        move = move.flatten(3).permute(2, 0, 3, 1)  # (2, T, P, taps)
        row = torch.arange(height).repeat_interleave(width)[:, None]
        column = torch.arange(width).repeat(height)[:, None]
        y = move[0] + (row + steps.repeat_interleave(_SIDE, dim=1).flatten())
        x = move[1] + (column + steps.repeat(1, _SIDE).flatten())
        top, left = y.detach().floor(), x.detach().floor()
        far_y, far_x = top.clamp(-_EDGE, height), left.clamp(-_EDGE, width)
        cell = (far_y + _EDGE) * (width + 2 * _EDGE) + (far_x + _EDGE)
        rest = torch.stack((y - top, x - left), dim=-1)
        return cell.long().flatten(1), rest.flatten(1, 2)
