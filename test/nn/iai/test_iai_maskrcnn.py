# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN as IAI's detector: the same as torchvision's where IAI adds nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from lively_iai import CLASSES, lively
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import nms

from vis_ros.nn.condinst import place, prepare
from vis_ros.nn.iai import Iai, IaiOptions, IaiSelection
from vis_ros.nn.iai.detection import Detected, detect
from vis_ros.nn.iai.maskrcnn import MaskRcnnConfig, region_config
from vis_ros.nn.maskrcnn import mask_rcnn
from vis_ros.nn.yolact.backbone import ResNetTaps
from vis_ros.structures.options import build_config

SIZE = (180, 320)  # of the picture; 192 rows with the padding
ALONE = {'detector': 'maskrcnn', 'identification': False, 'association': False}


def build(**options: Any) -> Iai:
    model = Iai('small', len(CLASSES), build_config(IaiOptions, options))
    model.load_state_dict(lively(tuple(options.items())))
    return model.eval().requires_grad_(False)


def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return coarse.repeat(20, axis=0).repeat(20, axis=1)


def theirs(model: Iai, **limits: Any) -> MaskRCNN:
    """Return torchvision's whole network with the same parameters, under its own names."""
    config: MaskRcnnConfig = model.image.config
    layers = {f'layer{k + 1}': str(k) for k in range(4)}
    body = BackboneWithFPN(ResNetTaps('slim18'), layers, [32, 64, 128, 256], config.channels)
    options = {'min_size': SIZE[0], 'max_size': SIZE[1], 'rpn_post_nms_top_n_test': 300}
    whole: MaskRCNN = mask_rcnn(body, config, config.num_classes + 1, **options, **limits)
    state = {}
    for name, value in model.image.state_dict().items():
        name = re.sub(r'^backbone\.', 'backbone.body.', name)
        state[re.sub(r'^fpn\.', 'backbone.fpn.', name)] = value
    whole.load_state_dict(state)
    return whole.eval()


def ours(model: Iai, config: IaiSelection) -> Detected:
    image = picture()
    where = place(*image.shape[:2], model.image.config)
    assert where.picture == SIZE and where.padded == (192, 320)
    x = prepare(image, model.image.config, 'cpu')
    seen = model.perceive(x, None, picture=where.picture)
    assert seen.id_logits is seen.encoded is None
    return detect(model, seen, where, config, is_first=True)


def of_all_classes(model: Iai) -> None:
    """Make proposals of the picture differ in their class."""
    x = prepare(picture(), model.image.config, 'cpu')
    logits = model.image(x).regions.classes
    scores = model.image.roi_heads.box_predictor.cls_score
    scale = 3.0 / logits.std(dim=0)
    scores.weight.mul_(scale[:, None])
    scores.bias.copy_((scores.bias - logits.mean(dim=0)) * scale)


@torch.no_grad()
def detections(model: MaskRCNN) -> dict[str, Tensor]:
    (found,) = model([torch.from_numpy(picture()).permute(2, 0, 1) / 255])
    return found


def test_alone_it_finds_what_torchvision_finds() -> None:
    """Above one half a proposal has one class: only NMS among all classes is another one."""
    model = build(**ALONE)
    of_all_classes(model)
    everything = detections(
        theirs(model, box_score_thresh=0.5, box_nms_thresh=1.0, box_detections_per_img=1000)
    )
    assert len(everything['boxes']) > 30 and len(set(everything['labels'].tolist())) > 1
    best = nms(everything['boxes'], everything['scores'], 0.5)[:20]
    found, masks, _ = ours(model, IaiSelection(min_class_score=0.5, limit=20))
    assert len(found.place) == len(best) > 5
    assert torch.allclose(found.boxes, everything['boxes'][best], atol=0.02)
    assert torch.allclose(found.score, everything['scores'][best], atol=1e-4)
    assert torch.equal(found.classes.argmax(1) + 1, everything['labels'][best])
    inside = masks[:, : SIZE[0], : SIZE[1]] > 0.5
    wanted = everything['masks'][best, 0] > 0.5  # theirs lie on whole pixels
    assert (inside & wanted).sum() / (inside | wanted).sum() > 0.9
    assert not masks[:, SIZE[0] :].any()


