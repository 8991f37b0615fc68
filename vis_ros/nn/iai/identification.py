# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The identification module: which identity is where, and masks as embeddings.

Source: Zhu et al., ECCV 2022, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.condinst.head import predictor, rows, start, tower
from vis_ros.nn.iai.config import IaiOptions
from vis_ros.nn.iai.maskrcnn import MaskRcnnConfig, Regions
from vis_ros.nn.iai.memory import CELL


class Shares(nn.Module):
    """Probabilities of N identities; the last one means new.

    Args:
        options: Number of identities, loss.
    """

    def __init__(self, options: IaiOptions) -> None:
        super().__init__()
        self.is_softmax = options.id_loss == 'cross_entropy'
        self.ids = options.ids
        self.outputs = options.ids + self.is_softmax  # the background comes last

    def shares(self, logits: Tensor) -> Tensor:
        """Return probabilities (..., N) of logits."""
        if self.is_softmax:
            return logits.softmax(dim=-1)[..., : self.ids]
        return logits.sigmoid()


class IdHead(Shares):
    """Scores of N identities for each place of the pyramid.

    Args:
        channels: Channels of the levels.
        options: Number of identities, depth, loss.
    """

    def __init__(self, channels: int, options: IaiOptions) -> None:
        super().__init__(options)
        self.tower = tower(channels, options.id_layers - 1)
        self.out = predictor(channels, self.outputs, is_rare=not self.is_softmax)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return logits (B, P, N) of the places of all levels; (B, P, N + 1) for a softmax."""
        return torch.cat([rows(self.out(self.tower(level))) for level in levels], dim=1)


class RegionIdHead(Shares):
    """Scores of N identities for each proposal of a detector of two stages.

    Beside the heads for classes and boxes, see `IaiOptions.id_features`: fully connected layers as
    those have, or the convolutions of `IdHead`.

    Args:
        config: Sizes of the detector.
        options: Number of identities, depth, loss, what it sees.
    """

    def __init__(self, config: MaskRcnnConfig, options: IaiOptions) -> None:
        super().__init__(options)
        self.sees_cells = options.id_features == 'cells'
        is_rare, units = not self.is_softmax, options.id_layers - 1
        if self.sees_cells:
            self.tower = tower(config.channels, units)
            out: nn.Module = predictor(config.channels, self.outputs, is_rare=is_rare)
        else:
            layers = [nn.Linear(config.box, config.box) for _ in range(units)]
            self.tower = nn.Sequential(*(nn.Sequential(layer, nn.ReLU()) for layer in layers))
            out = start(nn.Linear(config.box, self.outputs), is_rare=is_rare)
        self.out = out

    def forward(self, regions: Regions) -> Tensor:
        """Return logits (R, N) of R proposals; (R, N + 1) for a softmax."""
        if self.sees_cells:
            cells: Tensor = self.out(self.tower(regions.cells))
            return cells.mean(dim=(2, 3))
        logits: Tensor = self.out(self.tower(regions.features))
        return logits


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
