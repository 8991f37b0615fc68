# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What IAI on Mask R-CNN is taught: torchvision's losses, identities of proposals, a clip."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from test_iai_loss import FRAMES, IDS, IN_ORDER, SIZE, QuickBackbone, clip
from torch import Tensor

from vis_ros.data.clip import Truth
from vis_ros.nn.iai import Iai, IaiOptions, IaiSelection, Perception
from vis_ros.nn.iai.detection import detect
from vis_ros.nn.iai.maskrcnn import MaskRcnnConfig
from vis_ros.nn.maskprop import MaskProp, ModelOptions
from vis_ros.nn.maskprop.config import sizes_of
from vis_ros.nn.maskprop.detector import VideoMaskRcnn
from vis_ros.nn.picture import Placement
from vis_ros.nn.weights import LoadedWeights
from vis_ros.nn.yolact.backbone import AllTaps
from vis_ros.structures.options import build_config
from vis_ros.training.iai import IaiTask
from vis_ros.training.iai_loss import IaiLossConfig, associated, iai_losses, identities_of
from vis_ros.training.iai_region_loss import (
    NOBODY,
    Limits,
    _targets,
    _wanted_ids,
    region_id_loss,
    region_losses,
)
from vis_ros.training.maskprop import MaskPropTask
from vis_ros.training.starting import start_from

NAMES = {'objectness', 'proposals', 'classes', 'boxes', 'masks', 'ids', 'total'}
FEW = IaiLossConfig(identities='in_order', regions=32)


class QuickStages(QuickBackbone):
    """Four stages in place of a ResNet."""

    channels = (64, 32, 160)  # the finest has half as many as the second

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.stages[0] = torch.nn.Conv2d(3, 32, 4, 4)
        self.middle = torch.nn.Conv2d(32, 64, 2, 2)
        self.stages[1] = torch.nn.Conv2d(64, 32, 2, 2)

    def forward(self, picture: Tensor) -> AllTaps:  # type: ignore[override]
        stride4 = self.stages[0](picture)
        stride8 = self.middle(stride4.relu())
        stride16 = self.stages[1](stride8.relu())
        return AllTaps(stride4, stride8, stride16, self.stages[2](stride16.relu()))


def network(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Iai:
    monkeypatch.setattr('vis_ros.nn.iai.maskrcnn.ResNetAllTaps', QuickStages)
    sizes = MaskRcnnConfig('slim18', 2, 32, 32, 16, 50)
    monkeypatch.setattr('vis_ros.nn.iai.model.region_config', lambda *args: sizes)
    torch.manual_seed(0)
    options = {'detector': 'maskrcnn', 'ids': IDS, **changes}
    return Iai('small', 2, build_config(IaiOptions, options)).train()


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'id_loss': 'cross_entropy', 'id_features': 'cells', 'class_projector': False},
        {'identification': False},
        {'association': False},
    ],
    ids=str,
)
def test_an_empty_clip_gives_numbers(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    model = network(monkeypatch, **options)
    images, truth = clip(objects=0)
    losses = iai_losses(model, images, truth, FEW)
    assert set(losses) == NAMES - ({'ids'} if options == {'identification': False} else set())
    assert all(torch.isfinite(value) for value in losses.values())
    losses['total'].backward()


def test_alone_the_losses_are_those_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch, identification=False, association=False)
    images, truth = clip()
    torch.manual_seed(3)  # both draw the same proposals
    mine = iai_losses(model, images, truth, IaiLossConfig())
    levels = model.image.pyramid(model.image.look(images[0]))
    wanted, _ = _targets(truth, torch.zeros_like(truth.is_visible, dtype=torch.int64))
    torch.manual_seed(3)
    shapes = model.image.images(levels, None)
    proposals, first = model.image.rpn(shapes, levels, wanted)
    heads = model.image.roi_heads
    _, more = heads(levels, proposals, shapes.image_sizes, wanted)
    theirs = {**first, **more}
    names = {
        'objectness': 'loss_objectness',
        'proposals': 'loss_rpn_box_reg',
        'classes': 'loss_classifier',
        'boxes': 'loss_box_reg',
        'masks': 'loss_mask',
    }
    for name, their in names.items():
        assert mine[name].item() == pytest.approx(theirs[their].item(), rel=1e-4), name
    assert mine['total'].item() == pytest.approx(sum(v.item() for v in theirs.values()), rel=1e-4)


