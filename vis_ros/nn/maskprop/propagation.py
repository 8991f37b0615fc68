# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The mask propagation branch.

Source: MaskProp, sections 4.2 and 4.4, and for what they refer to: Bertasius et al., "Learning
Temporal Pose Estimation from Sparsely-Labeled Videos", 2019 (three dilations side by side, offsets
of each predicted by a convolution of that dilation from the features of one residual block).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.maskprop.config import DILATIONS, PropagationOptions
from vis_ros.nn.maskprop.warping import TAPS, Carrier

_TABLE = 1 << 24  # numbers that the weights make of the cells of some instances, 64 MB


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a way round them.

    Args:
        inputs: Channels of the input.
        channels: Channels of the output.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.around = nn.Identity() if inputs == channels else nn.Conv2d(inputs, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, channels, h, w) of x (B, inputs, h, w)."""
        return torch.relu(self.second(torch.relu(self.first(x))) + self.around(x))


class Propagation(nn.Module):
    """Carries instances from frame t to another frame of the clip.

    Args:
        channels: Channels C of the pyramid.
        motion: Channels of the residual block.
        options: What the paper leaves open.
    """

    def __init__(self, channels: int, motion: int, options: PropagationOptions) -> None:
        super().__init__()
        from torchvision.ops import DeformConv2d

        self.options = options
        self.motion = ResidualBlock(channels, motion)
        offsets = [nn.Conv2d(motion, 2 * TAPS, 3, padding=d, dilation=d) for d in DILATIONS]
        self.offsets = nn.ModuleList(offsets)
        self.warps = nn.ModuleList(
            DeformConv2d(channels, channels, 3, padding=d, dilation=d, bias=False)
            for d in DILATIONS
        )
        self.score = nn.Conv2d(channels, 1, 1)
        self.attention = nn.Conv2d(channels, 1, 3, padding=1)
        for layer in offsets:  # the training starts from standstill
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, source: Tensor, others: Tensor, regions: Tensor) -> Tensor:
        """Return the masks of N instances of one frame in T frames, float (N, T, h, w) in [0, 1].

        Args:
            source: float tensor (C, h, w), features of the frame with the instances.
            others: float tensor (T, C, h, w), features of the frames to carry them to.
            regions: float tensor (N, h, w), masks of the instances.
        """
        if not len(regions):
            return others.new_zeros((0, len(others), *others.shape[-2:]))
        offsets = self.motion_offsets(source[None], others)
        features = others.contiguous(memory_format=torch.channels_last)
        parts = []
        for part in self._in_parts(regions, len(source)):
            carrier = Carrier(list(self.warps), instance_features(source, part))
            arriving = zip(self.carried(carrier, offsets), features, strict=True)
            parts.append(torch.stack([self.logits(*pair) for pair in arriving], dim=1))
        return self.shares(torch.cat(parts), others)

    @staticmethod
    def _in_parts(regions: Tensor, channels: int) -> tuple[Tensor, ...]:
        """Return instances (n, h, w) in parts: on a CPU so few that their tables stay small."""
        if regions.device.type != 'cpu':
            return (regions,)
        filled = int(regions.count_nonzero())
        return regions.chunk(1 + filled * TAPS * len(DILATIONS) * channels // _TABLE)

    def motion_offsets(self, source: Tensor, others: Tensor) -> list[Tensor]:
        """Return the offsets of each dilation, float (T, 18, h, w), (y, x) in cells.

        Args:
            source: float tensor (1 or T, C, h, w).
            others: float tensor (T, C, h, w).
        """
        moved = self.motion(source - others)
        return [layer(moved) for layer in self.offsets]

    def carried(self, carrier: Carrier, offsets: list[Tensor]) -> Iterator[Tensor]:
        """Yield propagated features g of each frame, float (N, C, h, w).

        Args:
            carrier: Of the features of each instance in its frame.
            offsets: For each dilation, float (T, 18, h, w); all instances move by the same.
        """
        for total in carrier.to(offsets):
            yield total / len(offsets) if self.options.merge == 'mean' else total

    def logits(self, propagated: Tensor, other: Tensor) -> Tensor:
        """Return the scores of N instances in one frame, float (N, h, w).

        Args:
            propagated: float tensor (N, C, h, w); it is written over.
            other: float tensor (C, h, w), features of the frame.
        """
        fused = propagated.add_(other)
        if self.options.fuse == 'relu':
            fused = fused.relu_()
        weight = self.score.weight.flatten(1)  # (1, C)
        return functional.linear(fused.movedim(1, -1), weight, self.score.bias)[..., 0]

    def shares(self, logits: Tensor, others: Tensor) -> Tensor:
        """Return masks in [0, 1]: the softmax over instances, times the attention.

        Args:
            logits: float tensor (N, T, h, w).
            others: float tensor (T, C, h, w), features of the frames.
        """
        count = len(logits)
        attention = torch.sigmoid(self.attention(others))[:, 0]  # (T, h, w)
        if self.options.background:
            logits = torch.cat((logits, torch.zeros_like(logits[:1])))
        return logits.softmax(dim=0)[:count] * attention


def instance_features(features: Tensor, regions: Tensor) -> Tensor:
    """Return instance-specific features (N, C, h, w) of (C, h, w) and masks (N, h, w)."""
    return features[None] * regions[:, None]


def box_regions(boxes: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Return boxes (N, 4) in pixels of the input as masks (N, h, w): 1 in cells inside."""
    x = (torch.arange(size[1], device=boxes.device) + 0.5) * stride
    y = (torch.arange(size[0], device=boxes.device) + 0.5) * stride
    inside_x = (boxes[:, 0:1] <= x) & (x <= boxes[:, 2:3])
    inside_y = (boxes[:, 1:2] <= y) & (y <= boxes[:, 3:4])
    return (inside_y[:, :, None] & inside_x[:, None, :]).to(boxes.dtype)
