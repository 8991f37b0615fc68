# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of MaskProp on hand-made pairs, and that they teach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from vis_ros.data.batch import truth_of_labels
from vis_ros.data.clip import Truth
from vis_ros.nn.maskprop import MaskProp, ModelOptions
from vis_ros.nn.maskprop import model as model_module
from vis_ros.nn.maskprop.config import MaskPropSizes
from vis_ros.nn.maskprop.overlap import soft_iou
from vis_ros.structures.options import build_config
from vis_ros.training.maskprop_loss import MaskPropLossConfig, maskprop_loss

TINY = MaskPropSizes('slim18', 96, 160, 16, 8, 32, 16, 16, 32, 8, 32)
HEIGHT, WIDTH = 60, 96  # not multiples of 32
Box = tuple[int, int, int, int]
ONLY = MaskPropLossConfig(detection=0.0)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, 'sizes_of', lambda name: TINY)


def model_of(**options: Any) -> MaskProp:
    torch.manual_seed(0)
    return MaskProp('small', 2, build_config(ModelOptions, options)).train()


def pair(*objects: tuple[Box | None, Box | None]) -> tuple[torch.Tensor, Truth]:
    """Return a pair in which objects, of class 1 and 2 in turns, have these boxes or none."""
    rng = np.random.default_rng(0)
    images = rng.integers(100, 130, (1, 2, HEIGHT, WIDTH, 3)).astype(np.uint8)
    labels = np.zeros((1, 2, HEIGHT, WIDTH), np.uint8)
    for j, boxes in enumerate(objects):
        for frame, box in enumerate(boxes):
            if box is not None:
                x1, y1, x2, y2 = box
                labels[0, frame, y1:y2, x1:x2] = j + 1
                images[0, frame, y1:y2, x1:x2] = (250, 20, 20) if j % 2 else (20, 20, 250)
    classes = np.arange(len(objects), dtype=np.int64) % 2
    return torch.from_numpy(images), truth_of_labels(labels, [classes])


def joined(parts: Sequence[tuple[torch.Tensor, Truth]]) -> tuple[torch.Tensor, Truth]:
    images = torch.cat([images for images, _ in parts])
    return images, Truth(
        *(torch.cat(values) for values in zip(*(t for _, t in parts), strict=True))
    )


LEFT, RIGHT = (8, 8, 32, 40), (56, 16, 88, 48)

EVERY = (
    {},
    {'tracking': 'masktrack'},
    {'tracking': 'flow'},
    {'tracking': 'flow', 'flow': 'dis'},
    {'refinement.enabled': True},
    {'propagation.frame_masks': False},
    {'propagation.region': 'binary', 'propagation.background': True},
)


@pytest.mark.parametrize('options', EVERY, ids=str)
def test_frames_without_objects_have_finite_losses(options: dict[str, Any]) -> None:
    model = model_of(**options)
    losses = maskprop_loss(model, *pair(), MaskPropLossConfig())
    losses['total'].backward()
    assert all(value.isfinite() for value in losses.values())
    for name in ('propagation', 'identity', 'refinement'):
        assert losses.get(name, torch.zeros(())) == 0


def test_so_many_boxes_compete_to_be_proposals() -> None:
    model = model_of()
    maskprop_loss(model, *pair((LEFT, RIGHT), (RIGHT, None)), MaskPropLossConfig(candidates=7))
    assert model.detector.rpn.pre_nms_top_n() == 7


