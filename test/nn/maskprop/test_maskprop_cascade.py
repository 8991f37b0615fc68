# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid task cascade and its semantic branch: boxes, masks, targets, empty cases."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vis_ros.nn.maskprop.cascade import THRESHOLDS, _refined, _without_truth
from vis_ros.nn.maskprop.config import DetectionOptions, MaskPropSizes, ModelOptions
from vis_ros.nn.maskprop.detector import Features, Instances, VideoMaskRcnn, set_options
from vis_ros.nn.maskprop.semantic import SemanticBranch, semantic_loss, semantic_target

SIZES = MaskPropSizes('slim18', 96, 160, 8, 8, 16, 16, 8, 32, 8)
CLASSES = 3
OPTIONS = DetectionOptions(limit=5, score_threshold=0.05, proposals=40)


def detector_of(semantic: bool = True) -> VideoMaskRcnn:
    torch.manual_seed(0)
    model = VideoMaskRcnn(SIZES, CLASSES, ModelOptions(cascade='htc', semantic=semantic))
    for stage in stages_of(model):
        torch.nn.init.normal_(stage.box_predictor.cls_score.weight, std=0.5)
        stage.box_predictor.cls_score.bias.data.zero_()
    set_options(model, OPTIONS)
    return model


def stages_of(model: VideoMaskRcnn) -> list[Any]:
    assert model.cascade is not None
    return model.cascade.stages


@pytest.fixture(scope='module')
def detector() -> VideoMaskRcnn:
    return detector_of().eval().requires_grad_(False)


@pytest.fixture(scope='module')
def features(detector: VideoMaskRcnn) -> Features:
    torch.manual_seed(1)
    return detector.features(torch.rand(2, 3, 96, 160), (90, 150))


