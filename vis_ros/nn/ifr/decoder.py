# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The inter-frame recurrent decoder: frame-level and clip-level queries of N instances.

Source: You et al., "Consistent Video Instance Segmentation with Inter-Frame Recurrent Attention",
2022, section 3.1. B clips of n frames. Clip-level queries are (B, m, N, C): m is 1 where all
frames share them, as in the paper, and n where those of a frame have seen no later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vis_ros.nn.ifr.attention import Attention, FeedForward, open_where_empty, sharing
from vis_ros.nn.ifr.config import LEVELS, IfrOptions, IfrSizes
from vis_ros.nn.ifr.pixel_decoder import positions

_PRIOR = 0.01  # of a class, before any training: that of the focal loss


class Past(NamedTuple):
    """What a stream carries from frame to frame; its size never changes.

    Args:
        queries: float tensor (L, B, P, N, C), frame-level queries of each layer in the last P
            frames, the latest last.
        is_filled: bool tensor (B, P, N), those that count.
    """

    queries: Tensor
    is_filled: Tensor


class Prediction(NamedTuple):
    """What one layer says.

    Args:
        classes: float tensor (B, m, N, K), logits.
        kernels: float tensor (B, n, N, C); their products with mask features are mask logits.
    """

    classes: Tensor
    kernels: Tensor


class Decoded(NamedTuple):
    """What the decoder says.

    Args:
        layers: One prediction for each layer, and one before them.
        past: For the next frames.
    """

    layers: tuple[Prediction, ...]
    past: Past


def mask_logits(kernels: Tensor, features: Tensor) -> Tensor:
    """Return mask logits (B, n, N, h, w) of kernels (B, n, N, C), features (B, n, C, h, w)."""
    return torch.einsum('btqc,btchw->btqhw', kernels, features)


class RecurrentLayer(nn.Module):
    """One layer: equations 2 and 3 frame after frame, then the temporal cross-attention.

    Args:
        sizes: Of the network.
        options: What the paper leaves open.
    """

    def __init__(self, sizes: IfrSizes, options: IfrOptions) -> None:
        super().__init__()
        width = sizes.channels
        self.options = options
        self.cross, self.joint, self.temporal, self.clip = (
            Attention(width, sizes.heads, options) for _ in range(4)
        )
        self.cross_norm, self.joint_norm, self.temporal_norm, self.clip_norm = (
            nn.LayerNorm(width) for _ in range(4)
        )
        if options.feed_forward:
            self.frame_forward = FeedForward(width, sizes.decoder_width)
            self.clip_forward = FeedForward(width, sizes.decoder_width)

    def frames(
        self, start: Tensor, clip: Tensor, place: Tensor, cells: tuple[Tensor, Tensor], see: Tensor
    ) -> Tensor:
        """Return the frame-level queries Q_i^1 to Q_i^n, (B, n, N, C).

        Args:
            start: float tensor (B, N, C), Q_i^0.
            clip: float tensor (B, m, N, C), Q_i.
            place: float tensor (N, C), the queries' positions.
            cells: Cells of the frames, (B, n, S, C), with their positions and without.
            see: bool tensor (B, n, N, S), what each query attends to.
        """
        memory = self.cross.remember(*cells)
        where, found, before = place.repeat(2, 1), [], start
        for t in range(see.shape[1]):
            shared = clip[:, min(t, clip.shape[1] - 1)]
            latest = before if self.options.recurrence == 'previous' else shared
            both = torch.cat((latest, shared), dim=1)  # (B, 2N, C)
            also = see[:, t] if self.options.clip_mask == 'same' else torch.ones_like(see[:, t])
            mask = torch.cat((see[:, t], also), dim=1)
            seen = self.cross(both + where, memory.frame(t), mask)
            both = self.cross_norm(both + seen)
            both = self._among(both, where, self.joint, self.joint_norm)
            before = both[:, : len(place)]
            if self.options.feed_forward:
                before = self.frame_forward(before)
            found.append(before)
        return torch.stack(found, dim=1)

    @staticmethod
    def _among(x: Tensor, place: Tensor, attention: Attention, norm: nn.Module) -> Tensor:
        placed = x + place
        mixed: Tensor = norm(x + attention(placed, attention.remember(placed, x)))
        return mixed

    def gather(self, clip: Tensor, frames: Tensor, place: Tensor, mask: Tensor | None) -> Tensor:
        """Return the clip-level queries of the next layer, (B, m, N, C).

        Args:
            clip: float tensor (B, m, N, C), Q_i.
            frames: float tensor (B, F, N, C), frame-level queries, earlier ones included.
            place: float tensor (N, C), the queries' positions.
            mask: See `sharing`.
        """
        memory = self.temporal.remember((frames + place).flatten(1, 2), frames.flatten(1, 2))
        seen = self.temporal((clip + place).flatten(1, 2), memory, mask)
        clip = self.temporal_norm(clip + seen.unflatten(1, clip.shape[1:3]))
        clip = self._among(clip, place, self.clip, self.clip_norm)
        if self.options.feed_forward:
            clip = self.clip_forward(clip)
        return clip


