# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks carried by optical flow, the baseline of table 3.

The paper uses FlowNet2; torchvision has none. In its place stand RAFT (Teed and Deng, ECCV 2020;
torchvision's small one), which needs weights that learned optical flow, and OpenCV's dense inverse
search (Kroeger et al., ECCV 2016), which learns nothing. The flow leads from the other frame back
to the frame with the instances, for a mask is sampled where each pixel came from.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.ops.transfer import constant

_MIN = 128  # smaller images leave no cell at the top of RAFT's pyramid
_GRID = 8


class FlowPropagation(nn.Module):
    """An optical flow, and the warping of masks.

    Args:
        kind: See `ModelOptions.flow`.
        updates: Updates of RAFT.
    """

    def __init__(self, kind: str, updates: int) -> None:
        super().__init__()
        self.between: nn.Module = RaftFlow(updates) if kind == 'raft' else DisFlow()

    def forward(self, source: Tensor, others: Tensor, regions: Tensor) -> Tensor:
        """Return the masks of N instances of one frame in T frames, float (N, T, h, w) in [0, 1].

        Args:
            source: uint8 tensor (H, W, 3), input with the instances, padding included.
            others: uint8 tensor (T, H, W, 3), inputs to carry them to.
            regions: float tensor (N, h, w), masks of the instances over the whole input.
        """
        size = (int(regions.shape[-2]), int(regions.shape[-1]))
        if not len(regions):
            return regions.new_zeros((0, len(others), *size))
        masks = [warp_masks(regions, self.flow(other, source, size)) for other in others]
        return torch.stack(masks, dim=1)

    def flow(self, start: Tensor, end: Tensor, size: tuple[int, int]) -> Tensor:
        """Return where each cell of a map of the first picture lies in the second one.

        Args:
            start: uint8 tensor (H, W, 3).
            end: uint8 tensor (H, W, 3).
            size: Rows h and columns w of the map.

        Returns:
            float tensor (2, h, w), displacement (x, y) in cells.
        """
        flow = self.between(start, end)  # (1, 2, H', W')
        height, width = flow.shape[-2:]
        flow = functional.interpolate(flow, size, mode='bilinear', align_corners=False)[0]
        return flow * constant((size[1] / width, size[0] / height), flow)[:, None, None]


class RaftFlow(nn.Module):
    """torchvision's small RAFT, with random weights; float (1, 2, H', W') in pixels of its input.

    Args:
        updates: Updates of the flow.
    """

    def __init__(self, updates: int) -> None:
        super().__init__()
        from torchvision.models.optical_flow import raft_small

        self.updates = updates
        self.raft: Any = raft_small(weights=None)

    def forward(self, start: Tensor, end: Tensor) -> Tensor:
        """Return the flow between pictures, uint8 (H, W, 3), enlarged where they are too small."""
        height, width = (max(_MIN, -(-int(side) // _GRID) * _GRID) for side in start.shape[:2])
        pair = torch.stack((start, end)).permute(0, 3, 1, 2).float() / 127.5 - 1
        pair = functional.interpolate(pair, (height, width), mode='bilinear', align_corners=False)
        flow: Tensor = self.raft(pair[:1], pair[1:], num_flow_updates=self.updates)[-1]
        return flow


class DisFlow(nn.Module):
    """Dense inverse search, computed by OpenCV on the host; float (1, 2, H, W) in pixels."""

    def forward(self, start: Tensor, end: Tensor) -> Tensor:
        """Return the flow between pictures, uint8 (H, W, 3) of 12 pixels or more a side."""
        grey = [cv2.cvtColor(x.cpu().numpy(), cv2.COLOR_RGB2GRAY) for x in (start, end)]
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow: np.ndarray = search.calc(*grey, None)  # type: ignore[call-overload]  # (H, W, 2)
        return torch.from_numpy(flow).to(start.device).permute(2, 0, 1)[None]


def warp_masks(masks: Tensor, flow: Tensor) -> Tensor:
    """Return masks (N, h, w) sampled where a flow (2, h, w), (x, y) in cells, leads; 0 outside."""
    height, width = masks.shape[-2:]
    rows = torch.arange(height, device=masks.device, dtype=masks.dtype)
    columns = torch.arange(width, device=masks.device, dtype=masks.dtype)
    x = (columns[None, :] + flow[0] + 0.5) / width * 2 - 1
    y = (rows[:, None] + flow[1] + 0.5) / height * 2 - 1
    grid = torch.stack((x, y), dim=-1)[None]  # (1, h, w, 2)
    warped = functional.grid_sample(masks[None], grid, padding_mode='zeros', align_corners=False)
    return warped[0]
