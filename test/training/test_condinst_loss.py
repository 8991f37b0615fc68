# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of CondInst on cases made by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vis_ros.nn.condinst import CondInstOutput
from vis_ros.nn.condinst.head import Dense, places
from vis_ros.nn.condinst.masks import CONTROLLERS
from vis_ros.nn.yolact.backbone import Taps
from vis_ros.training.condinst_loss import (
    FrameTruth,
    centerness_of,
    centroids,
    condinst_losses,
    focal_loss,
    overlap_loss,
    positives_of,
)

SIZE = (96, 160)
WHERE = places(*SIZE, torch.device('cpu'))
COLUMNS = 160 // 8


def truth_of(*boxes: tuple[int, int, int, int], extra: int = 1) -> FrameTruth:
    """Return one frame with rectangles, later ones in front; and objects that it does not show."""
    count = len(boxes) + extra
    labels = torch.zeros(1, *SIZE, dtype=torch.uint8)
    found, is_real = torch.zeros(1, count, 4), torch.zeros(1, count, dtype=torch.bool)
    for j, (x1, y1, x2, y2) in enumerate(boxes):
        labels[0, y1:y2, x1:x2] = j + 1
        found[0, j] = torch.tensor([x1, y1, x2, y2], dtype=torch.float32)
        is_real[0, j] = True
    class_ids = torch.arange(count)[None] % 2 - torch.arange(count).ge(len(boxes)).long()
    return FrameTruth(labels, found, is_real, class_ids)


def output_of(dense: Dense) -> CondInstOutput:
    nothing = torch.zeros(1, 1, 1, 1)
    features = torch.zeros(1, 8, SIZE[0] // 8, SIZE[1] // 8, requires_grad=True)
    return CondInstOutput(Taps(nothing, nothing, nothing), (), dense, features)


def blank() -> Dense:
    count = len(WHERE.xy)
    return Dense(
        torch.full((1, count, 2), -9.0, requires_grad=True),
        torch.ones(1, count, 4, requires_grad=True),
        torch.zeros(1, count, requires_grad=True),
        torch.zeros(1, count, CONTROLLERS, requires_grad=True),
    )


def test_a_frame_without_objects_teaches_the_classes_only() -> None:
    truth = truth_of()
    positives = positives_of(truth, WHERE, 1.5)
    assert not len(positives.image)
    dense = blank()
    losses = condinst_losses(output_of(dense), truth, positives, WHERE)
    assert {name for name, value in losses.items() if value > 0} == {'classes'}
    torch.stack(list(losses.values())).sum().backward()
    assert dense.classes.grad is not None and dense.classes.grad.all()
    assert dense.boxes.grad is None or not dense.boxes.grad.any()


def test_centroids_are_those_of_the_pixels() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    labels[0, 2:4, 1:5] = 2
    labels[0, 4, 1] = 2
    assert centroids(labels, 3)[0, 0].tolist() == [0.0, 0.0]
    x = (2 * (1 + 2 + 3 + 4) + 1) / 9 + 0.5
    y = (4 * 2 + 4 * 3 + 4) / 9 + 0.5
    assert centroids(labels, 3)[0, 1].tolist() == pytest.approx([x, y])


def test_places_near_the_centroid_describe_an_object() -> None:
    positives = positives_of(truth_of((20, 12, 60, 52)), WHERE, 1.5)
    xy = WHERE.xy[positives.place]  # the centroid is (40, 32), the square 12 pixels each way
    wanted = {(x, y) for x in (36.0, 44.0) for y in (28.0, 36.0)}
    assert {tuple(point) for point in xy.tolist()} == wanted
    first = xy.tolist().index([36.0, 28.0])
    assert positives.distances[first].tolist() == [16.0, 16.0, 24.0, 24.0]
    assert positives.centerness[first].item() == pytest.approx(16 / 24)
    assert positives.owner.tolist() == [0] * 4


def test_the_square_ends_at_the_box() -> None:
    positives = positives_of(truth_of((37, 29, 43, 35)), WHERE, 1.5)
    assert not len(positives.image)  # no place lies inside of so small a box


def test_the_level_is_that_of_the_largest_distance() -> None:
    for width, levels in ((64, {0}), (100, {0, 1}), (140, {1})):  # off the middle it is larger
        positives = positives_of(truth_of((10, 30, 10 + width, 66)), WHERE, 1.5)
        assert set(WHERE.level[positives.place].tolist()) == levels, width


def test_the_smaller_object_gets_a_place_that_two_could_have() -> None:
    truth = truth_of((20, 12, 60, 52), (28, 20, 52, 44))
    positives = positives_of(truth, WHERE, 1.5)
    assert set(positives.owner.tolist()) == {1}


def test_centerness_is_one_in_the_middle() -> None:
    distances = torch.tensor([[5.0, 3.0, 5.0, 3.0], [1.0, 2.0, 3.0, 2.0]])
    assert centerness_of(distances).tolist() == pytest.approx([1.0, math.sqrt(1 / 3)])


def test_focal_loss_by_hand() -> None:
    found = focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0])).tolist()
    assert found == pytest.approx([0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)])
    sure = focal_loss(torch.tensor([30.0, -30.0]), torch.tensor([1.0, 0.0]))
    assert sure.sum() < 1e-6


@pytest.mark.parametrize(
    ('found', 'want', 'loss'),
    [
        ([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], 0.0),
        ([1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0], 0.75),
        ([2.0, 1.0, 0.0, 1.0], [0.0, 1.0, 2.0, 1.0], 1.0),  # side by side
        ([2.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0], 1.5),  # corner to corner
    ],
)
def test_the_loss_of_boxes_is_one_minus_giou(
    found: list[float], want: list[float], loss: float
) -> None:
    value = overlap_loss(torch.tensor([found]), torch.tensor([want]))
    assert value.item() == pytest.approx(loss, abs=1e-6)


def test_what_is_right_costs_nothing() -> None:
    truth = truth_of((20, 12, 60, 52))
    positives = positives_of(truth, WHERE, 1.5)
    dense = blank()
    image, place = positives.image, positives.place
    with torch.no_grad():
        dense.classes[image, place, 0] = 9.0
        dense.boxes[image, place] = positives.distances
        dense.centerness[image, place] = positives.centerness.logit(eps=1e-6)
    losses = condinst_losses(output_of(dense), truth, positives, WHERE)
    assert losses['classes'] < 1e-4 and losses['boxes'] < 1e-6
    entropy: Tensor = torch.nn.functional.binary_cross_entropy(
        positives.centerness, positives.centerness
    )
    assert losses['centerness'].item() == pytest.approx(entropy.item(), abs=1e-4)
    half = 1 - 2 * 0.5 * 100 / (0.25 * 960 + 100)  # all masks say one half: 10 x 10 of 24 x 40
    assert losses['masks'].item() == pytest.approx(half, abs=0.01)
    other = positives._replace(owner=positives.owner + 1)
    with pytest.raises(IndexError):
        condinst_losses(output_of(dense), truth_of((20, 12, 60, 52), extra=0), other, WHERE)
