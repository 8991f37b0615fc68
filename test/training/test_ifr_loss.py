# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of IFR on hand-made cases: focal, matching, masks, and masks of other frames."""

from __future__ import annotations

import math

import pytest
import torch

from vis_ros.data.clip import Truth
from vis_ros.nn.ifr import Ifr, IfrOptions, IfrSizes, Prediction
from vis_ros.nn.ifr import model as model_module
from vis_ros.nn.ifr.matching import best_pairs, logits_of, pair_costs
from vis_ros.training.ifr_loss import (
    IfrLossConfig,
    Objects,
    at_points,
    chosen_points,
    clip_loss,
    dice_loss,
    focal_loss,
    ifr_loss,
    match,
)

TINY = IfrSizes('slim18', None, 32, 64, 32, 1, 32, 2, 32, 4, 4)
FEW = IfrLossConfig(points=64)


def test_focal_loss_by_hand() -> None:
    assert focal_loss(torch.zeros(0, 2), torch.zeros(0, 2), 0.25, 2.0) == 0
    logits = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/2 and 3/4
    found = focal_loss(logits, torch.tensor([[1.0, 0.0]]), 0.25, 2.0)
    expected = 0.25 * 0.5**2 * math.log(2) + 0.75 * 0.75**2 * math.log(4)
    assert found == pytest.approx(expected)


def test_dice_loss_by_hand() -> None:
    certain = torch.tensor([40.0, 40.0, -40.0, -40.0])
    assert dice_loss(certain, torch.tensor([1.0, 1.0, 0.0, 0.0])) == pytest.approx(0, abs=1e-6)
    assert dice_loss(certain, torch.tensor([0.0, 1.0, 1.0, 0.0])) == pytest.approx(1 - 3 / 5)
    assert dice_loss(certain, torch.zeros(4)) == pytest.approx(1 - 1 / 3)
    assert dice_loss(-certain.abs(), torch.zeros(4)) == pytest.approx(0, abs=1e-6)


def test_costs_by_hand() -> None:
    """Equation 4: -2 p(c) + 5 BCE + 5 (1 - DICE)."""
    probability = torch.tensor([[0.7, 0.1]])
    logits, targets = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    found = pair_costs(probability, logits, torch.tensor([0, 1]), targets)
    first = -2 * 0.7 + 5 * math.log(2) + 5 * (1 - 2 / 3)
    second = -2 * 0.1 + 5 * math.log(2) + 5 * (1 - 3 / 4)
    assert found[0].tolist() == pytest.approx([first, second])


def test_matching_is_one_to_one_and_cheap() -> None:
    costs = torch.tensor([[1.0, 2.0], [0.0, 0.5], [9.0, 9.0]])
    query, which = best_pairs(costs)
    assert dict(zip(which.tolist(), query.tolist(), strict=True)) == {0: 0, 1: 1}
    assert [len(x) for x in best_pairs(torch.zeros(3, 0))] == [0, 0]
    query, which = best_pairs(torch.tensor([[torch.nan, 1.0], [0.0, 0.0]]))
    assert (query.tolist(), which.tolist()) == ([0, 1], [1, 0])


def test_logits_of_certain_masks_are_finite() -> None:
    assert logits_of(torch.tensor([0.0, 0.5, 1.0])).isfinite().all()
    assert logits_of(torch.tensor([0.3])).sigmoid() == pytest.approx(0.3)


def perfect(frames: int = 2, *, moves: bool = True) -> tuple[Prediction, torch.Tensor, Objects]:
    """Return a clip of two objects, features with a channel for each, and queries that know it.

    The objects change sides from one frame to the next.
    """
    masks = torch.zeros(2, frames, 16, 32)
    for t in range(frames):
        left = t % 2 if moves else 0
        masks[left, t, :, :16] = 1
        masks[1 - left, t, :, 16:] = 1
    features = torch.zeros(frames, 2, 16, 32)
    features[:, 0, :, :16], features[:, 0, :, 16:] = 6, -6
    features[:, 1] = -features[:, 0]
    kernels = torch.zeros(frames, 3, 2)
    for t in range(frames):
        left = t % 2 if moves else 0
        kernels[t, 2, left], kernels[t, 0, 1 - left] = 1, 1
    classes = torch.full((1, 3, 2), -60.0)
    classes[0, 2, 1], classes[0, 0, 0] = 60, 60
    return Prediction(classes, kernels), features, Objects(torch.tensor([1, 0]), masks)