@pytest.mark.parametrize('kind', ['focal', 'cross_entropy'])
def test_the_loss_of_identities(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    model = network(monkeypatch, id_loss=kind)
    owners, labels = [torch.tensor([0, 1, 0, 0])], [torch.tensor([1, 2, 0, 1])]
    want = _wanted_ids(model, owners, labels, [torch.tensor([IDS - 1, 2])])
    assert want.tolist() == [IDS - 1, 2, IDS, IDS - 1]
    right = torch.full((4, IDS + (kind == 'cross_entropy')), -12.0)
    for row, identity in enumerate(want.tolist()):
        if identity < right.shape[1]:
            right[row, identity] = 12.0
    assert region_id_loss(model, right, want) < 1e-3
    assert region_id_loss(model, right.roll(1, 0), want) > 1
    want[1] = NOBODY
    right[1] = 12.0  # whatever it says
    assert region_id_loss(model, right, want) < 1e-3
    nothing = region_id_loss(model, right, torch.full_like(want, NOBODY))
    assert nothing.item() == 0
    empty = _wanted_ids(model, [torch.zeros(3, dtype=torch.int64)], [torch.zeros(3)], [want[:0]])
    assert empty.tolist() == [IDS] * 3


def test_targets_are_in_the_order_of_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    _, truth = clip()
    truth = type(truth)(*(torch.cat((part, part.flip(0))) for part in truth))
    ids = torch.arange(2 * FRAMES * 3).reshape(2, FRAMES, 3)
    wanted, known = _targets(truth, ids)
    assert len(wanted) == len(known) == 2 * FRAMES
    assert [len(frame['boxes']) for frame in wanted] == [1, 1, 2, 2, 2, 2]
    assert [each.tolist() for each in known] == [[0], [9], [3, 4], [12, 13], [6, 7], [15, 16]]
    for frame in wanted:
        for mask, (x1, y1, x2, y2) in zip(frame['masks'], frame['boxes'].int(), strict=True):
            assert mask[y1:y2, x1:x2].any() and mask.sum() <= (x2 - x1) * (y2 - y1)


def test_boxes_without_a_side_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    images, truth = clip()
    truth.boxes[0, 2, 0, 2] = truth.boxes[0, 2, 0, 0]
    losses = iai_losses(network(monkeypatch), images, truth, FEW)
    assert all(torch.isfinite(value) for value in losses.values())


def test_the_past_counts_and_the_future_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch).eval()
    images, truth = clip()
    who = identities_of(truth.is_visible, IDS, 'in_order')
    taps = model.image.look(images[0])
    plain = associated(model, taps, truth.labels, who)
    assert isinstance(plain, AllTaps)
    for frame, same in ((0, [0]), (2, [0, 1, 2])):  # the last frame's labels are never seen
        labels = truth.labels.clone()
        labels[:, frame] = 0
        other = associated(model, taps, labels, who).stride32
        equal = [t for t in range(FRAMES) if torch.equal(plain.stride32[t], other[t])]
        assert equal == same


def test_weights_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    images, truth = clip()
    totals = []
    for config in (FEW, IaiLossConfig(identities='in_order', regions=32, objectness=3.0)):
        torch.manual_seed(0)
        losses = iai_losses(network(monkeypatch), images, truth, config)
        totals.append(losses['total'].item())
    assert totals[1] - totals[0] == pytest.approx(2 * losses['objectness'].item(), rel=1e-3)


def test_gradients_reach_every_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({}, {'id_features': 'cells', 'id_loss': 'cross_entropy'}):
        model = network(monkeypatch, **options)
        images, truth = clip()
        iai_losses(model, images, truth, IN_ORDER)['total'].backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            # the same number added to all keys changes no softmax
            if name != 'association.block.self_attention.key.bias':
                assert parameter.grad.any(), name


