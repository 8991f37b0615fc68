# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IFR: backbone, pixel decoder, recurrent decoder.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.ifr.backbone import build_backbone
from vis_ros.nn.ifr.config import IfrOptions, sizes_of
from vis_ros.nn.ifr.decoder import Decoded, Past, RecurrentDecoder
from vis_ros.nn.ifr.pixel_decoder import PixelDecoder


class Features(NamedTuple):
    """What is seen in F frames, whatever came before them.

    Args:
        levels: float tensors (F, C, h, w), strides 32, 16, 8.
        masks: float tensor (F, C, h, w), stride 4.
    """

    levels: tuple[Tensor, ...]
    masks: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """Return the features of several frames together."""
        levels = tuple(torch.cat(level) for level in zip(*(p.levels for p in parts), strict=True))
        return cls(levels, torch.cat([part.masks for part in parts]))

    def clips(self, frames: int) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return levels and masks as clips, (B, frames, C, h, w)."""
        levels = tuple(level.unflatten(0, (-1, frames)) for level in self.levels)
        return levels, self.masks.unflatten(0, (-1, frames))


class Ifr(nn.Module):
    """The whole network.

    Args:
        network: See `sizes_of`.
        num_classes: Number of classes K; there is no background, as losses are focal.
        options: What the paper leaves open.
    """

    def __init__(self, network: str, num_classes: int, options: IfrOptions) -> None:
        super().__init__()
        self.sizes = sizes_of(network)
        self.backbone, channels = build_backbone(self.sizes)
        self.pixel_decoder = PixelDecoder(channels, self.sizes)
        self.decoder = RecurrentDecoder(self.sizes, options, num_classes)

    @property
    def options(self) -> IfrOptions:
        """How the network is built."""
        return self.decoder.options

    def see(self, images: Tensor) -> Features:
        """Return the features of normalised images, float32 (F, 3, H, W), multiples of 32."""
        return Features(*self.pixel_decoder(self.backbone(images)))

    def decode(
        self,
        features: Features,
        *,
        frames: int,
        past: Past | None = None,
        causal: bool | None = None,
    ) -> Decoded:
        """Decode clips of `frames` frames each; see `RecurrentDecoder.forward`."""
        levels, masks = features.clips(frames)
        decoded: Decoded = self.decoder(levels, masks, past, causal=causal)
        return decoded
