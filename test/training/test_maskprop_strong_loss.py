# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of MaskProp's strong form: by stages, with their weights, to every parameter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_maskprop_loss import LEFT, RIGHT, joined, model_of, pair, tiny

from vis_ros.training.maskprop import MaskPropTask
from vis_ros.training.maskprop_loss import MaskPropLossConfig, maskprop_loss
from vis_ros.training.starting import _candidates

__all__ = ['tiny']
CASCADE = {'cascade': 'htc', 'semantic': True}
SAMPLING = {'sampling.enabled': True, 'sampling.embedding': 8}
STAGES = {'stage_1', 'stage_2', 'stage_3'}


@pytest.mark.parametrize('options', [CASCADE, SAMPLING], ids=str)
def test_frames_without_objects_have_finite_losses(options: dict[str, Any]) -> None:
    losses = maskprop_loss(model_of(**options), *pair(), MaskPropLossConfig())
    losses['total'].backward()
    assert all(value.isfinite() for value in losses.values())


def test_terms_add_up_and_reach_every_parameter() -> None:
    model = model_of(**CASCADE, **SAMPLING, **{'refinement.enabled': True})
    images, truth = joined([pair((LEFT, RIGHT), (RIGHT, None)), pair((None, None), (None, LEFT))])
    losses = maskprop_loss(model, images, truth, MaskPropLossConfig())
    total = losses.pop('total')
    torch.testing.assert_close(total, torch.stack(list(losses.values())).sum())
    assert set(losses) == {'detection', 'semantic', 'propagation', 'refinement'} | STAGES
    assert all(value > 0 for value in losses.values())
    total.backward()
    for name, parameter in model.named_parameters():
        if not name.startswith('detector.backbone.body.fc'):
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_stages_have_their_weights() -> None:
    model = model_of(**CASCADE).eval()  # batch norm by its own statistics
    model.detector.rpn.train()
    images, truth = pair((LEFT, RIGHT), (RIGHT, None))
    found = []
    for weights, semantic in (((1.0, 1.0, 1.0), 1.0), ((1.0, 0.5, 0.25), 0.1)):
        torch.manual_seed(0)  # which boxes teach is drawn
        config = MaskPropLossConfig(stages=weights, semantic=semantic)
        with torch.no_grad():
            found.append(maskprop_loss(model, images, truth, config))
    plain, weighed = found
    for name, weight in zip(sorted(STAGES), (1.0, 0.5, 0.25), strict=True):
        torch.testing.assert_close(weighed[name], weight * plain[name])
    torch.testing.assert_close(weighed['semantic'], 0.1 * plain['semantic'])
    torch.testing.assert_close(weighed['detection'], plain['detection'])
    with pytest.raises(ValueError, match='stages: expected 3 weights'):
        MaskPropLossConfig(stages=(1.0,))


@pytest.mark.parametrize('options', [{}, CASCADE], ids=['mask_rcnn', 'cascade'])
def test_heads_learn_from_so_many_proposals(options: dict[str, Any]) -> None:
    model = model_of(**options)
    seen: list[list[int]] = []
    for heads in model.detector.stages:
        count: list[int] = []
        heads.box_head.register_forward_hook(lambda _, x, __, c=count: c.append(len(x[0])))
        seen.append(count)
    images, truth = pair((LEFT, RIGHT), (RIGHT, None))
    for regions in (6, 12):
        maskprop_loss(model, images, truth, MaskPropLossConfig(regions=regions))
    assert len(seen) == (3 if options else 1)
    assert seen[0] == [6, 12]
    assert all(few <= 6 and many <= 12 for few, many in seen)


def test_the_other_frame_of_a_pair_supports_the_first() -> None:
    """What the second frame shows changes the proposals of the first one."""
    model = model_of(**SAMPLING).eval()
    model.detector.rpn.train()
    images, truth = pair((LEFT, RIGHT))
    changed = images.clone()
    changed[:, 1] = 255 - changed[:, 1]
    config = MaskPropLossConfig(propagation=0.0)
    values = []
    model.detector.roi_heads.train()
    for each in (images, changed):
        torch.manual_seed(0)
        with torch.no_grad():
            values.append(maskprop_loss(model, each, truth, config)['detection'])
    assert values[0] != values[1]
    plain = model_of().eval()
    plain.detector.rpn.train()
    plain.detector.roi_heads.train()
    values = []
    for each in (images, changed):
        torch.manual_seed(0)
        with torch.no_grad():
            values.append(maskprop_loss(plain, each, truth, config)['detection'])
    torch.testing.assert_close(*values)


def test_all_stages_start_from_the_heads_of_a_mask_rcnn() -> None:
    head = 'box_head.fc6.weight'
    for k in range(2):
        found = list(_candidates(f'detector.cascade.later.{k}.{head}', MaskPropTask.renames))
        assert {f'roi_heads.{head}', f'detector.roi_heads.{head}'} < set(found)
        assert found[0] == f'detector.cascade.later.{k}.{head}'  # a cascade, if it is one