def test_what_is_right_costs_nothing_but_the_border() -> None:
    said, features, clip = perfect()
    query, which = match(said, features, clip, FEW)
    assert dict(zip(which.tolist(), query.tolist(), strict=True)) == {0: 2, 1: 0}
    # Masks are compared at points between cells too, where they are not sharp.
    terms = clip_loss(said, features, clip, IfrLossConfig(points=64, cross_frame=0, uncertain=0))
    assert terms['classes'] == pytest.approx(0, abs=1e-6)
    wrong = Prediction(said.classes, 0 * said.kernels)
    other = clip_loss(wrong, features, clip, IfrLossConfig(points=64, cross_frame=0, uncertain=0))
    assert terms['mask'] < 0.2 * other['mask'] and terms['dice'] < 0.3 * other['dice']


def test_the_class_has_its_own_weight_in_the_matching() -> None:
    """Two queries tell classes and places of two objects the wrong way round."""
    said, features, clip = perfect()
    crossed = Prediction(said.classes.flip(2), said.kernels)
    queries = {}
    for weight in (0.0, 1000.0):
        config = IfrLossConfig(points=64, classes=20, match_classes=weight)
        query, which = match(crossed, features, clip, config)
        queries[weight] = dict(zip(which.tolist(), query.tolist(), strict=True))
    assert queries == {0.0: {0: 2, 1: 0}, 1000.0: {0: 0, 1: 2}}


def test_cross_frame_terms() -> None:
    """Where objects stay, other frames agree; where they change sides, they cost a lot."""
    sums = {}
    for moves in (False, True):
        for weight in (0.0, 0.3, 0.6):
            torch.manual_seed(0)
            said, features, clip = perfect(moves=moves)
            config = IfrLossConfig(points=64, cross_frame=weight, uncertain=0)
            sums[moves, weight] = clip_loss(said, features, clip, config)
    for name in ('mask', 'dice'):
        still = [float(sums[False, w][name]) for w in (0.0, 0.3, 0.6)]
        moved = [float(sums[True, w][name]) for w in (0.0, 0.3, 0.6)]
        assert still[1] == pytest.approx(1.3 * still[0], rel=0.3)
        assert moved[1] > 2 * still[1]
        assert moved[2] - moved[1] == pytest.approx(moved[1] - moved[0])  # linear in the weight


def test_cross_frame_terms_by_hand() -> None:
    """Equation 6 with maps of one value each: the sum over t1 and t2 with its weights."""
    features = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    kernels = torch.tensor([[[0.5]], [[-1.0]]])
    masks = torch.zeros(1, 2, 4, 4)
    masks[0, 1] = 1
    said = Prediction(torch.zeros(1, 1, 1), kernels)
    config = IfrLossConfig(points=16, cross_frame=0.3, uncertain=0)
    # Points near the edge of a map mix with the zeros around it: keep away from it.
    points = torch.full((2, 16, 2), 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('vis_ros.training.ifr_loss.chosen_points', lambda maps, config: points)
        terms = clip_loss(said, features, Objects(torch.tensor([0]), masks), config)

    def entropy(logit: float, target: float) -> float:
        return math.log1p(math.exp(logit)) - target * logit

    same = entropy(0.5, 0) + entropy(-2.0, 1)
    cross = entropy(1.0, 1) + entropy(-1.0, 0)  # frame 1 of frame 2, and the other way round
    assert terms['mask'] == pytest.approx(5 * (same + 0.3 * cross), rel=1e-5)

    def dice(logit: float, target: float) -> float:
        share = 1 / (1 + math.exp(-logit))
        return 1 - (2 * 16 * share * target + 1) / (16 * share + 16 * target + 1)

    expected = dice(0.5, 0) + dice(-2.0, 1) + 0.3 * (dice(1.0, 1) + dice(-1.0, 0))
    assert terms['dice'] == pytest.approx(5 * expected, rel=1e-5)


def test_a_clip_without_objects_teaches_classes_only() -> None:
    said, features, _ = perfect()
    nothing = Objects(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2, 16, 32))
    terms = clip_loss(said, features, nothing, FEW)
    assert terms['mask'] == terms['dice'] == 0
    assert terms['classes'] > 10


