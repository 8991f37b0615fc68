# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pixel belongs to which track.

Source: Johnander et al., section 3.4.2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnSizes
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.ops import kernels
from vis_ros.ops.label_runs import LabelRuns
from vis_ros.ops.rows import rows_to_do
from vis_ros.ops.stretch import axes, labels_of_highest

UNSEEN = -20.0  # score of tracks without a detection


class MaskReweighting(nn.Module):
    """Scores of each track's pixels, from its detection's mask and box and from its embedding.

    Args:
        sizes: Channels.
        crop: See `RgnnOptions.crop`.
    """

    def __init__(self, sizes: RgnnSizes, crop: str = 'none') -> None:
        super().__init__()
        self.crops = crop == 'box'
        self.squeeze = nn.Linear(sizes.embedding, sizes.mask)
        self.hidden = nn.Conv2d(2 + sizes.mask, sizes.mask, 3, padding=1)
        self.out = nn.Conv2d(sizes.mask, 1, 3, padding=1)

    def forward(self, embedding: Tensor, found: DetectionSet, assigned: Tensor) -> Tensor:
        """Return scores (B, M, h, w); `UNSEEN` for tracks without a detection, and outside a crop.

        Args:
            embedding: float tensor (B, M, E).
            found: The N detections.
            assigned: int64 tensor (B, M), detection of each track, or -1.
        """
        shape, size = assigned.shape, found.mask_logits.shape[-2:]
        rows = rows_to_do((assigned >= 0).flatten())
        where = assigned.clamp(min=0) + _first_of_stream(found)  # (B, M), into (B * N, ...)
        where = where.flatten()[rows]
        pair = torch.stack(
            (
                found.mask_logits.flatten(0, 1)[where],
                found.box_masks.flatten(0, 1)[where].to(found.mask_logits.dtype),
            ),
            dim=1,
        ).contiguous(memory_format=torch.channels_last)  # (R, 2, h, w), twice as fast on a CPU
        channels = functional.relu(self.squeeze(embedding)).flatten(0, 1)[rows]  # (R, C)
        weight = self.hidden.weight
        x = functional.conv2d(pair.to(weight.dtype), weight[:, :2], self.hidden.bias, padding=1)
        x = self.out(functional.relu(self._add_constant(x, channels)))[:, 0]  # (R, h, w)
        if self.crops:
            x = torch.where(_grown(found.box_masks.flatten(0, 1)[where]), x, UNSEEN)
        scores = x.new_full((shape.numel(), *size), UNSEEN).index_copy(0, rows, x)
        is_seen = (assigned >= 0)[..., None, None]
        return torch.where(is_seen, scores.unflatten(0, shape), UNSEEN)

    def _add_constant(self, x: Tensor, channels: Tensor) -> Tensor:
        """Return x (R, C, h, w) plus the convolution of maps that are constant, one per channel.

        Only borders and corners differ from the middle: the same numbers as the convolution of
        all channels, at a ninth of its cost. As a product of matrices it is cheap to train too.
        """
        tile = channels[..., None, None].expand(-1, -1, 3, 3)
        tile = functional.conv2d(tile, self.hidden.weight[:, 2:], padding=1)  # (R, C, 3, 3)
        place = _thirds(x.shape[2], x)[:, None] * 3 + _thirds(x.shape[3], x)
        where = functional.one_hot(place.flatten(), 9).to(x.dtype)  # (h * w, 9)
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)  # (R, h * w, C), as it lies in memory
        constant = tile.flatten(2).transpose(1, 2)  # (R, 9, C)
        rows = torch.baddbmm(rows, where.expand(len(rows), -1, -1), constant)
        return rows.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


def _grown(inside: Tensor) -> Tensor:
    """Return a bool tensor (R, h, w), one pixel larger on all sides.

    A max-pool of one channel takes 60 times as long on a CPU.
    """
    wide = inside.clone()
    wide[:, :, 1:] |= inside[:, :, :-1]
    wide[:, :, :-1] |= inside[:, :, 1:]
    grown = wide.clone()
    grown[:, 1:] |= wide[:, :-1]
    grown[:, :-1] |= wide[:, 1:]
    return grown