def test_one_clip_can_be_learned_by_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch, id_loss='cross_entropy')
    images, truth = clip()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    history = []
    for _ in range(60):
        optimizer.zero_grad()
        losses = iai_losses(model, images, truth, FEW)
        losses['total'].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        history.append({name: value.item() for name, value in losses.items()})
    first, last = history[0], history[-1]
    assert last['total'] < 0.4 * first['total'], (first, last)
    for name in ('objectness', 'classes', 'masks', 'ids'):
        assert last[name] < 0.4 * first[name], (name, first, last)
    check_finds_both(model.eval().requires_grad_(False), images, truth)


def check_finds_both(model: Iai, images: Tensor, truth: Truth) -> None:
    """Check that the last frame's best detection of each class covers its object."""
    who = identities_of(truth.is_visible, IDS, 'in_order')
    taps = associated(model, model.image.look(images[0]), truth.labels, who)
    output, logits = model.interpret(AllTaps(*(tap[-1:] for tap in taps)))
    where = Placement(SIZE, SIZE, SIZE)
    found, masks, _ = detect(
        model, Perception(output, logits, None), where, IaiSelection(), is_first=False
    )
    kinds = found.classes.argmax(1).tolist()
    for j in range(2):
        mine, theirs = masks[kinds.index(j)] > 0.5, truth.labels[0, -1] == j + 1
        assert (mine & theirs).sum() / (mine | theirs).sum() > 0.5


@pytest.mark.parametrize('old', [False, True])
def test_it_starts_from_a_mask_rcnn(monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    """Under torchvision's names, also those before its pyramid had blocks; or from MaskProp."""
    source = VideoMaskRcnn(sizes_of('small'), 2)
    tensors = {name: value + 1 for name, value in source.state_dict().items()}
    if old:
        tensors = {re.sub(r'(_blocks\.\d)\.0', r'\1', name): v for name, v in tensors.items()}
    else:
        tensors = {f'detector.{name}': value for name, value in tensors.items()}
    weights = LoadedWeights(tensors, 'file')
    monkeypatch.setattr('vis_ros.training.starting.load_weights', lambda name: weights)
    model = Iai('small', 4, IaiOptions(detector='maskrcnn'))
    taken = start_from(model, 'file', IaiTask.renames, IaiTask.backbone + '.')
    by_class = [name for name in tensors if 'box_predictor' in name or 'mask_fcn' in name]
    assert len(by_class) == 6 and taken == len(tensors) - len(by_class)
    mine, theirs = (
        fpn.inner_blocks[3][0].weight for fpn in (model.image.fpn, source.backbone.fpn)
    )
    assert torch.equal(mine, theirs + 1)


def test_maskprop_starts_from_its_mask_rcnn(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Iai('small', 4, IaiOptions(detector='maskrcnn', association=False)).state_dict()
    detector = {name: value + 1 for name, value in source.items() if name.startswith('image.')}
    weights = LoadedWeights(detector, 'file')
    monkeypatch.setattr('vis_ros.training.starting.load_weights', lambda name: weights)
    model = MaskProp('small', 4, ModelOptions())
    taken = start_from(model, 'file', MaskPropTask.renames, MaskPropTask.backbone + '.')
    assert taken == len(detector) == len(model.detector.state_dict())
    mine = model.detector.backbone.fpn.layer_blocks[1][0].weight
    assert torch.equal(mine, source['image.fpn.layer_blocks.1.0.weight'] + 1)


def test_the_picture_bounds_the_proposals(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(monkeypatch)
    images, truth = clip()
    who = identities_of(truth.is_visible, IDS, 'in_order')
    taps = associated(model, model.image.look(images[0]), truth.labels, who)
    seen: list[list[Tensor]] = []
    before = type(model.image).describe

    def describe(self: Any, levels: Any, proposals: list[Tensor]) -> Any:
        seen.append(proposals)
        return before(self, levels, proposals)

    monkeypatch.setattr(type(model.image), 'describe', describe)
    truth.boxes[..., 3].clamp_(max=50)
    region_losses(model, taps, truth, who.target, Limits(32, 200), (50, 90))
    boxes = torch.cat(seen[0])
    assert len(boxes) <= 32 * FRAMES
    assert model.image.rpn.training and model.image.rpn.pre_nms_top_n() == 200
    assert boxes[:, 2].max() <= 90 and boxes[:, 3].max() <= 50
