# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who shall own which pixel, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from tracker_clips import random_clip, tracker

from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.training.identities import TrackIdentities
from vis_ros.training.lovasz import lovasz_softmax
from vis_ros.training.tracker_loss import TrackerLossConfig, unroll
from vis_ros.training.tracker_segmentation import segmentation_losses
from vis_ros.training.tracker_unroll import Unrolled

BACKGROUND = 1.0
SIZE = (4, 6)


def fake(scores: Tensor) -> Any:
    """Return a tracker whose mask scores are those of the detections, plus its embeddings."""

    def masks(embedding: Tensor, found: DetectionSet, assigned: Tensor) -> Tensor:
        assert (assigned == 0).all() and embedding.shape[1] == 1
        return found.mask_logits + embedding[..., None]

    return SimpleNamespace(masks=masks, options=SimpleNamespace(background_score=BACKGROUND))


def losses_of(
    assigned: list[list[int]],
    tracks: TrackIdentities,
    labels: Tensor,
    scores: Tensor,
    *,
    size: str = 'mask',
) -> Tensor:
    """Return the losses (T,) of one clip.

    Args:
        assigned: Detection of each slot, of each frame.
        tracks: Whom the slots stand for.
        labels: (T, H, W).
        scores: (T, N, h, w).
    """
    place = torch.tensor(assigned)[:, None]  # (T, 1, M)
    anything = torch.zeros(scores.shape[0], 1, scores.shape[1])
    found = DetectionSet(*[anything] * 5, scores[:, None], scores[:, None] > 0)
    embeddings = torch.zeros(*place.shape, 1)
    nothing: Any = dict.fromkeys(Unrolled._fields)
    clip = Unrolled(**{**nothing, 'assigned': place, 'found': found, 'embeddings': embeddings})
    shares = segmentation_losses(fake(scores), clip, tracks, labels[None], size)
    assert shares.shape == (scores.shape[0], 1)
    for t in range(len(scores)):
        alone = segmentation_losses(
            fake(scores), clip, tracks, labels[None], size, torch.tensor([t])
        )
        torch.testing.assert_close(alone, shares[[t]])
    return shares[:, 0]


def expected(masks: list[Tensor], owners: Tensor) -> Tensor:
    """Return the loss of one image.

    Args:
        masks: Scores of the tracks seen.
        owners: Channel of each pixel: 0 for the background, k + 1 for track k of them.
    """
    stack = torch.stack((torch.full_like(owners, BACKGROUND, dtype=torch.float32), *masks))
    return lovasz_softmax(stack.softmax(0).flatten(1)[None], owners.flatten()[None].long())[0]


def identities(*origin: int, born: tuple[int, ...] | None = None) -> TrackIdentities:
    """Return tracks of which the first of each identity owns it."""
    is_owner = [o > 0 and o not in origin[:k] for k, o in enumerate(origin)]
    when = born or (0,) * len(origin)
    return TrackIdentities(torch.tensor([origin]), torch.tensor([is_owner]), torch.tensor([when]))


def labels_of(*columns: int) -> Tensor:
    """Return labels (H, W) whose columns are of one owner each."""
    return torch.tensor([columns] * SIZE[0], dtype=torch.uint8)