def _thirds(length: int, like: Tensor) -> Tensor:
    """Return int64 (length,): 0 for the first, 2 for the last, 1 for all between."""
    place = torch.ones(length, dtype=torch.int64, device=like.device)
    place[0], place[-1] = 0, 2
    return place


def _first_of_stream(found: DetectionSet) -> Tensor:
    """Return int64 (B, 1): row of each stream's first detection among those of all streams."""
    batch, count = found.is_real.shape
    return torch.arange(batch, device=found.is_real.device)[:, None] * count


def label_image(scores: Tensor, size: tuple[int, int], background: float) -> Tensor:
    """Return the owner of each pixel: 0 for the background, m + 1 for track m.

    It is int16 (H, W); on a CPU uint8 where that is enough.

    Args:
        scores: float tensor (M, h, w) of one image.
        size: Rows H and columns W of the image.
        background: Score of the background.
    """
    if scores.device.type == 'cpu':
        shape = (scores.shape[1], scores.shape[2])
        return torch.from_numpy(labels_of_highest(scores.float(), axes(shape, size), background))
    work = labels_at_once
    if kernels.can_run(scores.device):
        from vis_ros.ops.kernels.label_image import label_image as work
    return work(scores, size, background)


def labels_at_once(scores: Tensor, size: tuple[int, int], background: float) -> Tensor:
    """Return what `label_image` does, without waiting for the device."""
    ground = scores.new_full((1, *scores.shape[1:]), background)
    stack = torch.cat((ground, scores))[None]
    stack = functional.interpolate(stack, size, mode='bilinear', align_corners=False)
    return stack[0].max(dim=0).indices.to(torch.int16)


class Owners(NamedTuple):
    """Who owns the pixels of an image, and where these are.

    Args:
        labels: Integer tensor (H, W), see `label_image`.
        boxes: float32 tensor (M, 4), tight, xyxy in pixels, pixel i spans [i, i + 1); zeros for
            tracks without a pixel.
        is_visible: bool tensor (M,), tracks with a pixel.
        runs: Of the labels, on a CPU; None elsewhere.
    """

    labels: Tensor
    boxes: Tensor
    is_visible: Tensor
    runs: LabelRuns | None


def owners_of(labels: Tensor, slots: int) -> Owners:
    """Return where the pixels of each owner are.

    Args:
        labels: Integer tensor (H, W), see `label_image`.
        slots: Number of tracks M.
    """
    if labels.device.type != 'cpu':
        return Owners(labels, *boxes_at_once(labels.long(), slots), None)
    runs = LabelRuns(labels.numpy(), slots)
    boxes = torch.from_numpy(runs.boxes)
    return Owners(labels, boxes.float(), boxes[:, 2] > boxes[:, 0], runs)


def boxes_at_once(labels: Tensor, slots: int) -> tuple[Tensor, Tensor]:
    """Return boxes, and which are visible, of int64 labels, without waiting for the device."""
    height, width = labels.shape
    rows = torch.arange(height, device=labels.device)[:, None]
    columns = torch.arange(width, device=labels.device)
    y1, y2 = _ends(labels * height + rows, (slots + 1, height))
    x1, x2 = _ends(labels * width + columns, (slots + 1, width))
    is_visible = y2 > y1
    boxes = torch.stack((x1, y1, x2, y2), dim=1)
    return torch.where(is_visible[:, None], boxes, 0).float()[1:], is_visible[1:]


def _ends(cells: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the first and one past the last of the marked columns of each row."""
    marks = torch.zeros(size[0] * size[1], dtype=torch.uint8, device=cells.device)
    marks = marks.scatter(0, cells.flatten(), torch.ones_like(marks[:1]).expand(cells.numel()))
    marks = marks.reshape(size)
    last = size[1] - marks.flip(1).argmax(dim=1)
    return marks.argmax(dim=1), torch.where(marks.amax(dim=1) > 0, last, 0)
