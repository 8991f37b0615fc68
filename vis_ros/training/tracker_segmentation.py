# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How well the tracks of a clip share out its pixels.

Source: Johnander et al., section 3.5, the term L_seg.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vis_ros.nn.rgnn.network import Rgnn
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.training.identities import TrackIdentities, owner_slots
from vis_ros.training.lovasz import jaccard_losses
from vis_ros.training.tracker_unroll import Unrolled

_NOBODY = -1  # channel of objects whose track shows no mask in a frame


def segmentation_losses(
    tracker: Rgnn,
    clip: Unrolled,
    tracks: TrackIdentities,
    labels: Tensor,
    size: str,
    chosen: Tensor | None = None,
) -> Tensor:
    """Return the Lovasz-softmax loss of each chosen frame, float (S, B).

    The classes of a frame are the background, of a constant score, and the tracks. A pixel
    belongs to the track that owns its object, if that one has started by then, else to the
    background. A frame's loss is the mean over the classes that its labels show; a track that has
    no mask there misses all of its object, with a loss of 1.

    Args:
        tracker: Network.
        clip: What it did.
        tracks: Whom its tracks stand for.
        labels: uint8 tensor (B, T, H, W), see `Truth`.
        size: `input` or `mask`, see `TrackerLossConfig`.
        chosen: int64 tensor (S,), frames; None for all T.
    """
    if chosen is None:
        chosen = torch.arange(len(clip.assigned), device=labels.device)
    else:  # of all frames nothing is copied
        labels = labels[:, chosen]
        clip = clip._replace(
            found=DetectionSet(*(x[chosen] for x in clip.found)),
            assigned=clip.assigned[chosen],
            embeddings=clip.embeddings[chosen],
        )
    shape = clip.assigned.shape[:2]
    is_seen = (clip.assigned >= 0).flatten(0, 1)  # (I, M), with I = S * B images
    shown = _mask_scores(tracker, clip)  # (R, h, w)
    if size == 'input':
        target = labels.shape[-2:]
        shown = functional.interpolate(shown[:, None], target, mode='bilinear')[:, 0]
    owners = _shrink(labels, (shown.shape[1], shown.shape[2])).transpose(0, 1).flatten(0, 1)
    channels = _Channels(is_seen, is_seen.cumsum(dim=1))
    shares = _shares(shown.flatten(1), channels, tracker.options.background_score)
    objects = int(owners.max())
    of_object = _channels_of_objects(channels, tracks, objects, chosen)
    losses = _image_losses(shares, owners.flatten(1).long(), of_object)
    return losses.unflatten(0, shape)


class _Channels(NamedTuple):
    """Places of I images' seen tracks among their masks; 0 is the background's.

    Args:
        is_seen: bool tensor (I, M), tracks with a mask.
        place: int64 tensor (I, M), from 1 on, where seen.
    """

    is_seen: Tensor
    place: Tensor


def _mask_scores(tracker: Rgnn, clip: Unrolled) -> Tensor:
    """Return mask scores (R, h, w) of all R tracks seen, by image and slot."""
    count = clip.found.is_real.shape[2]
    assigned = clip.assigned.flatten(0, 1)  # (I, M)
    image, slot = (assigned >= 0).nonzero(as_tuple=True)
    where = image * count + assigned[image, slot]
    found = DetectionSet(*(x.flatten(0, 2).index_select(0, where)[:, None] for x in clip.found))
    embeddings = clip.embeddings.flatten(0, 2)
    embeddings = embeddings.index_select(0, image * assigned.shape[1] + slot)
    scores: Tensor = tracker.masks(embeddings[:, None], found, torch.zeros_like(where)[:, None])
    return scores[:, 0]


def _shares(scores: Tensor, channels: _Channels, background: float) -> Tensor:
    """Return probabilities (I, C, P) of mask scores (R, P): a soft-max over each image's masks."""
    image, slot = channels.is_seen.nonzero(as_tuple=True)
    images, places = len(channels.place), channels.place.shape[1]
    size = int(channels.place.max()) + 1 if places else 1
    where = image * size + channels.place[image, slot]
    stack = scores.new_full((images, size, scores.shape[1]), -torch.inf)
    stack[:, 0] = background
    return stack.flatten(0, 1).index_copy(0, where, scores).unflatten(0, (-1, size)).softmax(1)


def _channels_of_objects(
    channels: _Channels, tracks: TrackIdentities, objects: int, frames: Tensor
) -> Tensor:
    """Return the place of each label in each image's masks, int64 (I, J + 1), or `_NOBODY`."""
    objects = max(objects, int(tracks.origin.max()))
    slot = owner_slots(tracks, objects)  # (B, J + 1)
    born = functional.pad(tracks.born, (1, 0)).gather(1, slot)
    has_begun = born <= frames[:, None, None]
    slot = torch.where(has_begun, slot, 0).flatten(0, 1)  # (I, J + 1)
    place = torch.where(channels.is_seen, channels.place, _NOBODY)
    return functional.pad(place, (1, 0)).gather(1, slot)


def _image_losses(shares: Tensor, owners: Tensor, of_object: Tensor) -> Tensor:
    """Return the loss of each image, float (I,).

    Args:
        shares: float tensor (I, C, P).
        owners: int64 tensor (I, P), labels of the pixels.
        of_object: int64 tensor (I, J + 1), channel of each label.
    """
    images, size = shares.shape[:2]
    labels = of_object.shape[1]
    first = torch.arange(images, device=owners.device)[:, None]
    count = (owners + first * labels).flatten().bincount(minlength=images * labels)
    is_shown = count.reshape(images, labels) > 0
    is_missed = is_shown & (of_object == _NOBODY)
    is_present = torch.zeros((images, size + 1), dtype=torch.int64, device=owners.device)
    is_present = is_present.scatter_add(1, of_object + 1, is_shown.long())[:, 1:] > 0
    image, channel = is_present.nonzero(as_tuple=True)
    rows = shares.flatten(0, 1).index_select(0, image * size + channel)  # (R, P)
    losses = jaccard_losses(rows, of_object.gather(1, owners)[image] == channel[:, None])
    missed = is_missed.sum(dim=1)
    total = missed.to(losses.dtype).index_add(0, image, losses)
    return total / (is_present.sum(dim=1) + missed)


def _shrink(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Return labels (B, T, h, w): those at the centres of larger pixels."""
    rows, columns = (
        ((torch.arange(new, device=labels.device) + 0.5) * (old / new)).long()
        for new, old in zip(size, labels.shape[-2:], strict=True)
    )
    return labels[:, :, rows[:, None], columns]
