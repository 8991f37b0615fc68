# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pixel belongs to which track.

Source: Johnander et al., section 3.4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnSizes
from vis_ros.nn.rgnn.state import take
from vis_ros.nn.yolact.selection import DetectionSet

UNSEEN = -20.0  # score of tracks without a detection


class MaskReweighting(nn.Module):
    """Scores of each track's pixels, from its detection's mask and box and from its embedding."""

    def __init__(self, sizes: RgnnSizes) -> None:
        super().__init__()
        self.squeeze = nn.Linear(sizes.embedding, sizes.mask)
        self.hidden = nn.Conv2d(2 + sizes.mask, sizes.mask, 3, padding=1)
        self.out = nn.Conv2d(sizes.mask, 1, 3, padding=1)

    def forward(self, embedding: Tensor, found: DetectionSet, assigned: Tensor) -> Tensor:
        """Return scores (B, M, h, w); `UNSEEN` for tracks without a detection.

        Args:
            embedding: float tensor (B, M, E).
            found: The N detections.
            assigned: int64 tensor (B, M), detection of each track, or -1.
        """
        is_seen = (assigned >= 0)[..., None, None]
        raw = torch.where(is_seen, take(found.mask_logits, assigned), UNSEEN)
        inside = torch.where(is_seen, take(found.box_masks.to(raw.dtype), assigned), UNSEEN)
        pair = torch.stack((raw, inside), dim=2).flatten(0, 1)  # (B * M, 2, h, w)
        channels = functional.relu(self.squeeze(embedding)).flatten(0, 1)  # (B * M, C)
        weight = self.hidden.weight
        x = functional.conv2d(pair.to(weight.dtype), weight[:, :2], self.hidden.bias, padding=1)
        x = functional.relu(x + self._broadcast(channels, x))
        return torch.where(is_seen, self.out(x)[:, 0].unflatten(0, raw.shape[:2]), UNSEEN)

    def _broadcast(self, channels: Tensor, like: Tensor) -> Tensor:
        """Return the convolution of maps that are constant: only borders and corners differ.

        The same numbers as the convolution of all channels, at a ninth of its cost.
        """
        tile = channels[..., None, None].expand(-1, -1, 3, 3)
        tile = functional.conv2d(tile, self.hidden.weight[:, 2:], padding=1)  # (B * M, C, 3, 3)
        rows, columns = (_places(n, like.device) for n in like.shape[-2:])
        return tile[:, :, rows][..., columns]


def _places(length: int, device: torch.device) -> Tensor:
    """Return int64 (length,): 0 at the first, 2 at the last, 1 between them."""
    place = torch.arange(length, device=device)
    return (place > 0).long() + (place == length - 1).long()


def label_image(scores: Tensor, size: tuple[int, int], background: float) -> Tensor:
    """Return the owner of each pixel: 0 for the background, m + 1 for track m, int64 (H, W).

    Args:
        scores: float tensor (M, h, w) of one image.
        size: Rows H and columns W of the image.
        background: Score of the background.
    """
    if scores.device.type == 'cpu':  # nothing to wait for there: leave unseen tracks out
        seen = torch.nonzero((scores > UNSEEN).flatten(1).any(1))[:, 0]
    else:
        seen = torch.arange(len(scores), device=scores.device)
    ground = scores.new_full((1, *scores.shape[1:]), background)
    stack = torch.cat((ground, scores[seen]))[None]
    stack = functional.interpolate(stack, size, mode='bilinear', align_corners=False)
    owner = torch.cat((seen.new_zeros(1), seen + 1))
    return owner[stack[0].argmax(dim=0)]


def label_boxes(labels: Tensor, slots: int) -> tuple[Tensor, Tensor]:
    """Return the tight boxes of the owners of pixels, without waiting for the device.

    Args:
        labels: int64 tensor (H, W), see `label_image`.
        slots: Number of tracks M.

    Returns:
        float32 tensor (M, 4), xyxy in pixels, pixel i spans [i, i + 1), zeros for tracks without a
        pixel; and bool tensor (M,), tracks with one.
    """
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
