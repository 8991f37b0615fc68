# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whom detections and tracks stand for, by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from vis_ros.training.identities import (
    detection_identities,
    owner_slots,
    owners,
    track_identities,
)

A, B = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)
FAR, FLAT, PAD = (50.0, 50.0, 60.0, 60.0), (5.0, 5.0, 5.0, 9.0), (-1.0,) * 4


def shifted(box: tuple[float, ...], dx: float) -> tuple[float, ...]:
    return (box[0] + dx, box[1], box[2] + dx, box[3])


def identities(
    boxes: list[tuple[float, ...]],
    truth: list[tuple[float, ...]],
    *,
    real: list[bool] | None = None,
    visible: list[bool] | None = None,
) -> list[int]:
    is_real = torch.tensor([real or [True] * len(boxes)], dtype=torch.bool)
    is_visible = torch.tensor([visible or [True] * len(truth)], dtype=torch.bool)
    found = torch.tensor(boxes).reshape(1, -1, 4), is_real
    return detection_identities(*found, torch.tensor(truth).reshape(1, -1, 4), is_visible)[
        0
    ].tolist()


def test_nothing_has_no_identity() -> None:
    assert identities([], []) == [] and identities([], [A]) == []
    assert identities([A, B], []) == [0, 0]
    assert identities([A], [A], visible=[False]) == [0]
    assert identities([A, PAD], [A], real=[False, False]) == [0, 0]


def test_each_object_gets_its_detection() -> None:
    assert identities([B, FAR, shifted(A, 1)], [A, B]) == [2, 0, 1]


def test_the_better_of_two_detections_gets_the_object() -> None:
    assert identities([shifted(A, 2), shifted(A, 1)], [A]) == [0, 1]
    assert identities([shifted(A, 1), shifted(A, -1)], [A]) == [1, 0]  # of equals the first


def test_a_detection_between_two_objects_stands_for_the_nearer() -> None:
    near = shifted(A, 3)
    assert identities([shifted(A, 1)], [A, near]) == [1]
    assert identities([shifted(A, 2)], [A, near]) == [2]


def test_the_second_best_object_is_no_consolation() -> None:
    """The worse detection's best object is taken; another one overlaps it by more than half."""
    other = shifted(A, 3)
    assert identities([A, shifted(A, 0.5)], [A, other]) == [1, 0]


def test_half_is_not_enough() -> None:
    half, more = (0.0, 0.0, 10.0, 5.0), (0.0, 0.0, 10.0, 5.1)
    assert identities([half], [A]) == [0]
    assert identities([more], [A]) == [1]


def test_padding_and_the_invisible_take_nothing() -> None:
    assert identities([A, A], [A], real=[False, True]) == [0, 1]
    assert identities([A], [A, A], visible=[False, True]) == [2]
    assert identities([PAD, A], [PAD, A], real=[False, True], visible=[False, True]) == [0, 2]


def test_boxes_without_area_are_harmless() -> None:
    assert identities([FLAT, A], [A]) == [0, 1]
    assert identities([FLAT], [FLAT]) == [1]  # as in the code, thanks to its epsilon


def test_many_frames_at_once() -> None:
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(3, 2, 6, 2, generator=generator) * 20
    boxes = torch.cat((low, low + 10), -1)
    truth = boxes[:, :, [4, 1, 3]] + torch.randn(3, 2, 3, 4, generator=generator)
    is_real = torch.rand(3, 2, 6, generator=generator) > 0.2
    is_visible = torch.rand(3, 2, 3, generator=generator) > 0.2
    whole = detection_identities(boxes, is_real, truth, is_visible)
    assert whole.shape == (3, 2, 6) and whole.max() > 0
    for t in range(3):
        for b in range(2):
            part = boxes[t, b], is_real[t, b], truth[t, b], is_visible[t, b]
            assert torch.equal(whole[t, b], detection_identities(*part))
            taken = whole[t, b][whole[t, b] > 0]
            assert len(taken.unique()) == len(taken)  # an object has one detection at most


def births(*frames: dict[int, int], slots: int = 4, detections: int = 3) -> tuple[Tensor, Tensor]:
    """Return `is_new` and `assigned` of a clip; a frame maps slots to their first detection."""
    is_new = torch.zeros(len(frames), 1, slots, dtype=torch.bool)
    assigned = torch.full((len(frames), 1, slots), -1)
    for t, frame in enumerate(frames):
        for slot, detection in frame.items():
            is_new[t, 0, slot], assigned[t, 0, slot] = True, detection
    return is_new, assigned


def test_no_tracks() -> None:
    tracks = track_identities(*births({}, {}), torch.tensor([[[1, 2, 0]], [[0, 0, 0]]]))
    assert tracks.origin.tolist() == [[0] * 4] and not tracks.is_owner.any()
    assert tracks.born.tolist() == [[2] * 4]
    assert owner_slots(tracks, 2).tolist() == [[0, 0, 0]]
    assert owner_slots(tracks, 0).tolist() == [[0]]


def test_tracks_stand_for_the_detection_that_started_them() -> None:
    seen = torch.tensor([[[2, 0, 1]], [[1, 2, 0]]])
    is_new, assigned = births({0: 0, 1: 1}, {2: 0})
    assigned[1, 0, 0] = 0  # shows object 1 later, but stays the track of object 2
    tracks = track_identities(is_new, assigned, seen)
    assert tracks.origin.tolist() == [[2, 0, 1, 0]]
    assert tracks.born.tolist() == [[0, 0, 1, 2]]
    assert tracks.identity().tolist() == [[2, 0, 1, 0]]
    assert owner_slots(tracks, 3).tolist() == [[0, 3, 1, 0]]


def test_the_first_track_keeps_the_object() -> None:
    seen = torch.tensor([[[1, 0, 2]], [[0, 1, 2]], [[1, 0, 0]]])
    tracks = track_identities(*births({0: 0, 1: 1}, {2: 1}, {3: 0}), seen)
    assert tracks.origin.tolist() == [[1, 0, 1, 1]]
    assert tracks.identity().tolist() == [[1, 0, 0, 0]]
    assert tracks.is_duplicate().tolist() == [[False, False, True, True]]
    assert owner_slots(tracks, 2).tolist() == [[0, 1, 0]]


def test_the_first_track_counts_not_the_first_slot() -> None:
    origin, born = torch.tensor([[3, 3, 0]]), torch.tensor([[5, 2, 1]])
    assert owners(origin, born).tolist() == [[False, True, False]]
