# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Instances of clips: matched between scales and between clips, averaged, forgotten."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vis_ros.nn.ifr import Decoded, Past, Prediction
from vis_ros.nn.ifr.clips import (
    NOBODY,
    ClipInstances,
    ClipTracks,
    averaged,
    instances_of,
    overlaps,
)

H, W = 4, 6


def square(x: int, frames: int, speed: int = 0) -> Tensor:
    """Return the mask of two columns from column `x` on, (frames, H, W)."""
    masks = torch.zeros(frames, H, W)
    for t in range(frames):
        masks[t, :, x + speed * t : x + speed * t + 2] = 1
    return masks


def found(*parts: tuple[list[float], Tensor]) -> ClipInstances:
    return ClipInstances(
        torch.tensor([part[0] for part in parts]), torch.stack([part[1] for part in parts])
    )


def nobody(frames: int) -> ClipInstances:
    return ClipInstances(torch.zeros(0, 2), torch.zeros(0, frames, H, W))


def test_overlaps_of_soft_masks() -> None:
    assert overlaps(torch.zeros(0, 4), torch.zeros(2, 4)).shape == (0, 2)
    new = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    known = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    expected = [[0.5, 1 / (2 + 1 - 1)], [0.0, 0.0]]
    torch.testing.assert_close(overlaps(new, known), torch.tensor(expected))


def test_what_a_clip_shows() -> None:
    kernels = torch.tensor([[[[1.0], [-1.0]], [[2.0], [0.0]]]])  # (1, n 2, N 2, C 1)
    classes = torch.tensor([[[[0.0], [2.0]], [[0.0], [-2.0]]]])  # (1, m 2, N 2, K 1)
    past = Past(torch.zeros(0), torch.zeros(0))
    decoded = Decoded((Prediction(classes, kernels),), past)
    shown = instances_of(decoded, torch.full((1, 2, 1, H, W), 3.0))
    assert shown.masks.shape == (2, 2, H, W)
    expected = torch.tensor([[3.0, 6.0], [-3.0, 0.0]]).sigmoid()
    torch.testing.assert_close(shown.masks[..., 0, 0], expected)
    torch.testing.assert_close(shown.probability, torch.tensor([[0.5], [0.5]]))


def test_one_result_stays_as_it_is() -> None:
    one = found(([0.9, 0.1], square(0, 2)))
    result = averaged([one])
    assert torch.equal(result.probability, one.probability)
    assert torch.equal(result.masks, one.masks)
    assert averaged([nobody(2), nobody(2)]).masks.shape == (0, 2, H, W)


def test_results_are_averaged_in_whatever_order_their_instances_are() -> None:
    first = found(([0.8, 0.0], square(0, 2)), ([0.0, 0.6], square(4, 2)))
    other = found(([0.2, 0.4], 0.8 * square(4, 2)), ([0.4, 0.2], 0.6 * square(0, 2)))
    result = averaged([first, other])
    expected = torch.tensor([[0.6, 0.1], [0.1, 0.5]])
    torch.testing.assert_close(result.probability, expected)
    torch.testing.assert_close(result.masks[0], 0.8 * square(0, 2))
    torch.testing.assert_close(result.masks[1], 0.9 * square(4, 2))
    pivot = averaged([first, other], pivot=1)
    torch.testing.assert_close(pivot.masks[1], result.masks[0])
    again = averaged([first, other, first])
    torch.testing.assert_close(again.masks[0], (2 + 0.6) / 3 * square(0, 2))


def test_clips_are_linked_where_they_overlap() -> None:
    tracks = ClipTracks()
    tracks.add(0, nobody(3), 0.3)
    assert tracks.at(0)[0].shape == (0,)
    tracks.add(0, found(([0.9, 0.0], square(0, 3, 1)), ([0.5, 0.0], square(4, 3))), 0.3)
    moved = square(1, 4, 1)[1:]  # goes on as the first one: column 2, 3, 4
    tracks.add(2, found(([0.0, 0.7], square(4, 3)), ([0.7, 0.0], moved)), 0.3)
    who, probability, logits = tracks.at(2)
    assert who.tolist() == [0, 1] and logits.shape == (2, H, W)
    torch.testing.assert_close(probability, torch.tensor([[0.8, 0.0], [0.25, 0.35]]))
    assert torch.equal(logits > 0, torch.stack((square(2, 1)[0], square(4, 1)[0])) > 0)
    assert torch.equal(tracks.at(4)[2][0] > 0, moved[2] > 0)


def test_what_agrees_too_little_is_somebody_else() -> None:
    tracks = ClipTracks()
    tracks.add(0, found(([0.9, 0.0], square(0, 3))), 0.3)
    tracks.add(2, found(([0.9, 0.0], square(4, 3))), 0.3)
    assert tracks.at(2)[0].tolist() == [0, 1]
    assert tracks.at(0)[0].tolist() == [0] and tracks.at(4)[0].tolist() == [1]


def test_frames_that_are_over_are_forgotten_and_slots_stay() -> None:
    tracks = ClipTracks()
    tracks.add(0, found(([0.9, 0.0], square(0, 2)), ([0.9, 0.0], square(4, 2))), 0.3)
    tracks.slots = np.array([7, 3])
    tracks.forget(1)
    tracks.add(1, found(([0.9, 0.0], square(4, 2))), 0.3)
    tracks.forget(2)
    assert tracks.slots.tolist() == [3] and tracks.masks.shape == (1, 1, H, W)
    tracks.forget(3)
    assert tracks.slots.tolist() == [] and tracks.masks.shape[1] == 0
    tracks.add(3, found(([0.9, 0.0], square(4, 2))), 0.3)
    assert tracks.slots.tolist() == [NOBODY] and tracks.at(3)[0].tolist() == [0]


def test_masks_of_another_size_begin_anew() -> None:
    tracks = ClipTracks()
    tracks.add(0, found(([0.9, 0.0], square(0, 2))), 0.3)
    tracks.slots[0] = 5
    tracks.add(0, ClipInstances(torch.tensor([[0.9, 0.0]]), torch.ones(1, 2, 2, 2)), 0.3)
    assert tracks.slots.tolist() == [NOBODY] and tracks.masks.shape == (1, 2, 2, 2)


def test_hints_are_matched_and_then_forgotten() -> None:
    hint = ClipTracks(
        classes=torch.tensor([[0.9, 0.0]]),
        clips=torch.ones(1),
        masks=square(0, 1)[None],
        counts=torch.ones(1, 1),
        slots=np.array([4]),
        is_hint=True,
    )
    hint.add(0, found(([0.5, 0.0], 0.8 * square(0, 2))), 0.3)
    assert hint.slots.tolist() == [4] and not hint.is_hint
    torch.testing.assert_close(hint.masks[0], 0.8 * square(0, 2))
    assert hint.counts.tolist() == [[1, 1]]