def target(*boxes: tuple[int, int, int, int]) -> dict[str, Tensor]:
    masks = torch.zeros(len(boxes), 90, 150, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = 1
    labels = torch.arange(len(boxes)) % CLASSES + 1
    return {'boxes': torch.tensor(boxes).float().reshape(-1, 4), 'labels': labels, 'masks': masks}


def one(features: Features, index: int = 0) -> Features:
    part = slice(index, index + 1)
    return features._replace(levels={name: v[part] for name, v in features.levels.items()})


def differ(a: Instances, b: Instances) -> bool:
    return any(x.shape != y.shape or not torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_no_proposals_give_no_detections(detector: VideoMaskRcnn, features: Features) -> None:
    assert detector.cascade is not None
    none = [torch.zeros(0, 4)] * 2
    found = detector.cascade.detect(features.levels, none, [(90, 150)] * 2)
    assert [len(each['boxes']) for each in found] == [0, 0]
    assert found[0]['masks'].shape == (0, 1, 28, 28)
    assert detector.masks(features, none, [torch.zeros(0, dtype=torch.int64)] * 2)[1].numel() == 0


def test_an_untrained_cascade_sees_nothing(features: Features) -> None:
    torch.manual_seed(0)
    model = VideoMaskRcnn(SIZES, CLASSES, ModelOptions(cascade='htc')).eval()
    with torch.inference_mode():
        (found,) = model.detect(one(features), DetectionOptions())
    assert len(found.boxes) == 0 and found.masks.shape == (0, 28, 28)


def test_a_batch_is_its_frames(detector: VideoMaskRcnn, features: Features) -> None:
    both = detector.detect(features, OPTIONS)
    for index, found in enumerate(both):
        assert 0 < len(found.boxes) <= 5 and found.masks.shape[1:] == (28, 28)
        assert (found.boxes >= 0).all() and (found.boxes[:, 2] <= 150).all()
        assert (found.scores >= 0.05).all() and (found.scores.diff() <= 0).all()
        assert (found.class_ids >= 0).all() and (found.class_ids < CLASSES).all()
        (single,) = detector.detect(one(features, index), OPTIONS)
        for a, b in zip(single, found, strict=True):
            torch.testing.assert_close(a, b)


def test_boxes_and_scores_against_a_plain_loop(
    detector: VideoMaskRcnn, features: Features
) -> None:
    """Boxes go from stage to stage, and the best score is a mean over the stages."""
    assert detector.cascade is not None
    cascade, levels, shapes = detector.cascade, one(features).levels, [(90, 150)]
    boxes = [torch.tensor([[20.0, 20, 70, 60]])]
    found = cascade.detect(levels, boxes, shapes)[0]
    seen = cascade._see(levels, shapes)
    total = torch.zeros(1, CLASSES + 1)
    for stage in cascade.stages:
        cells = cascade._cells(seen, boxes, stage.box_roi_pool)
        logits, deltas = stage.box_predictor(stage.box_head(cells))
        total += logits.softmax(dim=1)
        boxes = _refined(stage, deltas, boxes, shapes)
    expected = (total[0, 1:] / 3).sort(descending=True).values
    count = len(found['scores'])
    torch.testing.assert_close(found['scores'], expected[:count])
    torch.testing.assert_close(found['boxes'], boxes[0].expand(count, -1))


def test_masks_are_means_over_stages(detector: VideoMaskRcnn, features: Features) -> None:
    assert detector.cascade is not None
    cascade = detector.cascade
    boxes, label = [torch.tensor([[20.0, 20, 70, 60]])], torch.tensor([2])
    (found,) = detector.masks(one(features), boxes, [label])
    seen = cascade._see(one(features).levels, [(90, 150)])
    cells = cascade._cells(seen, boxes, cascade.stages[0].mask_roi_pool)
    total, last = torch.zeros(28, 28), None
    for k, stage in enumerate(cascade.stages):
        last = stage.mask_head(cells if last is None else cells + cascade.flows[k - 1](last))
        total += stage.mask_predictor(last)[0, 2].sigmoid()
    torch.testing.assert_close(found[0], total / 3)


@pytest.mark.parametrize(
    'part',
    [
        'roi_heads.box_predictor.bbox_pred.bias',
        'roi_heads.mask_predictor.mask_fcn_logits.bias',
        'cascade.later.0.box_predictor.bbox_pred.bias',
        'cascade.later.0.mask_head.0.0.bias',
        'cascade.later.1.box_predictor.cls_score.bias',
        'cascade.later.1.mask_predictor.mask_fcn_logits.bias',
        'cascade.flows.0.bias',
        'cascade.flows.1.bias',
        'cascade.semantic.laterals.pool.bias',
        'cascade.semantic.embedding.bias',
    ],
)
def test_every_part_counts(detector: VideoMaskRcnn, features: Features, part: str) -> None:
    before = detector.detect(one(features), OPTIONS)[0]
    parameter = detector.get_parameter(part)
    kept = parameter.clone()
    parameter += torch.linspace(0.5, 3, parameter.numel())
    after = detector.detect(one(features), OPTIONS)[0]
    parameter.copy_(kept)
    assert differ(before, after)
    assert not differ(before, detector.detect(one(features), OPTIONS)[0])


def test_boxes_of_a_stage_are_refined_in_its_own_scale(detector: VideoMaskRcnn) -> None:
    box = [torch.tensor([[40.0, 40, 60, 50]])]
    code = torch.tensor([[1.0, 1, 0, 0]])  # a tenth of width and height, a twentieth, a thirtieth
    for k, stage in enumerate(stages_of(detector)):
        (found,) = _refined(stage, code, box, [(90, 150)])
        shift = torch.tensor([2.0, 1, 2, 1]) / (k + 1)
        torch.testing.assert_close(found, box[0] + shift)
    (found,) = _refined(stages_of(detector)[0], 100 * code, box, [(90, 150)])
    assert found[0].tolist() == [150, 90, 150, 90]
    assert _refined(stage, code[:0], [box[0][:0]], [(90, 150)])[0].shape == (0, 4)


def test_stages_ask_for_more_overlap(detector: VideoMaskRcnn) -> None:
    true = target((0, 0, 100, 80))
    boxes = torch.tensor([[0.0, 0, 100, 45], [0, 0, 100, 52], [0, 0, 100, 60]])  # 0.56, 0.65, 0.75
    for stage, expected in zip(stages_of(detector), (3, 2, 1), strict=True):
        _, (labels,) = stage.assign_targets_to_proposals(
            [boxes], [true['boxes']], [true['labels']]
        )
        assert int((labels > 0).sum()) == expected
    assert len(THRESHOLDS) == len(stages_of(detector))


def test_true_boxes_are_not_refined() -> None:
    true = target((10, 10, 30, 30))
    before = torch.tensor([[10.0, 10, 30, 30], [10, 10, 30, 31], [0, 0, 5, 5]])
    after = torch.tensor([[11.0, 10, 30, 30], [10, 11, 30, 31], [5, 0, 5, 5]])
    (left,) = _without_truth([before], [after], [true])
    assert left.tolist() == [[10, 11, 30, 31]]  # neither the true one nor the empty one
    (left,) = _without_truth([before], [after], [target()])
    assert len(left) == 2


@pytest.mark.parametrize('objects', [(), ((20, 20, 80, 60),)])
@pytest.mark.parametrize('count', [0, 30])
def test_losses_of_empty_and_full_frames(
    objects: tuple[tuple[int, int, int, int], ...], count: int
) -> None:
    """Without proposals, without objects, without either: finite, and all parts get gradients."""
    model = detector_of().train()
    assert model.cascade is not None
    levels = model.features(torch.rand(2, 3, 96, 160), (90, 150)).levels
    proposals = [torch.tensor([[0.0, 0, 40, 40]]).repeat(count, 1)] * 2
    targets = [target(*objects), target()]
    losses = model.cascade.losses(levels, proposals, [(90, 150)] * 2, targets)
    kinds = ('classifier', 'box', 'mask')
    assert set(losses) == {'semantic'} | {f'{k}_{n}' for k in kinds for n in (1, 2, 3)}
    assert all(value.isfinite() for value in losses.values())
    for n in (1, 2, 3):
        assert (losses[f'mask_{n}'] > 0) == bool(objects)
        assert (losses[f'classifier_{n}'] > 0) == bool(objects or count)
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in model.named_parameters():
        if name.startswith(('cascade.', 'roi_heads.')):
            assert parameter.grad is not None, name
            if objects and name.endswith('weight'):
                assert parameter.grad.abs().max() > 0, name


def test_masks_learn_from_the_boxes_that_their_stage_has_refined() -> None:
    """A stage whose codes say "as far right as half the box" gives its masks such boxes."""
    model = detector_of(semantic=False).train()
    assert model.cascade is not None
    stages = model.cascade.stages
    for stage, code in zip(stages, (5.0, 0.0, 0.0), strict=True):
        torch.nn.init.zeros_(stage.box_predictor.bbox_pred.weight)
        stage.box_predictor.bbox_pred.bias.data = torch.tensor([code, 0.0, 0.0, 0.0])
    sampled: list[list[Tensor]] = []
    for stage in stages:
        select = stage.select_training_samples
        stage.select_training_samples = lambda boxes, t, s=select: (
            sampled.append(boxes) or s(boxes, t)
        )
    levels = model.features(torch.rand(1, 3, 96, 160), (90, 150)).levels
    proposals = [torch.tensor([[20.0, 20, 60, 60]])]
    model.cascade.losses(levels, proposals, [(90, 150)], [target((40, 20, 80, 61))])
    boxes = [each[0].round().tolist() for each in sampled]
    assert boxes[0] == [[20, 20, 60, 60]]
    assert boxes[1:] == [[[40, 20, 80, 60]]] * 5  # its masks, then the next stages


def test_a_semantic_branch_needs_a_cascade() -> None:
    with pytest.raises(ValueError, match='semantic: expected false'):
        VideoMaskRcnn(SIZES, CLASSES, ModelOptions(semantic=True))


def test_semantic_target_is_the_union_of_masks() -> None:
    masks = torch.zeros(3, 30, 40, dtype=torch.uint8)
    masks[0, 0:16, 0:8] = 1
    masks[1, 8:16, 0:16] = 1  # overlaps, of the same class
    masks[2, 16:24, 13:24] = 1  # three eighths of a cell, and a whole one
    labels = torch.tensor([2, 2, 1])
    found = semantic_target({'masks': masks, 'labels': labels}, (30, 40), (8, 8), 3)
    expected = torch.full((8, 8), -100)
    expected[:4, :5] = 0
    expected[0, 0], expected[1, :2], expected[2, 2] = 2, 2, 1
    assert found.tolist() == expected.tolist()
    empty = semantic_target({'masks': masks[:0], 'labels': labels[:0]}, (30, 40), (8, 8), 3)
    assert (empty[:4, :5] == 0).all() and int((empty < 0).sum()) == 64 - 20


def test_semantic_loss_of_even_odds_is_that_of_all_classes() -> None:
    targets = [target((8, 8, 80, 64)), target()]
    loss = semantic_loss(torch.zeros(2, CLASSES + 1, 12, 20), targets, (90, 150))
    torch.testing.assert_close(loss, torch.tensor(float(CLASSES + 1)).log())
    right = torch.nn.functional.one_hot(
        torch.stack([semantic_target(t, (90, 150), (12, 20), 4) for t in targets]).clamp(min=0), 4
    )
    logits = 50.0 * right.permute(0, 3, 1, 2)
    logits[:, 3, 11:] = 99.0  # wrong, but only in the padding
    logits[:, 3, :, 19:] = 99.0
    assert semantic_loss(logits, targets, (90, 150)) < 1e-6


def test_all_levels_come_together_on_that_of_stride_8(features: Features) -> None:
    torch.manual_seed(0)
    branch = SemanticBranch(8, 4)
    context, logits = branch(features.levels)
    assert context.shape == (2, 8, 12, 20) and logits.shape == (2, 4, 12, 20)
    for name in features.levels:
        changed = {**features.levels, name: features.levels[name] + 1}
        assert not torch.allclose(branch(changed)[1], logits)
