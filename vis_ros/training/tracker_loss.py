# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tracker of RGNNVIS learns from a clip: to match, to start, to score, to segment.

Source: Johnander et al., "Video Instance Segmentation with Recurrent Graph Neural Networks",
section 3.5 and appendix A; where the paper is silent, the official code. Three habits of the code
are not repeated: objects that enter after the first frame of a clip were taught as background;
pixels belonged to a track before it had started; batches without any object were left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.data.clip import Truth
from vis_ros.nn.rgnn.model import Detected
from vis_ros.nn.rgnn.network import Rgnn
from vis_ros.structures.options import option
from vis_ros.training.identities import TrackIdentities, detection_identities, track_identities
from vis_ros.training.tracker_segmentation import segmentation_losses
from vis_ros.training.tracker_unroll import Unrolled, unroll_clip

_CODE_SCALE = 0.285  # makes the weights of ten frames sum to about 1
_TERMS = ('score', 'segmentation', 'match', 'init')


@dataclass(frozen=True)
class TrackerLossConfig:
    """Terms of the loss. The thresholds of the life cycle are those of the tracker's options."""

    score: float = option(1.0, 'Weight of the class of each track.', minimum=0.0, maximum=1e3)
    segmentation: float = option(
        1.0, 'Weight of the owner of each pixel.', minimum=0.0, maximum=1e3
    )
    match: float = option(
        4.0, 'Weight of which detection belongs to which track.', minimum=0.0, maximum=1e3
    )
    init: float = option(
        1.0, 'Weight of which detection starts a track.', minimum=0.0, maximum=1e3
    )
    discount: float = option(
        0.8,
        'The class of a track counts in each frame this many times what it counts in the next.',
        minimum=0.01,
        maximum=1.0,
    )
    frame_weights: str = option(
        'paper',
        'Of the class of tracks. paper: their sum is 1, for clips of any length; code: 0.285 '
        'times powers of the discount, whose sum is 1.018 for 10 frames, less for fewer.',
        choices=('paper', 'code'),
    )
    duplicate_class: str = option(
        'background',
        'What a second track of an object is taught to be. background, as in the paper, so that '
        'it vanishes; object, as in the code.',
        choices=('background', 'object'),
    )
    newborn_class: str = option(
        'paper',
        'Whether a track learns its class in the frame that starts it. paper: yes (equation 7c); '
        'code: from the next frame on.',
        choices=('paper', 'code'),
    )
    segmentation_size: str = option(
        'input',
        'Pixels that count. input: those of the network input, as in the papers; mask: those of '
        'the masks, 16 times fewer.',
        choices=('input', 'mask'),
    )
    segmentation_frames: int = option(
        0,
        'Frames of a clip, drawn anew in each step, whose pixels count; 0: all. Their mean is the '
        'same on average, at less cost: half of a step of 10 frames is about pixels.',
        minimum=0,
        maximum=1000,
    )
    slots: int = option(24, 'Tracks of a clip at most.', minimum=1, maximum=1000)


class TrackerLosses(NamedTuple):
    """Losses of a batch, and what there was to lose.

    Args:
        losses: Scalars: `score`, `segmentation`, `match`, `init`, each without its weight, and
            `total`, their weighted sum.
        counts: Scalars without a gradient, sums over the batch: `detections`; `objects`, those of
            them that have an identity; `births`; `duplicates`, tracks of an object that has one.
    """

    losses: dict[str, Tensor]
    counts: dict[str, Tensor]


def unroll(
    tracker: Rgnn, frames: Sequence[Detected], truth: Truth, config: TrackerLossConfig
) -> TrackerLosses:
    """Run the tracker over a batch of clips and return its losses.

    Each loss is divided by the number of clips and of frames, never by that of tracks or
    detections, so that false ones do not weaken the others.

    Args:
        tracker: Network; its options decide what there is to train: without learned association
            the detections with an identity are classified as new or as one of the tracks, as
            MaskTrack R-CNN trains; without learned scores there is no `score`, without a graph no
            `init`.
        frames: T frames of B clips each.
        truth: Their objects, in pixels of the network's input.
        config: Terms.

    Raises:
        ValueError: Sizes do not fit; the text names them.
    """
    _check(tracker, frames, truth)
    clip = unroll_clip(tracker, frames, config.slots)
    found = clip.found
    identity = detection_identities(
        found.boxes, found.is_real, truth.boxes.transpose(0, 1), truth.is_visible.transpose(0, 1)
    )
    tracks = track_identities(clip.is_new, clip.assigned, identity)
    weights = frame_weights(len(frames), config).to(clip.embeddings)
    per_frame = frame_losses(tracker, clip, tracks, identity, truth, config)
    losses = {name: per_frame[name].mean() for name in _TERMS}  # over frames and clips
    losses['score'] = (weights[:, None] * per_frame['score']).sum(dim=0).mean()
    total = torch.stack([getattr(config, name) * losses[name] for name in _TERMS]).sum()
    counts = {
        'detections': found.is_real.sum(),
        'objects': (identity > 0).sum(),
        'births': clip.is_new.sum(),
        'duplicates': tracks.is_duplicate().sum(),
    }
    return TrackerLosses({**losses, 'total': total}, counts)


def frame_weights(frames: int, config: TrackerLossConfig) -> Tensor:
    """Return what the score of each frame of a clip counts, float32 (T,); the last one most."""
    power = torch.arange(frames, 0, -1, dtype=torch.float32)
    if config.frame_weights == 'code':
        return _CODE_SCALE * config.discount**power
    weights = config.discount ** (power - 1)
    return weights / weights.sum()


