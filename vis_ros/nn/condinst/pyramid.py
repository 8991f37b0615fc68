# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The feature pyramid of FCOS and CondInst.

Source: Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019; layer order
as in the published codes.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class FeaturePyramid(nn.Module):
    """Levels P3..P7 from three taps, without norms; P7 sees P6 through a ReLU, P6 sees P5.

    Args:
        taps: Channels of the taps, finest first.
        channels: Channels of all levels.
    """

    def __init__(self, taps: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(tap, channels, 1) for tap in taps)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, 1, 1) for _ in taps)
        self.down = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, 1) for _ in range(2))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, taps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return five levels (B, channels, h, w), finest first; taps likewise."""
        sums: list[Tensor] = []
        for tap, lateral in zip(reversed(taps), reversed(self.lateral), strict=True):
            x = lateral(tap)
            if sums:
                x = x + functional.interpolate(sums[-1], x.shape[-2:], mode='nearest')
            sums.append(x)
        sums.reverse()
        levels = [smooth(x) for x, smooth in zip(sums, self.smooth, strict=True)]
        levels.append(self.down[0](levels[-1]))
        levels.append(self.down[1](functional.relu(levels[-1])))
        return tuple(levels)
