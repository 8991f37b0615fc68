# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tracks look like: a Gaussian with diagonal covariance for each.

Source: Johnander et al., section 3.2, equation 4 (a normal-inverse-chi-squared update with
learned rates).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.state import Tracks

_INITIAL = -7.0  # softplus of this is the first variance
_LOG_2PI = math.log(2 * math.pi)


class AppearanceModel(nn.Module):
    """Keeps mean and variance of each track; tracks and the empty track share the rates.

    Args:
        sizes: Sizes of appearance and embedding.
        options: Variants.
    """

    def __init__(self, sizes: RgnnSizes, options: RgnnOptions) -> None:
        super().__init__()
        self.options = options
        size = 2 * sizes.appearance
        is_learned = options.initial_variance == 'learned'
        for name in ('initial', 'initial_empty'):
            value = nn.Parameter(torch.full((size,), _INITIAL), requires_grad=is_learned)
            self.register_parameter(name, value)
        if options.appearance == 'lstm':
            self.memory = nn.LSTMCell(size, sizes.look)
            self.mean = nn.Linear(sizes.look, size)
            self.variance = nn.Linear(sizes.look, size)
            nn.init.constant_(self.variance.bias, _INITIAL)
        elif options.appearance in ('gaussian', 'constant_variance'):
            self.mean_rate = nn.Linear(sizes.embedding, 1)
        if options.appearance == 'gaussian':
            self.variance_rate = nn.Linear(sizes.embedding, 1)
            self.new_variance = nn.Linear(sizes.embedding, 1)
            nn.init.xavier_uniform_(self.new_variance.weight)
            nn.init.constant_(self.new_variance.bias, _INITIAL)
        self.rates: nn.Linear | None = None  # all three in one layer, once calls are joined

    def join_calls(self) -> None:
        """Make it faster, and never to be trained again; see `Rgnn.join_calls`."""
        if self.options.appearance == 'gaussian':
            heads = (self.mean_rate, self.variance_rate, self.new_variance)
            weight = torch.cat([head.weight for head in heads])
            self.rates = nn.Linear(weight.shape[1], len(weight), device='meta')
            self.rates.weight = nn.Parameter(weight, requires_grad=False)
            self.rates.bias = nn.Parameter(torch.cat([head.bias for head in heads]), False)

    def first_variance(self, *, is_empty: bool = False) -> Tensor:
        """Return the variance (D,) of a new track, or of the empty track."""
        name = 'initial_empty' if is_empty else 'initial'
        return functional.softplus(self.get_parameter(name))

    def update(self, tracks: Tracks, looks: Tensor, is_new: Tensor) -> Tracks:
        """Return tracks that have seen `looks`.

        Args:
            tracks: Tracks with their new embeddings and their old appearance.
            looks: float tensor (B, M, D), appearance of each track's detection.
            is_new: bool tensor (B, M), tracks without a past.
        """
        if self.options.appearance in ('none', 'embedded'):
            return tracks
        if self.options.appearance == 'lstm':
            return self._update_lstm(tracks, looks)
        rate, pace, sample = self._rates(tracks.embedding, tracks.mean.dtype)  # (B, M, 1) each
        change = looks - tracks.mean
        mean = torch.addcmul(tracks.mean, rate, change)
        if self.options.first_mean == 'own':
            mean = torch.where(is_new[..., None], looks, mean)
        if self.options.appearance == 'constant_variance':
            return tracks._replace(mean=mean)
        gain = pace if self.options.variance_gain == 'code' else 1 - pace
        spread = rate * gain / (rate + pace) * change
        variance = torch.addcmul(torch.lerp(tracks.variance, sample, pace), spread, change)
        if self.options.first_mean == 'own':  # nothing to differ from yet
            start = self.first_variance().expand_as(variance)
            variance = torch.where(is_new[..., None], start, variance)
        return tracks._replace(mean=mean, variance=variance)

    def _rates(self, embedding: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return the rates of mean and variance, in (0, 1), and a new variance, each (B, M, 1).

        With a constant variance there is only the first one that counts.
        """
        if self.rates is not None:
            found = self.rates(embedding)
            rate, pace = found[..., :2].sigmoid().split(1, dim=-1)
            return rate, pace, functional.softplus(found[..., 2:])
        rate = torch.sigmoid(self.mean_rate(embedding)).to(dtype)
        if self.options.appearance == 'constant_variance':
            return rate, rate, rate
        pace = torch.sigmoid(self.variance_rate(embedding)).to(dtype)
        return rate, pace, functional.softplus(self.new_variance(embedding)).to(dtype)

    def _update_lstm(self, tracks: Tracks, looks: Tensor) -> Tracks:
        shape = tracks.look.shape[:2]
        output, cell = tracks.look.flatten(0, 1).chunk(2, dim=-1)  # (B * M, L / 2) each
        output, cell = self.memory(looks.flatten(0, 1), (output, cell))
        return tracks._replace(
            mean=self.mean(output).unflatten(0, shape),
            variance=functional.softplus(self.variance(output)).unflatten(0, shape) + 1e-6,
            look=torch.cat((output, cell), dim=-1).unflatten(0, shape),
        )


def log_likelihood(looks: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the log-likelihood (B, M, N) of appearances under Gaussians, in float32.

    Args:
        looks: float tensor (B, N, D).
        mean: float tensor (B, M, D).
        variance: float tensor (B, M, D), above 0.
    """
    looks, mean, variance = looks.float(), mean.float(), variance.float()
    distance = (looks[:, None] - mean[:, :, None]).square_().div_(variance[:, :, None])
    constant = looks.shape[-1] * _LOG_2PI + torch.log(variance).sum(-1, keepdim=True)  # (B, M, 1)
    return -0.5 * (constant + distance.sum(-1))