def test_points_lie_near_the_border() -> None:
    maps = torch.linspace(-4, 4, 8).expand(1, 2, 4, 8)
    torch.manual_seed(0)
    points = chosen_points(maps, IfrLossConfig(points=100, uncertain=0.75))
    assert points.shape == (2, 100, 2)
    doubt = at_points(maps.flatten(0, 1)[:, None], points)[:, 0].abs()
    assert doubt[:, :75].mean() < 0.5 * doubt[:, 75:].mean()
    assert chosen_points(maps[:0], FEW).shape == (0, 64, 2)


def truth_of(labels: torch.Tensor, class_ids: torch.Tensor) -> Truth:
    ids = torch.arange(1, class_ids.shape[1] + 1)
    is_visible = (labels[:, :, None] == ids[:, None, None]).flatten(3).any(dim=3)
    return Truth(labels, torch.zeros(*is_visible.shape, 4), is_visible, class_ids)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Ifr:
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)
    torch.manual_seed(0)
    return Ifr('tiny', 2, IfrOptions()).train()


def test_gradients_reach_the_whole_network(model: Ifr) -> None:
    images = torch.randint(0, 255, (2, 2, 24, 40, 3), dtype=torch.uint8)
    labels = torch.zeros(2, 2, 24, 40, dtype=torch.uint8)
    labels[0, :, 4:20, 4:20], labels[0, 1, :10, 25:] = 1, 2
    truth = truth_of(labels, torch.tensor([[1, 2], [1, 0]]))
    terms = ifr_loss(model, images, truth, FEW)
    assert set(terms) == {'classes', 'mask', 'dice', 'total'}
    total = sum(terms[name].item() for name in ('classes', 'mask', 'dice'))
    assert terms['total'].item() == pytest.approx(total, rel=1e-4)
    terms['total'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    idle = {n for n, p in model.named_parameters() if not p.grad.abs().sum() > 0}
    # Scores do not change with a bias of the keys; where a cell looks depends on nothing at first.
    assert all('key.bias' in n or n == 'pixel_decoder.level_embed' for n in idle)


def test_a_batch_without_objects(model: Ifr) -> None:
    images = torch.zeros(1, 1, 32, 64, 3, dtype=torch.uint8)
    truth = truth_of(torch.zeros(1, 1, 32, 64, dtype=torch.uint8), torch.zeros(1, 1).long())
    terms = ifr_loss(model, images, truth, FEW)
    assert terms['total'].isfinite() and terms['mask'] == 0
    terms['total'].backward()
    with pytest.raises(ValueError, match='labels of that size'):
        ifr_loss(model, images[:, :, :16], truth, FEW)


def test_training_learns_a_picture(model: Ifr) -> None:
    torch.manual_seed(1)
    images = torch.zeros(1, 2, 32, 64, 3, dtype=torch.uint8)
    labels = torch.zeros(1, 2, 32, 64, dtype=torch.uint8)
    labels[0, :, 8:24, 8:24] = 1
    images[labels > 0] = 255
    truth = truth_of(labels, torch.tensor([[2]]))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    totals = []
    for _ in range(12):
        terms = ifr_loss(model, images, truth, FEW)
        optimiser.zero_grad()
        terms['total'].backward()
        optimiser.step()
        totals.append(float(terms['total']))
    assert min(totals[-3:]) < 0.6 * totals[0]
