# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny networks of IFR, and a tiny Mask2Former of `transformers`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vis_ros.nn.ifr import IfrOptions, IfrSizes
from vis_ros.nn.ifr.config import SwinSizes
from vis_ros.nn.ifr.decoder import RecurrentDecoder

SWIN = SwinSizes(16, (2, 2, 2, 2), (2, 2, 4, 4), 4, 0.0)
TINY = IfrSizes('', SWIN, 64, 96, 32, 2, 48, 3, 48, 4, 5)
CLASSES = 3


def decoder(seed: int = 0, **options: Any) -> RecurrentDecoder:
    """Return a decoder with random parameters, also where they start at one value."""
    torch.manual_seed(seed)
    network = RecurrentDecoder(TINY, IfrOptions(**options), CLASSES)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def features(batch: int, frames: int, seed: int = 1) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return levels and mask features of clips."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((2, 3), (4, 6), (8, 12))
    width = TINY.channels
    levels = [torch.randn(batch, frames, width, *s, generator=generator) for s in shapes]
    return levels, torch.randn(batch, frames, width, 16, 24, generator=generator)


def reference(**changes: Any) -> Any:
    """Return a Mask2Former of `transformers` as small as `TINY`, with random parameters."""
    transformers = pytest.importorskip('transformers')
    backbone = transformers.SwinConfig(
        image_size=64,
        embed_dim=SWIN.channels,
        depths=list(SWIN.depths),
        num_heads=list(SWIN.heads),
        window_size=SWIN.window,
        drop_path_rate=0.0,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )
    values = {
        'backbone_config': backbone,
        'feature_size': TINY.channels,
        'mask_feature_size': TINY.channels,
        'hidden_dim': TINY.channels,
        'encoder_feedforward_dim': TINY.encoder_width,
        'encoder_layers': TINY.encoder_layers,
        'decoder_layers': TINY.decoder_layers + 1,
        'dim_feedforward': TINY.decoder_width,
        'num_attention_heads': TINY.heads,
        'num_queries': TINY.queries,
        'num_labels': CLASSES,
        **changes,
    }
    torch.manual_seed(7)
    config = transformers.Mask2FormerConfig(**values)
    model = transformers.Mask2FormerForUniversalSegmentation(config).eval()
    for parameter in model.parameters():  # nothing may be hidden by a zero or a one
        torch.nn.init.normal_(parameter, std=0.1)
    return model