class RecurrentDecoder(nn.Module):
    """All layers, and the heads.

    Args:
        sizes: Of the network.
        options: What the paper leaves open.
        num_classes: Number of classes K.
    """

    def __init__(self, sizes: IfrSizes, options: IfrOptions, num_classes: int) -> None:
        super().__init__()
        width, count = sizes.channels, options.queries or sizes.queries
        self.options = options
        self.queries = nn.Parameter(torch.randn(count, width))
        self.place = nn.Parameter(torch.randn(count, width))
        self.level_embed = nn.Parameter(torch.randn(LEVELS, width))
        self.layers = nn.ModuleList(
            RecurrentLayer(sizes, options) for _ in range(sizes.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.classes = nn.Linear(width, num_classes)
        nn.init.constant_(self.classes.bias, -torch.tensor(1 / _PRIOR - 1).log().item())
        self.kernels = nn.ModuleList(nn.Linear(width, width) for _ in range(3))

    @property
    def reach(self) -> int:
        """Number of frames P that a stream keeps: at least the last one."""
        return max(1, self.options.window - 1)

    def no_past(self, batch: int = 1) -> Past:
        """Return what a new stream carries."""
        count, width = self.queries.shape
        shape = (len(self.layers), batch, self.reach, count, width)
        filled = torch.zeros(shape[1:4], dtype=torch.bool, device=self.queries.device)
        return Past(self.queries.new_zeros(shape), filled)

    def forward(
        self,
        levels: Sequence[Tensor],
        features: Tensor,
        past: Past | None = None,
        *,
        causal: bool | None = None,
    ) -> Decoded:
        """Decode clips.

        Args:
            levels: float tensors (B, n, C, h, w), strides 32, 16, 8.
            features: float tensor (B, n, C, h, w), mask features, stride 4.
            past: What the frames before left, for causal decoding; None where there are none.
            causal: Whether clip-level queries see no later frames; None: as the options say.
        """
        batch, count = features.shape[:2]
        is_causal = self.options.context == 'causal' if causal is None else causal
        if past is not None and not is_causal:
            raise ValueError('past: only causal decoding goes on where another clip ended')
        before = self.no_past(batch) if past is None else past
        moments = count if is_causal else 1
        clip = self.queries.expand(batch, moments, -1, -1)
        latest = before.is_filled[:, -1, :, None]
        filled = self._filled(before, count)
        mask = sharing(self.options, len(self.queries), self._scope(count, is_causal), filled)
        cells = [self._cells(level, k) for k, level in enumerate(levels)]
        small = [_resized(features, level) for level in levels]
        said = [self._predict(clip, self.queries.expand(batch, count, -1, -1))]
        kept = []
        for k, layer in enumerate(self.layers):
            assert isinstance(layer, RecurrentLayer)
            scale = k % LEVELS
            see = self._see(said[-1].kernels, small[scale])
            start = torch.where(latest, before.queries[k, :, -1], clip[:, 0])
            frames = layer.frames(start, clip, self.place, cells[scale], see)
            clip = layer.gather(
                clip, torch.cat((before.queries[k], frames), dim=1), self.place, mask
            )
            said.append(self._predict(clip, frames))
            kept.append(torch.cat((before.queries[k], frames), dim=1)[:, -self.reach :])
        return Decoded(tuple(said), Past(torch.stack(kept), filled[:, -self.reach :]))

    def _filled(self, before: Past, count: int) -> Tensor:
        """Return which frame-level queries count, those of the clip included."""
        shape = (len(before.is_filled), count, len(self.queries))
        return torch.cat((before.is_filled, before.is_filled.new_ones(shape)), dim=1)

    def _scope(self, count: int, is_causal: bool) -> Tensor:
        """Return the frames that the clip-level queries of each moment see, bool (m, P + n)."""
        place = torch.arange(-self.reach, count, device=self.queries.device)
        if not is_causal:
            return (place >= 0)[None]
        now = torch.arange(count, device=self.queries.device)[:, None]
        return (place <= now) & (place > now - self.options.window)

    def _cells(self, level: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the cells of a level, (B, n, S, C), with their positions and without."""
        size = (int(level.shape[-2]), int(level.shape[-1]))
        plain = level.flatten(3).transpose(2, 3) + self.level_embed[k]
        return plain + positions(size, plain.shape[-1], plain.device).flatten(1).T, plain

    def _predict(self, clip: Tensor, frames: Tensor) -> Prediction:
        x = self.norm(frames)
        for index, layer in enumerate(self.kernels):
            x = layer(x) if index == 0 else layer(functional.relu(x))
        return Prediction(self.classes(self.norm(clip)), x)

    @staticmethod
    @torch.no_grad()
    def _see(kernels: Tensor, features: Tensor) -> Tensor:
        """Return the cells of each mask, bool (B, n, N, S); all of them where it has none."""
        return open_where_empty(mask_logits(kernels, features).flatten(3) >= 0)


def _resized(features: Tensor, level: Tensor) -> Tensor:
    """Return mask features (B, n, C, h, w) of a level's size.

    Masks are linear in them, so that these give the resized masks at a fraction of the cost.
    """
    with torch.no_grad():
        small = functional.interpolate(
            features.flatten(0, 1), size=level.shape[-2:], mode='bilinear', align_corners=False
        )
    return small.unflatten(0, features.shape[:2])
