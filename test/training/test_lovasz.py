# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Lovasz-softmax loss against its definition."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from vis_ros.training.lovasz import jaccard_losses, lovasz_softmax


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def by_definition(share: list[float], is_inside: list[bool]) -> float:
    """Return the extension as a sum over levels: pixels join the wrong ones, worst first."""
    errors = [1 - p if inside else p for p, inside in zip(share, is_inside, strict=True)]
    order = sorted(range(len(errors)), key=lambda k: -errors[k])
    mask = {k for k, inside in enumerate(is_inside) if inside}
    total, before = 0.0, 0.0
    for rank, k in enumerate(order):
        wrong = set(order[: rank + 1])
        predicted = mask ^ wrong
        loss = 1 - len(mask & predicted) / len(mask | predicted)
        total += errors[k] * (loss - before)
        before = loss
    return total


def test_nothing_has_no_loss() -> None:
    assert jaccard_losses(torch.zeros(0, 7), torch.zeros(0, 7, dtype=torch.bool)).shape == (0,)
    assert lovasz_softmax(random(0, 3, 5), torch.zeros(0, 5, dtype=torch.int64)).shape == (0,)
    nobody = torch.full((2, 5), -1)
    assert torch.equal(lovasz_softmax(random(2, 3, 5), nobody), torch.zeros(2).double())


def test_a_perfect_prediction_has_no_loss() -> None:
    labels = torch.tensor([[0, 2, 2, 0], [1, 1, 1, 1]])
    shares = torch.nn.functional.one_hot(labels, 3).transpose(1, 2).double()
    assert torch.equal(lovasz_softmax(shares, labels), torch.zeros(2).double())


def test_hard_predictions_lose_what_the_overlap_lacks() -> None:
    """All pairs of masks of four pixels."""
    for predicted, truth in itertools.product(itertools.product((0, 1), repeat=4), repeat=2):
        if not any(truth):
            continue
        a, b = torch.tensor(predicted, dtype=torch.bool), torch.tensor(truth, dtype=torch.bool)
        expected = 1 - (a & b).sum() / (a | b).sum()
        torch.testing.assert_close(jaccard_losses(a[None].float(), b[None])[0], expected)


@pytest.mark.parametrize('seed', range(5))
def test_soft_predictions_follow_the_definition(seed: int) -> None:
    shares, is_inside = random(6, 9, seed=seed), random(6, 9, seed=seed + 100) < 0.4
    losses = jaccard_losses(shares, is_inside)
    for share, inside, loss in zip(shares.tolist(), is_inside.tolist(), losses, strict=True):
        if any(inside):
            assert by_definition(share, inside) == pytest.approx(float(loss), abs=1e-12)


def test_only_classes_present_count() -> None:
    shares = random(2, 4, 8).softmax(dim=1)
    labels = torch.tensor([[0, 0, 3, 3, 0, 0, 0, 0], [1, 1, 1, 1, 1, -1, -1, -1]])
    losses = lovasz_softmax(shares, labels)
    zero, three = (jaccard_losses(shares[0, k][None], labels[:1] == k)[0] for k in (0, 3))
    torch.testing.assert_close(losses[0], (zero + three) / 2)
    torch.testing.assert_close(losses[1], jaccard_losses(shares[1, 1:2], labels[1:] == 1)[0])


def test_images_do_not_matter_to_each_other() -> None:
    shares, labels = random(5, 3, 20).softmax(dim=1), (random(5, 20, seed=1) * 3).long()
    together = lovasz_softmax(shares, labels)
    alone = [lovasz_softmax(shares[k : k + 1], labels[k : k + 1]) for k in range(5)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_equal_errors_have_one_loss() -> None:
    shares, inside = (
        torch.full((1, 6), 0.5),
        torch.tensor([[True, False, True, False] + [False] * 2]),
    )
    order = torch.tensor([5, 3, 1, 0, 2, 4])
    first, second = jaccard_losses(shares, inside), jaccard_losses(shares, inside[:, order])
    torch.testing.assert_close(first, second)


def test_the_fast_order_is_the_order() -> None:
    """Float32 on a CPU takes another way than the rest, ties and errors of 0 and 1 included."""
    shares = (random(20, 400) * 50).round() / 50
    is_inside = random(20, 400, seed=1) < 0.3
    results = []
    for dtype in (torch.float32, torch.float64):
        leaf = shares.to(dtype).requires_grad_()
        losses = jaccard_losses(leaf, is_inside)
        losses.sum().backward()
        results.append((losses.double(), leaf.grad.sum(dim=1).double()))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-5, rtol=1e-5)
    distinct = random(20, 400)
    slopes = []
    for dtype in (torch.float32, torch.float64):
        leaf = distinct.to(dtype).requires_grad_()
        jaccard_losses(leaf, is_inside).sum().backward()
        slopes.append(leaf.grad.double())
    torch.testing.assert_close(slopes[0], slopes[1], atol=1e-5, rtol=1e-5)


def test_shares_just_outside_the_range_are_harmless() -> None:
    """A soft-max of floats may give a little more than 1."""
    shares = torch.tensor([[1.0 + 2e-7, 0.0, -1e-9, 0.5]], requires_grad=True)
    loss = jaccard_losses(shares, torch.tensor([[True, False, False, False]]))
    loss.sum().backward()
    assert float(loss.detach()) == pytest.approx(0.25, abs=1e-5) and shares.grad.isfinite().all()


def test_gradients() -> None:
    logits = random(2, 3, 7).requires_grad_()
    labels = (random(2, 7, seed=1) * 4).long() - 1

    def loss(x: Tensor) -> Tensor:
        return lovasz_softmax((3 * x).softmax(dim=1), labels)

    assert torch.autograd.gradcheck(loss, logits)


def test_descent_finds_the_masks() -> None:
    labels = (random(2, 30, seed=1) * 3).long()
    logits = random(2, 3, 30).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = lovasz_softmax(logits.softmax(dim=1), labels).sum()
        loss.backward()
        optimizer.step()
    assert torch.equal(logits.argmax(dim=1), labels) and loss < 0.1
