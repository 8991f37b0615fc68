# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The feature pyramid and the mask prototypes of YOLACT.

Source: Bolya et al., "YOLACT", ICCV 2019, section 3; layer order as in the published code.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


def _conv3(channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride, 1)


class FeaturePyramid(nn.Module):
    """Levels P3..P7 from three taps; the two coarsest have no activation.

    Args:
        taps: Channels of the taps, finest first.
        channels: Channels of all levels.
    """

    def __init__(self, taps: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(tap, channels, 1) for tap in taps)
        self.smooth = nn.ModuleList(_conv3(channels) for _ in taps)
        self.down = nn.ModuleList(_conv3(channels, stride=2) for _ in range(2))

    def forward(self, taps: Sequence[Tensor]) -> list[Tensor]:
        """Return five levels (B, channels, h, w), finest first; taps likewise."""
        sums: list[Tensor] = []
        for tap, lateral in zip(reversed(taps), reversed(self.lateral), strict=True):
            x = lateral(tap)
            if sums:
                x = x + _resize(sums[-1], x)
            sums.append(x)
        sums.reverse()
        levels = [functional.relu(smooth(x)) for x, smooth in zip(sums, self.smooth, strict=True)]
        for down in self.down:
            levels.append(down(levels[-1]))
        return levels


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[-2:], mode='bilinear', align_corners=False)


class PrototypeNet(nn.Module):
    """Mask prototypes from P3, at twice its resolution.

    Args:
        channels: Channels of P3.
        prototypes: Number of prototypes D.
    """

    def __init__(self, channels: int, prototypes: int) -> None:
        super().__init__()
        self.before = nn.ModuleList(_conv3(channels) for _ in range(3))
        self.after = _conv3(channels)
        self.out = nn.Conv2d(channels, prototypes, 1)

    def forward(self, level: Tensor) -> Tensor:
        """Return prototypes (B, D, 2h, 2w), 0 or more, of P3 (B, channels, h, w)."""
        x = level
        for conv in self.before:
            x = functional.relu(conv(x))
        x = functional.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)
        x = functional.relu(self.after(x))
        return functional.relu(self.out(x))