def scores_of(count: int, frames: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(frames, count, *SIZE, generator=generator) * 2


@pytest.mark.parametrize('size', ['mask', 'input'])
def test_without_tracks_all_is_background(size: str) -> None:
    labels = labels_of(0, 1, 1, 2, 0, 0)[None]
    nobody = identities(0)
    assert losses_of([[-1]], nobody, labels, scores_of(2), size=size).tolist() == [0]


def test_pixels_belong_to_the_track_of_their_object() -> None:
    scores = scores_of(3)
    labels = labels_of(0, 1, 1, 2, 2, 0)
    losses = losses_of([[2, 0]], identities(2, 1), labels[None], scores)
    owners = labels_of(0, 2, 2, 1, 1, 0)
    torch.testing.assert_close(losses[0], expected([scores[0, 2], scores[0, 0]], owners))


def test_only_the_first_track_of_an_object_gets_its_pixels() -> None:
    """The duplicate shows the same detection, and is no class of its own."""
    scores = scores_of(2)
    labels = labels_of(0, 1, 1, 1, 0, 0)
    losses = losses_of([[1, 1]], identities(1, 1), labels[None], scores)
    torch.testing.assert_close(losses[0], expected([scores[0, 1], scores[0, 1]], labels))


def test_a_false_track_is_background_and_competes() -> None:
    scores = scores_of(2)
    labels = labels_of(0, 0, 1, 1, 0, 0)
    losses = losses_of([[0, 1]], identities(0, 0), labels[None], scores)
    owners = torch.zeros_like(labels)
    torch.testing.assert_close(losses[0], expected([scores[0, 0], scores[0, 1]], owners))


def test_objects_without_a_track_are_background() -> None:
    scores = scores_of(1)
    labels = labels_of(3, 3, 1, 1, 0, 0)
    losses = losses_of([[0]], identities(1), labels[None], scores)
    torch.testing.assert_close(losses[0], expected([scores[0, 0]], labels_of(0, 0, 1, 1, 0, 0)))


def test_a_track_that_is_not_seen_misses_its_object() -> None:
    """One more class with a loss of 1: what the code's constant score for it amounts to."""
    scores = scores_of(1)
    labels = labels_of(0, 2, 2, 1, 1, 0)
    losses = losses_of([[0, -1]], identities(1, 2), labels[None], scores)
    unseen = torch.full(SIZE, -20.0)
    owners = labels_of(0, 2, 2, 1, 1, 0)
    torch.testing.assert_close(losses[0], expected([scores[0, 0], unseen], owners))
    mean_of_two = losses_of([[0, -1]], identities(1, 0), labels[None] % 2, scores)
    assert losses[0] > mean_of_two[0]


def test_a_track_owns_nothing_before_it_starts() -> None:
    scores = scores_of(2, frames=2)
    labels = labels_of(0, 1, 1, 2, 2, 0)[None].repeat(2, 1, 1)
    losses = losses_of([[0, -1], [0, 1]], identities(1, 2, born=(0, 1)), labels, scores)
    before = expected([scores[0, 0]], labels_of(0, 1, 1, 0, 0, 0))
    after = expected([scores[1, 0], scores[1, 1]], labels_of(0, 1, 1, 2, 2, 0))
    torch.testing.assert_close(losses, torch.stack((before, after)))


def test_frames_may_show_different_numbers_of_tracks() -> None:
    scores = scores_of(2, frames=3)
    labels = labels_of(0, 1, 1, 2, 2, 0)[None].repeat(3, 1, 1)
    tracks = identities(1, 0, 2)
    losses = losses_of([[0, -1, 1], [-1, -1, -1], [1, 1, 0]], tracks, labels, scores)
    unseen = torch.full(SIZE, -20.0)
    second = expected([unseen, unseen, unseen], labels_of(0, 1, 1, 3, 3, 0))
    third = expected([scores[2, 1], scores[2, 1], scores[2, 0]], labels_of(0, 1, 1, 3, 3, 0))
    first = expected([scores[0, 0], scores[0, 1]], labels[0])
    torch.testing.assert_close(losses, torch.stack((first, second, third)))


@pytest.mark.parametrize('size', ['mask', 'input'])
def test_sizes(size: str) -> None:
    """Labels of 8 x 12: masks grow to them, or they shrink to the pixels at the centres."""
    scores = scores_of(1)
    labels = torch.zeros(8, 12, dtype=torch.uint8)
    labels[1:7, 3:9] = 1
    losses = losses_of([[0]], identities(1), labels[None], scores, size=size)
    if size == 'mask':
        torch.testing.assert_close(losses[0], expected([scores[0, 0]], labels[1::2, 1::2]))
    else:
        large = interpolate(scores, (8, 12), mode='bilinear')
        torch.testing.assert_close(losses[0], expected([large[0, 0]], labels))


@pytest.mark.parametrize('size', ['mask', 'input'])
def test_both_sizes_train(size: str) -> None:
    network = tracker()
    frames, truth = random_clip(3)
    out = unroll(network, frames, truth, TrackerLossConfig(segmentation_size=size))
    out.losses['segmentation'].backward()
    assert network.masks.out.weight.grad.abs().sum() > 0
    assert network.recurrence.input.weight.grad.abs().sum() > 0
    assert network.match_score.weight.grad is None