def frame_losses(
    tracker: Rgnn,
    clip: Unrolled,
    tracks: TrackIdentities,
    identity: Tensor,
    truth: Truth,
    config: TrackerLossConfig,
) -> dict[str, Tensor]:
    """Return the terms of each frame of each clip, float (T, B), without any weight.

    None of them depends on a later frame. `segmentation` is (S, B), of the S frames that
    `segmentation_frames` draws.

    Args:
        tracker: Network.
        clip: What it did.
        tracks: Whom its tracks stand for.
        identity: int64 tensor (T, B, N), whom the detections stand for.
        truth: Objects.
        config: Terms.
    """
    options = tracker.options
    nothing = clip.embeddings.new_zeros(clip.assigned.shape[:2])
    losses = dict.fromkeys(_TERMS, nothing)
    if options.association == 'masktrack':
        losses['match'] = masktrack_losses(clip, tracks, identity)
    else:
        losses['match'] = match_losses(clip, tracks, identity)
        if options.graph == 'joint':  # without, a track starts wherever none matches
            losses['init'] = init_losses(clip, tracks, identity)
    if options.scoring == 'learned':
        losses['score'] = score_losses(clip, tracks, truth.class_ids, config)
    losses['segmentation'] = segmentation_losses(
        tracker, clip, tracks, truth.labels, config.segmentation_size, _drawn(clip, config)
    )
    return losses


def _drawn(clip: Unrolled, config: TrackerLossConfig) -> Tensor | None:
    """Return the frames whose pixels count, int64 (S,) in ascending order; None for all."""
    frames, count = len(clip.assigned), config.segmentation_frames
    if not 0 < count < frames:
        return None
    return torch.randperm(frames)[:count].sort().values.to(clip.assigned.device)


def match_losses(clip: Unrolled, tracks: TrackIdentities, identity: Tensor) -> Tensor:
    """Return the binary cross-entropy of all pairs of a track and a detection, float (T, B).

    A pair belongs together when the detection has an identity and the track owns it.
    """
    is_pair = clip.is_alive[..., None] & clip.found.is_real[:, :, None]
    is_match = _same(tracks, identity) & is_pair  # (T, B, M, N)
    return _binary(clip.match_logits, is_match, is_pair).sum(dim=(2, 3))


def init_losses(clip: Unrolled, tracks: TrackIdentities, identity: Tensor) -> Tensor:
    """Return the binary cross-entropy of all detections, float (T, B).

    A track shall start when the detection has an identity that no track owns yet.
    """
    has_track = (_same(tracks, identity) & clip.is_alive[..., None]).any(dim=2)
    is_real = clip.found.is_real
    return _binary(clip.init_logits, (identity > 0) & ~has_track, is_real).sum(dim=2)


def masktrack_losses(clip: Unrolled, tracks: TrackIdentities, identity: Tensor) -> Tensor:
    """Return the cross-entropy of each detection with an identity, float (T, B).

    It is one of the tracks, or new, by the dot products of appearances; 0 for new.

    Source: Yang et al., "Video Instance Segmentation", ICCV 2019, section 4.2.
    """
    dots = torch.einsum('tbmd,tbnd->tbmn', clip.means, clip.looks)
    dots = dots.masked_fill(~clip.is_alive[..., None], -torch.inf)
    chance = functional.pad(dots, (0, 0, 1, 0)).log_softmax(dim=2)  # (T, B, 1 + M, N)
    is_match = _same(tracks, identity) & clip.is_alive[..., None]
    target = torch.where(is_match.any(dim=2), is_match.long().argmax(dim=2) + 1, 0)
    losses = -chance.gather(2, target[:, :, None])[:, :, 0]
    return torch.where(identity > 0, losses, 0.0).sum(dim=2)


def score_losses(
    clip: Unrolled, tracks: TrackIdentities, class_ids: Tensor, config: TrackerLossConfig
) -> Tensor:
    """Return the cross-entropy of the classes of all tracks, float (T, B).

    Args:
        clip: What the tracker did.
        tracks: Whom its tracks stand for.
        class_ids: int64 tensor (B, J), see `Truth`.
        config: Which tracks, and what duplicates are.
    """
    is_background = config.duplicate_class == 'background'
    identity = tracks.identity() if is_background else tracks.origin
    target = functional.pad(class_ids, (1, 0)).gather(1, identity)  # (B, M), 0 of nobody
    logits = clip.class_logits  # (T, B, M, K)
    target = target.expand(logits.shape[0], -1, -1)
    losses = functional.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction='none')
    is_scored = clip.is_alive | clip.is_new if config.newborn_class == 'paper' else clip.is_alive
    return torch.where(is_scored, losses.unflatten(0, is_scored.shape), 0.0).sum(dim=2)


def _same(tracks: TrackIdentities, identity: Tensor) -> Tensor:
    """Return which detections have the identity of which tracks, bool (T, B, M, N)."""
    own = tracks.identity()[..., None]  # (B, M, 1)
    return (own == identity[:, :, None]) & (own > 0)


def _binary(logits: Tensor, target: Tensor, is_real: Tensor) -> Tensor:
    losses = functional.binary_cross_entropy_with_logits(
        logits, target.to(logits.dtype), reduction='none'
    )
    return torch.where(is_real, losses, 0.0)


def _check(tracker: Rgnn, frames: Sequence[Detected], truth: Truth) -> None:
    size = (tracker.sizes.height, tracker.sizes.width)
    batch = frames[0].found.is_real.shape[0] if frames else 0
    expected = (batch, len(frames), *size)
    if truth.labels.shape != expected:
        raise ValueError(f'labels: expected {expected}, got {tuple(truth.labels.shape)}')
