# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Spatiotemporal sampling: the features of a frame, with those of other frames where they fit.

Source: Bertasius et al., "Object Detection in Video with Spatiotemporal Sampling Networks", ECCV
2018 (STSN), sections 3.1 to 3.3; MaskProp, section 4.4: such a backbone below the pyramid. For
each supporting frame the features of both frames, one after the other in channels, go through
deformable convolutions; the last of them samples the supporting frame's own features, at offsets
that come from the layers before it. The frame supports itself in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.maskprop.config import SamplingOptions
from vis_ros.nn.maskprop.warping import TAPS

_WIDER = 4  # what is compared, over the layers before it: 2048 and 512 in STSN


class SpatioTemporalSampling(nn.Module):
    """Aggregation of the last stages of a backbone, each by parameters of its own.

    Args:
        inputs: Channels of the stages of the backbone, by name, the last one last.
        width: Wider stages are reduced to so many channels first; 1024 in STSN.
        options: What STSN leaves open.

    Attributes:
        names: Of the stages that are aggregated.
        outputs: Channels of all stages after it, by name.
    """

    def __init__(self, inputs: Mapping[str, int], width: int, options: SamplingOptions) -> None:
        super().__init__()
        self.names = tuple(inputs)[-options.levels :]
        self.outputs = {k: min(c, width) if k in self.names else c for k, c in inputs.items()}
        self.reductions = nn.ModuleDict(
            {
                name: nn.Conv2d(inputs[name], width, 3, padding=1)
                for name in self.names
                if inputs[name] > width
            }
        )
        self.stages = nn.ModuleDict(
            {name: StageSampling(self.outputs[name], options) for name in self.names}
        )

    def reduced(self, taps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the stages of frames as they are kept, from those of the backbone."""
        found = dict(taps)
        for name, reduction in self.reductions.items():
            found[name] = reduction(taps[name])
        return found

    def forward(
        self, taps: Mapping[str, Tensor], supports: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """Return stages whose last ones are aggregated.

        Args:
            taps: See `reduced`, float (B, C, h, w) each.
            supports: Those of S supporting frames for each frame, float (B, S, C, h, w), at least
                for `names`. None: no frame has any.
        """
        found = dict(taps)
        for name, stage in self.stages.items():
            x = taps[name]
            others = x[:, None][:, :0] if supports is None else supports[name]
            found[name] = stage(x, others)
        return found

    def companions(self, taps: Mapping[str, Tensor], clip: int) -> dict[str, Tensor]:
        """Return as supports of each frame all other frames of its clip.

        Args:
            taps: Of clips of so many frames that follow each other, float (B * clip, C, h, w).
            clip: Frames of a clip.

        Returns:
            float tensors (B * clip, clip - 1, C, h, w).
        """
        others = [[other for other in range(clip) if other != t] for t in range(clip)]
        index = torch.tensor(others, dtype=torch.int64).reshape(clip, clip - 1)
        found = {}
        for name in self.names:
            x = taps[name].unflatten(0, (-1, clip))  # (B, clip, C, h, w)
            found[name] = x[:, index.to(x.device)].flatten(0, 1)
        return found


class StageSampling(nn.Module):
    """Aggregation of one stage.

    Args:
        channels: Channels C of the stage, before and after it.
        options: What STSN leaves open.
    """

    def __init__(self, channels: int, options: SamplingOptions) -> None:
        super().__init__()
        from torchvision.ops import DeformConv2d

        before = options.layers - 1
        widths = (2 * channels, *[channels] * before)  # what the offsets are predicted from
        self.offsets = nn.ModuleList(nn.Conv2d(w, 2 * TAPS, 3, padding=1) for w in widths)
        self.looks = nn.ModuleList(
            DeformConv2d(width, channels, 3, padding=1) for width in widths[:before]
        )
        sample: Any = DeformConv2d(channels, channels, 3, padding=1, bias=False)
        self.sample = sample
        inner = options.embedding or max(1, channels // 2)
        self.embedding = nn.Sequential(
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(inner, _WIDER * inner, 1),
        )
        # the training starts from each frame's features as they are, at rest
        nn.init.dirac_(self.sample.weight)
        for layer in self.offsets:
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, frames: Tensor, supports: Tensor) -> Tensor:
        """Return aggregated features of frames, float (B, C, h, w).

        Args:
            frames: float tensor (B, C, h, w).
            supports: float tensor (B, S, C, h, w); S may be 0.
        """
        every = torch.cat((frames[:, None], supports), dim=1)  # (B, S + 1, C, h, w)
        own = frames[:, None].expand_as(every)
        sampled = self.sampled(own.flatten(0, 1), every.flatten(0, 1))
        weights = self.weights(sampled.unflatten(0, every.shape[:2]))
        return (weights * sampled.unflatten(0, every.shape[:2])).sum(dim=1)

    def sampled(self, frames: Tensor, supports: Tensor) -> Tensor:
        """Return the features of supporting frames where those of frames are, (P, C, h, w)."""
        x = torch.cat((frames, supports), dim=1)
        for offsets, look in zip(self.offsets, self.looks, strict=False):  # but for the last
            x = torch.relu(look(x, offsets(x)))
        found: Tensor = self.sample(supports, self.offsets[-1](x))
        return found

    def weights(self, sampled: Tensor) -> Tensor:
        """Return how much each supporting frame counts in each cell, float (B, S + 1, 1, h, w).

        Exponentials of the cosine similarity with the frame itself, divided by their sum over the
        frames: a softmax.

        Args:
            sampled: float tensor (B, S + 1, C, h, w), the frame itself first.
        """
        looks = self.embedding(sampled.flatten(0, 1)).unflatten(0, sampled.shape[:2])
        similarity = functional.cosine_similarity(looks, looks[:, :1], dim=2)
        return similarity.softmax(dim=1)[:, :, None]