def test_with_one_class_it_is_torchvision_nms_and_all() -> None:
    model = build(**ALONE)
    heads = model.image.roi_heads.box_predictor  # the other two classes never win
    for k in (2, 3):
        heads.cls_score.weight[k] = 0
        heads.cls_score.bias[k] = -50.0
    limits = {'box_score_thresh': 0.2, 'box_nms_thresh': 0.4, 'box_detections_per_img': 15}
    wanted = detections(theirs(model, **limits))
    found, _, _ = ours(model, IaiSelection(min_class_score=0.2, max_overlap=0.4, limit=15))
    assert len(found.place) == len(wanted['boxes']) == 15
    assert torch.allclose(found.boxes, wanted['boxes'], atol=0.02)
    assert torch.allclose(found.score, wanted['scores'], atol=1e-4)


def test_memory_changes_what_is_seen() -> None:
    """The memory reaches the proposals, the classes and the identities; without it nothing."""
    generator = torch.Generator().manual_seed(0)
    first, image = torch.randn(2, 1, 3, 64, 96, generator=generator)
    for options, matters in (({}, True), ({'association': False}, False)):
        model = build(detector='maskrcnn', proposals=50, **options)
        alone = model.perceive(image, None)
        memory = None
        if matters:
            seen = model.perceive(first, None)
            pixels = torch.full((1, 64, 96), 20, dtype=torch.uint8)
            pixels[0, 10:50, 20:60] = 3
            flags = torch.ones(1, 20, dtype=torch.bool)
            memory = model.remember(
                None, seen.encoded, pixels, is_birth=flags[:, 0], is_alive=flags
            )
        later = model.perceive(image, memory)
        finest = [seen.output.levels['0'] for seen in (alone, later)]
        assert torch.allclose(*finest, atol=1e-4) != matters
        assert torch.allclose(alone.id_logits, later.id_logits, atol=1e-4) != matters


def test_frames_of_a_batch_do_not_see_each_other() -> None:
    model = build(detector='maskrcnn', proposals=50)
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    both = model.perceive(images, None)
    counts = torch.bincount(both.output.image, minlength=2).tolist()
    assert sum(counts) == len(both.id_logits) and max(counts) <= 50
    for index in range(2):
        alone = model.perceive(images[index : index + 1], None)
        mine = both.id_logits[both.output.image == index]
        assert mine.shape == alone.id_logits.shape
        assert torch.allclose(mine, alone.id_logits, atol=1e-2)


@pytest.mark.parametrize('size', [(32, 320), (320, 32)])
def test_slender_pictures_leave_the_next_ones_alone(size: tuple[int, int]) -> None:
    """torchvision keeps the scales of its first picture, which padding makes odd."""
    model, fresh = (build(**ALONE, proposals=50) for _ in range(2))
    thin = torch.randn(1, 3, *size)
    model.perceive(thin, None, picture=(min(size[0], 20), min(size[1], 20)))
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    one, other = (net.perceive(image, None).output for net in (model, fresh))
    assert torch.equal(one.boxes, other.boxes)


def test_nothing_to_see() -> None:
    model = build(detector='maskrcnn', proposals=50)
    nn.init.constant_(model.image.roi_heads.box_predictor.cls_score.bias[:1], 50.0)
    seen = model.perceive(torch.zeros(1, 3, 64, 96), None)
    where = place(64, 96, MaskRcnnConfig(long_side=96, short_side=64))
    found, masks, owned = detect(model, seen, where, IaiSelection(), is_first=True)
    assert len(found.place) == 0 and masks.shape == (0, 64, 96)
    assert (owned.owner == -1).all()


def test_inputs_are_checked() -> None:
    model = build(**ALONE)
    with pytest.raises(ValueError, match='multiples of 32, got'):
        model.perceive(torch.zeros(1, 3, 60, 96), None)
    with pytest.raises(ValueError, match="got 'vgg'"):
        region_config('vgg', 3, 100)


def test_bfloat16_is_near() -> None:
    model = build(detector='maskrcnn', proposals=50)
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    exact, near = model.perceive(image, None), model.perceive(image, None, 'bfloat16')
    for value in (near.id_logits, near.output.boxes, *near.output.regions):
        assert value.dtype == torch.float32 and value.isfinite().all()
    difference = (exact.output.levels['0'] - near.output.levels['0']).abs().mean()
    assert difference < 0.1 * exact.output.levels['0'].abs().mean()
