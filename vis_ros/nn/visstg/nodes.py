# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an instance's box to its node: one vector for each level of the pyramid.

Source: Wang et al., ICCV 2021, section 3.2, "Graph Construction".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vis_ros.nn.condinst.config import STRIDES
from vis_ros.nn.visstg.config import VisstgOptions

_SAMPLES = 2  # along a side of each cell of a crop


class InstanceNodes(nn.Module):
    """ROIAlign, and what makes one vector of each crop.

    Args:
        channels: Channels D of the levels.
        options: Size of the crops, and how they are pooled.
    """

    def __init__(self, channels: int, options: VisstgOptions) -> None:
        super().__init__()
        self.cells = options.crop_cells
        self.shrink = (
            nn.Sequential(
                nn.Conv2d(channels, channels, 3), nn.ReLU(), nn.Conv2d(channels, channels, 3)
            )
            if options.node_pooling == 'convolution'
            else None
        )

    def forward(self, levels: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Return nodes (B, N, L, D).

        Args:
            levels: Features of each level, (B, D, h, w).
            boxes: float tensor (B, N, 4), xyxy in pixels of the input.
        """
        from torchvision.ops import roi_align  # slow to import

        batch, count = boxes.shape[:2]
        image = torch.arange(batch, device=boxes.device).repeat_interleave(count)
        rois = torch.cat((image[:, None].to(boxes.dtype), boxes.flatten(0, 1)), dim=1)
        nodes = []
        for level, stride in zip(levels, STRIDES, strict=True):
            crops = roi_align(level, rois, self.cells, 1 / stride, _SAMPLES, aligned=True)
            crops = crops if self.shrink is None else self.shrink(crops)
            nodes.append(crops.mean(dim=(2, 3)))  # (B * N, D)
        return torch.stack(nodes, dim=1).unflatten(0, (batch, count))
