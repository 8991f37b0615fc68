# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The loss of the detector."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from truths import pictures, truth_of

from vis_ros.data.clip import Truth
from vis_ros.nn.yolact import (
    SelectionConfig,
    Yolact,
    YolactConfig,
    YolactOutput,
    prepare,
    rgnnvis_config,
    select,
)
from vis_ros.nn.yolact.anchors import encode_boxes
from vis_ros.nn.yolact.nms import pairwise_iou
from vis_ros.training.anchor_matching import NEGATIVE, match_anchors
from vis_ros.training.yolact_loss import (
    YolactLossConfig,
    init_for_training,
    shrink_labels,
    yolact_loss,
)

H, W, K = 64, 96, 4
CONFIG = YolactConfig('slim18', H, W, num_classes=K, channels=16, prototypes=4)
TERMS = ('boxes', 'classes', 'masks', 'semantic')


def make(count: int, *, scale: float = 1.0) -> tuple[Yolact, YolactOutput]:
    """Return a network, and outputs with random values that are leaves of the graph."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Yolact(CONFIG).eval()
        with torch.no_grad():
            output = network(torch.randn(count, 3, H, W))
        raw = output.raw
        raw = raw._replace(
            offsets=torch.randn_like(raw.offsets) * scale,
            logits=torch.randn_like(raw.logits) * scale,
            coefficients=torch.tanh(torch.randn_like(raw.coefficients) * scale),
        )
        prototypes = torch.rand_like(output.prototypes) * 3 * scale
    for value in (*raw, prototypes, output.levels[0]):
        value.requires_grad_()
    return network, output._replace(raw=raw, prototypes=prototypes)


def gradients(output: YolactOutput) -> dict[str, torch.Tensor]:
    leaves = {**output.raw._asdict(), 'prototypes': output.prototypes, 'p3': output.levels[0]}
    return {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


def some_truth() -> Truth:
    """Return two images: two objects, of which one hides a part of the other; and one object."""
    labels = np.zeros((2, H, W), np.uint8)
    labels[0, 10:40, 5:45] = 1
    labels[0, 20:60, 30:60] = 2
    labels[1, 3:20, 60:95] = 1
    return truth_of(labels, [[1, 3], [2]])


def empty_truth(count: int) -> Truth:
    return truth_of(np.zeros((count, H, W), np.uint8), [[]] * count)


def loss_of(
    network: Yolact, output: YolactOutput, truth: Truth, **options: float
) -> dict[str, torch.Tensor]:
    return yolact_loss(network, output, truth, replace(YolactLossConfig(), **options))


def test_images_without_objects() -> None:
    network, output = make(2)
    loss = loss_of(network, output, empty_truth(2))
    assert loss['boxes'] == 0 and loss['masks'] == 0
    assert loss['classes'] > 0 and loss['semantic'] > 0
    loss['total'].backward()
    found = gradients(output)
    assert {'logits', 'p3'} <= set(found)
    assert all(value.isfinite().all() for value in found.values())
    taught = (found['logits'].abs().sum(dim=-1) > 0).sum(dim=1)
    assert taught.tolist() == [30, 30]


def test_an_empty_image_teaches_nothing_where_it_shall_not() -> None:
    network, output = make(1)
    for options in ({'empty_negatives': 0}, {'negatives': 0.0, 'empty_negatives': 0}):
        assert loss_of(network, output, empty_truth(1), **options)['classes'] == 0


def test_an_empty_image_counts_as_its_share() -> None:
    network, output = make(1)
    truth = empty_truth(1)
    hard = (output.raw.logits.logsumexp(-1) - output.raw.logits[..., 0])[0].detach()
    expected = hard.sort(descending=True).values[:30].sum() / (30 / 3)
    assert loss_of(network, output, truth)['classes'].item() == pytest.approx(float(expected))


def slow_masks(truth: Truth, image: int, size: tuple[int, int]) -> torch.Tensor:
    count = truth.class_ids.shape[1]
    whole = torch.stack([truth.labels[image, 0] == j + 1 for j in range(count)]).float()
    return (functional.interpolate(whole[None], size, mode='bilinear')[0] > 0.5).float()


def slow_loss(network: Yolact, output: YolactOutput, truth: Truth) -> dict[str, float]:
    """Return the terms anchor by anchor and pixel by pixel, as the published code defines them."""
    raw, (h, w) = output.raw, output.prototypes.shape[-2:]
    boxes = truth.boxes[:, 0] / torch.tensor([W, H, W, H])
    owners = match_anchors(network.anchors, boxes, truth.is_visible[:, 0])
    total = dict.fromkeys(TERMS, 0.0)
    semantic = network.semantic_logits(output)
    for b, owner in enumerate(owners.tolist()):
        positives = [a for a, j in enumerate(owner) if j >= 0]
        hardness = torch.logsumexp(raw.logits[b], 1) - raw.logits[b, :, 0]
        free = sorted(
            (a for a, j in enumerate(owner) if j == NEGATIVE),
            key=lambda a, x=hardness: -float(x[a]),
        )
        for a in free[: 3 * len(positives)]:
            total['classes'] += float(hardness[a])
        masks = slow_masks(truth, b, (h, w))
        for a in positives:
            j = owner[a]
            class_id = int(truth.class_ids[b, j])
            total['classes'] -= float(raw.logits[b, a].log_softmax(0)[class_id])
            error = raw.offsets[b, a] - encode_boxes(boxes[b, j], network.anchors[a])
            total['boxes'] += sum(
                0.5 * e * e if abs(e) < 1 else abs(e) - 0.5 for e in error.tolist()
            )
            x1, y1, x2, y2 = (boxes[b, j] * torch.tensor([w, h, w, h])).tolist()
            soft = torch.sigmoid(
                (output.prototypes[b] * raw.coefficients[b, a][:, None, None]).sum(0)
            )
            sum_ = 0.0
            for row in range(h):
                for column in range(w):
                    if x1 - 1 <= column < x2 + 1 and y1 - 1 <= row < y2 + 1:
                        p = float(soft[row, column])
                        sum_ -= math.log(p if masks[j, row, column] else 1 - p)
            total['masks'] += sum_ / ((x2 - x1) * (y2 - y1))
        target = torch.zeros_like(semantic[b])
        small = slow_masks(truth, b, tuple(target.shape[1:]))
        for j, class_id in enumerate(truth.class_ids[b].tolist()):
            if class_id:
                target[class_id - 1] = torch.maximum(target[class_id - 1], small[j])
        errors = functional.binary_cross_entropy_with_logits(semantic[b], target, reduction='sum')
        total['semantic'] += float(errors) / target[0].numel()
    count = int((owners >= 0).sum())
    weights = {'boxes': 1.5 / count, 'classes': 1 / count, 'masks': 6.125 / count}
    return {name: total[name] * weights.get(name, 1 / len(owners)) for name in TERMS}


def test_same_as_anchor_by_anchor() -> None:
    network, output = make(2)
    with torch.no_grad():
        found = loss_of(network, output, some_truth())
        expected = slow_loss(network, output, some_truth())
    assert {name: found[name].item() for name in TERMS} == pytest.approx(expected, rel=1e-4)
    assert found['total'].item() == pytest.approx(sum(expected.values()), rel=1e-4)


def test_an_empty_image_leaves_boxes_and_masks_of_the_others_alone() -> None:
    network, output = make(3)
    labels = np.zeros((3, H, W), np.uint8)
    labels[:2] = some_truth().labels[:, 0].numpy()
    three = loss_of(network, output, truth_of(labels, [[1, 3], [2], []]))
    two = output._replace(
        raw=type(output.raw)(*(value[:2] for value in output.raw)),
        prototypes=output.prototypes[:2],
        levels=tuple(level[:2] for level in output.levels),
    )
    expected = loss_of(network, two, some_truth())
    for name in ('boxes', 'masks'):
        torch.testing.assert_close(three[name], expected[name])


def test_the_order_of_images_and_of_objects_does_not_matter() -> None:
    network, output = make(2)
    truth = some_truth()
    expected = loss_of(network, output, truth)
    turned = output._replace(
        raw=type(output.raw)(*(value.flip(0) for value in output.raw)),
        prototypes=output.prototypes.flip(0),
        levels=tuple(level.flip(0) for level in output.levels),
    )
    labels = truth.labels[:, 0].numpy()[::-1].copy()
    labels[1] = np.array([0, 2, 1], np.uint8)[labels[1]]
    found = loss_of(network, turned, truth_of(labels, [[2], [3, 1]]))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_weights_scale_their_terms() -> None:
    network, output = make(2)
    base = loss_of(network, output, some_truth())
    for name in TERMS:
        twice = 2 * getattr(YolactLossConfig(), name)
        found = loss_of(network, output, some_truth(), **{name: twice})
        for other in TERMS:
            factor = 2 if other == name else 1
            torch.testing.assert_close(found[other], factor * base[other])


def test_anchors_between_object_and_background_teach_nothing() -> None:
    network, output = make(1)
    labels = np.zeros((1, H, W), np.uint8)
    labels[0, 10:40, 5:45] = 1
    truth = truth_of(labels, [[1]])
    loss_of(network, output, truth, negatives=1000.0)['classes'].backward()
    boxes = truth.boxes[:, 0] / torch.tensor([W, H, W, H])
    owner = match_anchors(network.anchors, boxes, truth.is_visible[:, 0])
    is_taught = gradients(output)['logits'].abs().sum(dim=-1) > 0
    assert (owner < NEGATIVE).any()
    assert torch.equal(is_taught, owner >= NEGATIVE)


def test_few_masks_stand_for_all() -> None:
    network, output = make(1)
    raw = output.raw
    output = output._replace(raw=raw._replace(coefficients=torch.zeros_like(raw.coefficients)))
    labels = np.zeros((1, H, W), np.uint8)
    labels[0, 10:40, 5:45] = 1  # one object: all its anchors have the same error
    truth = truth_of(labels, [[1]])
    few, all_ = (loss_of(network, output, truth, max_masks=n)['masks'] for n in (1, 1000))
    torch.testing.assert_close(few, all_)


def test_objects_too_small_are_left_out() -> None:
    network, output = make(1)
    labels = np.zeros((1, H, W), np.uint8)
    labels[0, 10:40, 7:8] = 1
    truth = truth_of(labels, [[1]])
    assert loss_of(network, output, truth)['boxes'] > 0
    left_out = loss_of(network, output, truth, min_side=0.05)
    expected = loss_of(network, output, empty_truth(1))
    for name in TERMS:
        torch.testing.assert_close(left_out[name], expected[name])


@pytest.mark.parametrize('scale', [0.0, 1.0, 1e4])
def test_extreme_outputs_and_smallest_objects_stay_finite(scale: float) -> None:
    network, output = make(2, scale=scale)
    labels = np.zeros((2, H, W), np.uint8)
    labels[0, 10, 7] = 1  # one pixel
    labels[0, 30] = 2
    labels[1] = 1  # the whole image
    loss = loss_of(network, output, truth_of(labels, [[1, 2], [3]]), min_side=0.0)
    assert all(value.isfinite() for value in loss.values())
    loss['total'].backward()
    assert all(value.isfinite().all() for value in gradients(output).values())


def test_low_precision_is_raised() -> None:
    network, output = make(2)
    half = output._replace(
        raw=type(output.raw)(*(value.bfloat16() for value in output.raw)),
        prototypes=output.prototypes.bfloat16(),
    )
    found, expected = (loss_of(network, x, some_truth()) for x in (half, output))
    for name, value in found.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[name], rtol=0.02, atol=0.02)


@pytest.mark.parametrize('shape', [(1, 1, H, W), (2, 2, H, W), (2, 1, H, W // 2)])
def test_truths_of_another_shape(shape: tuple[int, ...]) -> None:
    network, output = make(2)
    truth = some_truth()._replace(labels=torch.zeros(shape, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r'labels: expected \(2, 1, 64, 96\), got'):
        loss_of(network, output, truth)


@pytest.mark.parametrize('size', [(10, 12), (20, 24), (5, 6), (7, 9), (40, 30), (1, 1)])
def test_labels_shrink_as_masks_do(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 4, (3, 10, 8)).astype(np.uint8)
    labels = torch.from_numpy(blocks.repeat(4, axis=1).repeat(6, axis=2)[:, :, :-1].copy())
    found = shrink_labels(labels, size)
    assert found.dtype == torch.uint8 and found.shape == (3, *size)
    for item in range(1, 4):
        mask = (labels == item).float()[:, None]
        soft = functional.interpolate(mask, size, mode='bilinear')[:, 0]
        is_clear = (soft - 0.5).abs() > 1e-5
        assert torch.equal((found == item)[is_clear], (soft > 0.5)[is_clear])


def test_initial_parameters() -> None:
    torch.manual_seed(0)
    config = replace(rgnnvis_config('small', 9), height=H, width=W)
    network = Yolact(config).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    init_for_training(network, 0.02)
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(
        torch.equal(after[name], before[name]) == (name.startswith('backbone.')) for name in before
    )
    with torch.no_grad():
        output = network(torch.zeros(1, 3, H, W))
    share = 1 - output.raw.logits.softmax(-1)[..., 0]
    assert float(share.mean()) == pytest.approx(0.02, rel=0.2)
    pixels = network.semantic_logits(output).sigmoid().sum(dim=1)
    assert float(pixels.detach().mean()) == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize('share', [0.0, 1.0, -0.1, math.nan])
def test_initial_share_out_of_range(share: float) -> None:
    with pytest.raises(ValueError, match='foreground: expected a value in'):
        init_for_training(Yolact(CONFIG), share)


def test_it_learns_a_few_pictures_by_heart() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = YolactConfig('slim18', 72, 120, num_classes=4, channels=32, prototypes=8)
        network = Yolact(config).train()
        init_for_training(network)
    images, truth = pictures(8, 72, 120)
    x = prepare(images, config)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    totals = []
    for _ in range(30):
        loss = yolact_loss(network, network(x), truth, YolactLossConfig())['total']
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        totals.append(loss.item())
    assert totals[-1] < 0.1 * totals[0]
    with torch.no_grad():
        found = select(network, network(x), SelectionConfig())
    overlap = pairwise_iou(truth.boxes[:, 0], found.boxes, epsilon=1e-7)
    best, place = (overlap * found.is_real[:, None]).max(dim=2)  # (B, J)
    is_visible = truth.is_visible[:, 0]
    assert is_visible.sum() >= 12
    assert (best[is_visible] > 0.7).all()
    named = found.logits.argmax(dim=-1).gather(1, place)
    assert torch.equal(named[is_visible], truth.class_ids[is_visible])
