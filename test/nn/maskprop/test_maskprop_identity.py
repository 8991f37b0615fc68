# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Equations 1 to 5 of MaskProp against plain loops, and identities of hand-made clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vis_ros.nn.maskprop.identity import (
    DUPLICATE,
    NEW,
    assign,
    class_means,
    identity_scores,
)
from vis_ros.nn.maskprop.overlap import clip_overlap, propagation_loss, soft_iou


def plain_soft_iou(a: np.ndarray, b: np.ndarray) -> float:
    both = either = 0.0
    for p, q in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        both += p * q
        either += p + q - p * q
    return both / either if either else 0.0


def random_masks(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_soft_iou_of_hand_made_masks() -> None:
    empty, half = torch.zeros(2, 4), torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0]])
    assert soft_iou(empty, empty) == 0
    assert soft_iou(empty, half) == 0
    assert soft_iou(half, half) == 1
    assert soft_iou(half, 1 - half) == 0
    assert soft_iou(half, torch.ones(2, 4)) == 0.5
    assert soft_iou(half / 2, half / 2) == pytest.approx(0.25 / 0.75)


def test_soft_iou_against_loops() -> None:
    a, b = random_masks(3, 5, 7), random_masks(3, 5, 7, seed=1)
    expected = [plain_soft_iou(x, y) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(soft_iou(a, b), expected, rtol=1e-5)


def test_loss_against_loops() -> None:
    masks, truth = random_masks(2, 3, 4, 5), (random_masks(2, 3, 4, 5, seed=1) > 0.5).float()
    expected = 0.0
    for i in range(2):
        for t in range(3):
            expected += 1 - plain_soft_iou(masks[i, t].numpy(), truth[i, t].numpy())
    assert propagation_loss(masks, truth).item() == pytest.approx(expected, rel=1e-5)


def test_loss_of_right_and_of_missing_masks() -> None:
    truth = torch.zeros(1, 2, 4, 4)
    truth[:, 0, 1:3] = 1
    assert propagation_loss(truth, truth) == 0
    assert propagation_loss(torch.zeros_like(truth), truth) == 1
    assert propagation_loss(truth[:0], truth[:0]) == 0


def test_matching_score_against_loops() -> None:
    a, b = random_masks(2, 3, 4, 5), random_masks(4, 3, 4, 5, seed=1)
    found = clip_overlap(a, b)
    for i in range(2):
        for j in range(4):
            values = [plain_soft_iou(a[i, t].numpy(), b[j, t].numpy()) for t in range(3)]
            assert found[i, j].item() == pytest.approx(sum(values) / 3, rel=1e-5)
    assert clip_overlap(a[:0], b).shape == (0, 4)
    assert clip_overlap(a, b[:0]).shape == (2, 0)


def test_identity_score_against_loops() -> None:
    rng = np.random.default_rng(0)
    matching, owners = rng.random((3, 9)), np.array([0, 0, 2, 1, -1, 2, 2, 0, -2])
    found = identity_scores(matching, owners, 4)
    for i in range(3):
        for y in range(4):
            values = [matching[i, j] for j in range(9) if owners[j] == y]
            expected = sum(values) / len(values) if values else 0.0
            assert found[i, y] == pytest.approx(expected)
    assert identity_scores(matching[:, :0], owners[:0], 4).tolist() == [[0.0] * 4] * 3
    assert identity_scores(matching[:0], owners, 4).shape == (0, 4)


@pytest.mark.parametrize('rule', ['next', 'drop'])
def test_the_two_sides_of_the_threshold(rule: str) -> None:
    scores = np.array([[0.5, 0.2], [0.1, 0.6]])
    assert assign(scores, 0.49, rule).tolist() == [0, 1]
    assert assign(scores, 0.5, rule).tolist() == [NEW, 1]  # greater than, not equal
    assert assign(scores, 0.6, rule).tolist() == [NEW, NEW]
    assert assign(scores[:0], 0.1, rule).tolist() == []
    assert assign(scores[:, :0], 0.1, rule).tolist() == [NEW, NEW]


def test_two_tracks_want_one_identity() -> None:
    scores = np.array([[0.7, 0.4], [0.8, 0.3], [0.75, 0.1]])
    assert assign(scores, 0.35, 'next').tolist() == [1, 0, NEW]
    assert assign(scores, 0.35, 'drop').tolist() == [DUPLICATE, 0, DUPLICATE]
    assert assign(scores, 0.9, 'drop').tolist() == [NEW] * 3
    even = np.array([[0.5], [0.5]])
    assert assign(even, 0.1, 'next').tolist() == [0, NEW]
    assert assign(even, 0.1, 'drop').tolist() == [0, DUPLICATE]


def test_class_means() -> None:
    sums, counts = np.array([[1.8, 0.9, 0.0]]), np.array([[4.0, 1.0, 0.0]])
    everything = class_means(sums, counts, np.array([5.0]), 'all')
    np.testing.assert_allclose(everything, [[0.36, 0.18, 0.0]], rtol=1e-6)
    own = class_means(sums, counts, np.array([5.0]), 'class')
    np.testing.assert_allclose(own, [[0.45, 0.9, 0.0]], rtol=1e-6)
    assert not class_means(sums * 0, counts * 0, np.zeros(1), 'all').any()