@pytest.mark.parametrize('options', EVERY, ids=str)
def test_the_total_is_the_sum_of_terms_and_reaches_every_part(options: dict[str, Any]) -> None:
    model = model_of(**options)
    losses = maskprop_loss(model, *pair((LEFT, RIGHT), (RIGHT, None)), MaskPropLossConfig())
    total = losses.pop('total')
    torch.testing.assert_close(total, sum(losses.values(), start=torch.zeros(())))
    expected = {'detection'}
    expected |= {'refinement'} if options.get('refinement.enabled') else set()
    expected |= {'propagation': {'propagation'}, 'masktrack': {'identity'}, 'flow': set()}[
        options.get('tracking', 'propagation')
    ]
    assert set(losses) == expected
    total.backward()
    silent = ('flow.', 'detector.backbone.body.fc')
    for name, parameter in model.named_parameters():
        if not name.startswith(silent):
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_propagation_is_equation_2_of_the_pair() -> None:
    model = model_of()
    images, truth = pair((LEFT, (16, 8, 40, 40)), (RIGHT, None))
    with torch.no_grad():
        loss = maskprop_loss(model, images, truth, ONLY)['propagation'].item()
        found: list[torch.Tensor] = []
        model.propagation.register_forward_hook(lambda *args: found.append(args[2]))
        model.load_state_dict(model_of().state_dict())  # the statistics moved
        assert maskprop_loss(model, images, truth, ONLY)['propagation'].item() == loss
    (masks,) = found
    assert masks.shape == (2, 2, 8, 12)
    expected = 0.0
    for i, t, box in ((0, 0, LEFT), (0, 1, (16, 8, 40, 40)), (1, 0, RIGHT)):  # the last one hides
        target = torch.zeros(8, 12)
        target[box[1] // 8 : box[3] // 8, box[0] // 8 : box[2] // 8] = 1
        expected += 1 - float(soft_iou(masks[i, t], target))
    assert loss == pytest.approx(expected, rel=1e-5)


def test_objects_that_only_the_second_frame_shows_are_not_propagated() -> None:
    model = model_of()
    assert maskprop_loss(model, *pair((None, LEFT)), ONLY)['propagation'] == 0


def test_a_batch_is_the_mean_of_its_pairs() -> None:
    model = model_of().eval()  # batch norm by its own statistics
    pairs = [pair((LEFT, RIGHT), (RIGHT, LEFT)), pair((LEFT, LEFT), (None, RIGHT))]
    with torch.no_grad():
        single = [maskprop_loss(model, *each, ONLY)['propagation'] for each in pairs]
        both = maskprop_loss(model, *joined(pairs), ONLY)['propagation']
    torch.testing.assert_close(both, torch.stack(single).mean())


def test_identity_is_the_cross_entropy_over_known_objects_and_new() -> None:
    model = model_of(tracking='masktrack').eval()
    for parameter in model.tracking.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        one = maskprop_loss(model, *pair((LEFT, RIGHT)), ONLY)['identity']
        new = maskprop_loss(model, *pair((LEFT, RIGHT), (None, LEFT)), ONLY)['identity']
        alone = maskprop_loss(model, *pair((None, LEFT)), ONLY)['identity']
    assert one.item() == pytest.approx(np.log(2))  # it, or new: all logits are 0
    assert new.item() == pytest.approx(np.log(2))
    assert alone.item() == pytest.approx(0.0)  # nothing else it could be


def test_refinement_of_even_odds_is_log_2() -> None:
    model = model_of(**{'refinement.enabled': True}).eval()
    for parameter in model.refinement.out.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        for objects in (((LEFT, None),), ((LEFT, None), (RIGHT, None))):
            loss = maskprop_loss(model, *pair(*objects), ONLY)['refinement']
            assert loss.item() == pytest.approx(np.log(2), rel=1e-5)


def test_both_frames_can_teach_the_detector() -> None:
    model = model_of()
    images, truth = pair((LEFT, RIGHT))
    lengths = []
    losses = model.detector.losses
    model.detector.losses = lambda f, targets: lengths.append(len(targets)) or losses(f, targets)
    for both in (False, True):
        maskprop_loss(model, images, truth, MaskPropLossConfig(detect_both=both))
    assert lengths == [1, 2]


def test_what_are_no_pairs_is_refused() -> None:
    images, truth = pair((LEFT, RIGHT))
    with pytest.raises(ValueError, match=r'expected pairs .*got \(1, 1, 60, 96, 3\)'):
        maskprop_loss(model_of(), images[:, :1], truth, ONLY)
    with pytest.raises(ValueError, match='labels of that size'):
        maskprop_loss(model_of(), images[:, :, :32], truth, ONLY)


def test_the_branch_learns_to_follow() -> None:
    """Two squares change places; after a few steps each mask is where its object went."""
    model = model_of()
    none = (None, None)
    truths = [((LEFT, RIGHT), (RIGHT, LEFT)), ((RIGHT, LEFT), none), ((LEFT, RIGHT), none)]
    images, truth = joined([pair(*objects) for objects in truths])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    values = []
    for _ in range(30):
        loss = maskprop_loss(model, images, truth, ONLY)['total']
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        values.append(loss.item())
    assert values[0] > 1.5 and max(values[-3:]) < 0.3 * values[0]
