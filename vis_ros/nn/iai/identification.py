# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The identification module: which identity each place shows, and masks as embeddings.

Source: Zhu et al., ECCV 2022, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.condinst.head import predictor, rows, tower
from vis_ros.nn.iai.config import IaiOptions
from vis_ros.nn.iai.memory import CELL


class IdHead(nn.Module):
    """Scores of N identities for each place of the pyramid; the last one means new.

    Args:
        channels: Channels of the levels.
        options: Number of identities, depth, loss.
    """

    def __init__(self, channels: int, options: IaiOptions) -> None:
        super().__init__()
        self.is_softmax = options.id_loss == 'cross_entropy'
        self.ids = options.ids
        self.tower = tower(channels, options.id_layers - 1)
        outputs = options.ids + self.is_softmax  # the background comes last
        self.out = predictor(channels, outputs, is_rare=not self.is_softmax)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return logits (B, P, N) of the places of all levels; (B, P, N + 1) for a softmax."""
        return torch.cat([rows(self.out(self.tower(level))) for level in levels], dim=1)

    def shares(self, logits: Tensor) -> Tensor:
        """Return probabilities (..., N) of logits."""
        if self.is_softmax:
            return logits.softmax(dim=-1)[..., : self.ids]
        return logits.sigmoid()


class IdBank(nn.Module):
    """Embeddings of the identities and of the background (equations 1 and 2).

    Args:
        ids: Number of identities N; channel N is the background.
        channels: Channels C of an embedding.
        is_matrix: A matrix for the shares of each cell, instead of a convolution.
    """

    def __init__(self, ids: int, channels: int, *, is_matrix: bool) -> None:
        super().__init__()
        self.ids = ids
        self.is_matrix = is_matrix
        if is_matrix:
            self.embed = nn.Conv2d(ids + 1, channels, 1)
        else:
            self.embed = nn.Conv2d(ids + 1, channels, CELL + 1, stride=CELL, padding=CELL // 2)
        nn.init.xavier_uniform_(self.embed.weight)

    def forward(self, labels: Tensor) -> Tensor:
        """Return embeddings (B, T, C) of labels.

        Args:
            labels: uint8 tensor (B, H, W), multiples of 32: 0 to N - 1 for identities, N for the
                background; anything above shows neither.
        """
        channels = torch.arange(self.ids + 1, dtype=labels.dtype, device=labels.device)
        masks = labels[:, None] == channels[:, None, None]
        return self._embedded(masks, self.embed.weight, self.embed.bias)

    def without(self, pixels: Tensor, identity: int) -> Tensor:
        """Return how embeddings change, (B, T, C), when an identity's pixels become background.

        Args:
            pixels: bool tensor (B, H, W), its pixels.
            identity: Which it is.
        """
        weight = self.embed.weight
        change = weight[:, self.ids : self.ids + 1] - weight[:, identity : identity + 1]
        return self._embedded(pixels[:, None], change, None)

    def _embedded(self, masks: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x = masks.to(weight.dtype)
        if self.is_matrix:
            x = functional.avg_pool2d(x, CELL)
        conv = self.embed
        return rows(functional.conv2d(x, weight, bias, conv.stride, conv.padding))

    @property
    def nobody(self) -> Tensor:
        """Float tensor (C,): embedding where no label is shown, not even the background."""
        bias = self.embed.bias
        assert bias is not None
        return bias
