# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The propagation branch, flow and refinement, from their definitions."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from torchvision.ops import DeformConv2d

from vis_ros.nn.maskprop import propagation
from vis_ros.nn.maskprop.config import MaskPropSizes, PropagationOptions, RefinementOptions
from vis_ros.nn.maskprop.flow import FlowPropagation, warp_masks
from vis_ros.nn.maskprop.propagation import Propagation, box_regions, instance_features
from vis_ros.nn.maskprop.refinement import Refinement, crop, crop_masks, windows
from vis_ros.nn.maskprop.warping import Carrier

SIZE = (10, 14)
CHANNELS = 4


def branch(**options: object) -> Propagation:
    torch.manual_seed(0)
    chosen = dataclasses.replace(PropagationOptions(), **options)
    return Propagation(CHANNELS, 6, chosen).eval().requires_grad_(False)


def mirror(**options: object) -> Propagation:
    """Return a branch that copies: one dilation hands on the cell under its middle tap."""
    module = branch(**options)
    for index, layer in enumerate(module.warps):
        layer.weight.zero_()
        if index == 0:
            layer.weight[:, :, 1, 1] = torch.eye(CHANNELS)
    return module


def still(dy: float = 0.0, dx: float = 0.0) -> list[torch.Tensor]:
    """Return offsets that are the same everywhere."""
    each = torch.tensor([float(dy), float(dx)]).repeat(9)[None, :, None, None].expand(1, 18, *SIZE)
    return [each.clone() for _ in range(3)]


def square(top: int, left: int, side: int = 3) -> torch.Tensor:
    mask = torch.zeros(1, *SIZE)
    mask[:, top : top + side, left : left + side] = 1
    return mask


def segment(module: Propagation, moved: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    """Return the masks (N, h, w) of propagated features (N, C, h, w) in one frame."""
    logits = module.logits(moved.clone(), frame)
    return module.shares(logits[:, None], frame[None])[:, 0]


def carried(
    module: Propagation, instances: torch.Tensor, offsets: list[torch.Tensor]
) -> torch.Tensor:
    """Return features (N, C, h, w) that arrive in the first frame."""
    return next(module.carried(Carrier(list(module.warps), instances), offsets))


def test_no_instances_give_no_masks() -> None:
    frames = torch.rand(3, CHANNELS, *SIZE)
    assert branch()(frames[0], frames, torch.zeros(0, *SIZE)).shape == (0, 3, *SIZE)


def test_instance_features_are_zero_outside() -> None:
    features = torch.rand(CHANNELS, *SIZE) + 1
    found = instance_features(features, square(2, 3))
    assert torch.equal(found[0, :, 2:5, 3:6], features[:, 2:5, 3:6])
    assert found.count_nonzero() == 9 * CHANNELS


def test_an_untrained_branch_starts_from_standstill() -> None:
    frames = torch.rand(2, CHANNELS, *SIZE)
    for offsets in branch().motion_offsets(frames[:1], frames):
        assert offsets.shape == (2, 18, *SIZE)
        assert not offsets.any()


def test_identity_offsets_propagate_onto_itself() -> None:
    features = torch.rand(CHANNELS, *SIZE) + 1
    found = instance_features(features, square(2, 3))
    assert torch.equal(carried(mirror(), found, still()), found)


@pytest.mark.parametrize(('dy', 'dx'), [(0, 1), (2, 0), (-1, 3), (3, -2)])
def test_a_known_translation_moves_exactly(dy: int, dx: int) -> None:
    found = instance_features(torch.ones(CHANNELS, *SIZE), square(3, 5))
    moved = carried(mirror(), found, still(-dy, -dx))  # offsets say where each cell comes from
    assert torch.equal(moved, square(3 + dy, 5 + dx)[:, None].expand(1, CHANNELS, *SIZE))


def test_dilations_reach_as_far_as_they_say() -> None:
    found = instance_features(torch.ones(CHANNELS, *SIZE), square(5, 7, side=1))
    for index, dilation in enumerate((3, 6, 12)):
        module = mirror()
        module.warps[0].weight.zero_()
        module.warps[index].weight[:, :, 1, 2] = torch.eye(CHANNELS)  # the cell to the right
        moved = carried(module, found, still())
        place = moved[0, 0].nonzero().tolist()
        assert place == ([[5, 7 - dilation]] if dilation <= 7 else [])


def test_the_gathering_is_torchvisions_deformable_convolution() -> None:
    torch.manual_seed(1)
    layers = [DeformConv2d(3, 5, 3, padding=d, dilation=d, bias=False) for d in (3, 6, 12)]
    instances = torch.randn(4, 3, *SIZE)
    instances[1, :, :, 5:] = 0
    instances[2, :, 3:] = 0
    instances[3] = 0
    instances.requires_grad_()
    offsets = [torch.randn(2, 18, *SIZE) * 4 for _ in layers]
    offsets[1][..., ::2] = 0  # halfway between falling and rising
    offsets = [each.requires_grad_() for each in offsets]
    mine = torch.stack(list(Carrier(layers, instances).to(offsets)))
    parts = zip(layers, offsets, strict=True)
    theirs = sum(
        torch.stack([layer(instances, frame.expand(4, -1, -1, -1)) for frame in each])
        for layer, each in parts
    )
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
    target = torch.randn_like(mine)
    inputs = (*offsets, *(layer.weight for layer in layers), instances)
    gradients = torch.autograd.grad((mine * target).sum(), inputs)
    others = torch.autograd.grad((theirs * target).sum(), inputs)
    for leaf, got, expected in zip(inputs, gradients, others, strict=True):
        if leaf.shape == offsets[0].shape:  # at a kink any side is right
            is_whole = leaf.detach().floor() == leaf.detach()
            got, expected = got[~is_whole], expected[~is_whole]
        if leaf is instances:  # what is zero is taken for no part of an instance
            got, expected = (x[leaf.detach() != 0] for x in (got, expected))
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('wrong', [float('nan'), float('inf')])
def test_offsets_that_are_no_numbers_arrive_as_none(wrong: float) -> None:
    layers = [DeformConv2d(3, 5, 3, padding=d, dilation=d, bias=False) for d in (3, 6, 12)]
    offsets = [torch.zeros(2, 18, *SIZE, requires_grad=True) for _ in layers]
    with torch.no_grad():
        offsets[0][1, 3, 2, 2] = wrong
    arrived = torch.stack(list(Carrier(layers, torch.ones(4, 3, *SIZE)).to(offsets)))
    assert arrived.shape == (2, 4, 5, *SIZE) and arrived.isnan().all()
    arrived.sum().backward()  # so that a training gets as far as its check of the loss


def test_a_standstill_can_be_left() -> None:
    """Offsets begin at 0, where all but one of the four cells around a point have no share."""
    layers = [DeformConv2d(1, 1, 3, padding=d, dilation=d, bias=False) for d in (3, 6, 12)]
    columns = torch.arange(float(SIZE[1])).expand(1, 1, *SIZE) + 1
    offsets = [torch.zeros(1, 18, *SIZE, requires_grad=True) for _ in layers]
    arrived = next(Carrier(layers, columns).to(offsets))[0, 0, 2:-2, 2:-2]
    (slope,) = torch.autograd.grad(arrived.sum(), offsets[:1])
    middle = layers[0].weight[0, 0, 1, 1].item()  # each cell is one more than the one before
    torch.testing.assert_close(slope[0, 9, 2:-2, 2:-2], torch.full((6, 10), middle))


def test_instances_in_parts_are_instances_together(monkeypatch: pytest.MonkeyPatch) -> None:
    module = branch()
    frames, regions = torch.randn(3, CHANNELS, *SIZE), torch.rand(5, *SIZE)
    together = module(frames[1], frames, regions)
    monkeypatch.setattr(propagation, '_TABLE', 2 * 27 * frames[0].numel())
    torch.testing.assert_close(module(frames[1], frames, regions), together)


def test_merging_by_mean_is_a_third_of_the_sum() -> None:
    found = torch.rand(2, CHANNELS, *SIZE)
    total, mean = branch(), branch(merge='mean')
    torch.testing.assert_close(carried(mean, found, still()) * 3, carried(total, found, still()))


@pytest.mark.parametrize('fuse', ['relu', 'linear'])
def test_segmentation_against_plain_loops(fuse: str) -> None:
    module = branch(fuse=fuse)
    moved, frame = torch.randn(3, CHANNELS, *SIZE), torch.randn(CHANNELS, *SIZE)
    masks = segment(module, moved, frame)
    weight, bias = module.score.weight[0, :, 0, 0], module.score.bias[0]
    padded = torch.nn.functional.pad(frame, (1, 1, 1, 1))
    for y, x in ((0, 0), (4, 7), (9, 13)):
        around = padded[:, y : y + 3, x : x + 3]
        value = (around * module.attention.weight[0]).sum() + module.attention.bias[0]
        attention = 1 / (1 + torch.exp(-value))
        logits = []
        for instance in range(3):
            features = moved[instance, :, y, x] + frame[:, y, x]
            features = features.clamp(min=0) if fuse == 'relu' else features
            logits.append((features * weight).sum() + bias)
        shares = torch.stack(logits).exp() / torch.stack(logits).exp().sum()
        torch.testing.assert_close(masks[:, y, x], shares * attention)


def test_shares_add_up_to_the_attention() -> None:
    moved, frame = torch.randn(3, CHANNELS, *SIZE), torch.randn(CHANNELS, *SIZE)
    module = branch()
    attention = torch.sigmoid(module.attention(frame[None])[0, 0])
    torch.testing.assert_close(segment(module, moved, frame).sum(dim=0), attention)
    torch.testing.assert_close(segment(module, moved[:1], frame)[0], attention)
    with_ground = segment(branch(background=True), moved, frame).sum(dim=0)
    assert (with_ground < attention).all()


def test_without_a_rectifier_the_frame_cancels() -> None:
    """The reason for the default of `fuse`."""
    moved, frame = torch.randn(2, CHANNELS, *SIZE), torch.randn(CHANNELS, *SIZE)

    def shares(module: Propagation, other: torch.Tensor) -> torch.Tensor:
        masks = segment(module, moved, other)
        return masks / masks.sum(dim=0)

    linear, rectified = branch(fuse='linear'), branch()
    torch.testing.assert_close(shares(linear, frame), shares(linear, frame * 5 + 1))
    assert (shares(rectified, frame) - shares(rectified, frame * 5 + 1)).abs().max() > 0.01


def test_whole_branch_is_its_steps() -> None:
    module = branch()
    for layer in module.offsets:
        torch.nn.init.normal_(layer.weight, std=0.3)
    frames, regions = torch.randn(3, CHANNELS, *SIZE), torch.rand(2, *SIZE)
    masks = module(frames[1], frames, regions)
    assert masks.shape == (2, 3, *SIZE)
    for k in range(3):
        offsets = module.motion_offsets(frames[1:2], frames[k : k + 1])
        moved = carried(module, instance_features(frames[1], regions), offsets)
        torch.testing.assert_close(masks[:, k], segment(module, moved, frames[k]))


def test_boxes_as_regions() -> None:
    boxes = torch.tensor([[8.0, 0.0, 24.0, 16.0], [0.0, 0.0, 3.0, 3.0]])
    regions = box_regions(boxes, (3, 4), 8)
    assert regions[0].tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert not regions[1].any()


def test_no_flow_keeps_masks_and_a_translation_moves_them() -> None:
    masks = torch.cat((square(2, 3), square(5, 9)))
    flow = torch.zeros(2, *SIZE)
    torch.testing.assert_close(warp_masks(masks, flow), masks)
    flow[0], flow[1] = -2.0, 1.0  # came from two cells left, one below
    moved = warp_masks(masks, flow)
    torch.testing.assert_close(moved, torch.cat((square(1, 5), square(4, 11))))
    assert not warp_masks(masks, flow + 100).any()


def test_flow_propagation_has_the_form_of_the_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    module = FlowPropagation('raft', 1).eval().requires_grad_(False)
    pictures = torch.randint(0, 255, (3, 96, 160, 3), dtype=torch.uint8)
    masks = module(pictures[0], pictures[1:], torch.ones(2, 12, 20))
    assert masks.shape == (2, 2, 12, 20)
    assert module(pictures[0], pictures, torch.zeros(0, 12, 20)).shape == (0, 3, 12, 20)

    class Shifted(torch.nn.Module):
        def forward(self, start: torch.Tensor, end: torch.Tensor, **_: int) -> list[torch.Tensor]:
            assert start.shape[-2:] == (128, 160)
            return [torch.full((1, 2, 128, 160), 16.0)]

    monkeypatch.setattr(module.between, 'raft', Shifted())
    flow = module.flow(pictures[0], pictures[1], (12, 20))
    torch.testing.assert_close(flow[0], torch.full((12, 20), 2.0))
    torch.testing.assert_close(flow[1], torch.full((12, 20), 1.5))


def test_a_flow_without_weights_moves_masks_with_the_picture() -> None:
    generator = np.random.default_rng(0)
    world = cv2.GaussianBlur(generator.integers(0, 255, (208, 336, 3), np.uint8), (0, 0), 3)
    world = cv2.normalize(world, None, 0, 255, cv2.NORM_MINMAX)
    start = torch.from_numpy(world[:192, 8:328].copy())
    end = torch.from_numpy(world[8:200, :320].copy())  # 8 pixels to the right, 8 up
    module = FlowPropagation('dis', 1)
    assert not list(module.parameters())
    flow = module.flow(start, end, (24, 40))[:, 4:-4, 4:-4]
    torch.testing.assert_close(flow[0], torch.ones_like(flow[0]), atol=0.1, rtol=0)  # cells
    torch.testing.assert_close(flow[1], -torch.ones_like(flow[1]), atol=0.1, rtol=0)
    masks = torch.zeros(1, 24, 40)
    masks[0, 10:14, 12:18] = 1
    moved = module(start, torch.stack((start, end)), masks)
    torch.testing.assert_close(moved[:, 0], masks, atol=0.1, rtol=0)
    torch.testing.assert_close(moved[:, 1], masks.roll((-1, 1), dims=(1, 2)), atol=0.1, rtol=0)


def test_windows_are_squares_around_boxes() -> None:
    boxes = torch.tensor([[10.0, 20.0, 30.0, 60.0]])
    sizes = MaskPropSizes(crop=64)
    options = RefinementOptions(margin=1.5)
    assert windows(boxes, sizes, options).tolist() == [[-10, 10, 50, 70]]
    fixed = dataclasses.replace(options, window='fixed')
    assert windows(boxes, sizes, fixed).tolist() == [[-12, 8, 52, 72]]
    assert windows(boxes[:0], sizes, options).shape == (0, 4)


def test_crops_are_the_pixels_of_the_window() -> None:
    maps = torch.arange(48.0).reshape(1, 1, 6, 8).repeat(1, 2, 1, 1)
    squares = torch.tensor([[2.0, 1.0, 6.0, 5.0], [-1.0, -1.0, 3.0, 3.0]])
    crops = crop(maps, squares, 4)
    torch.testing.assert_close(crops[0], maps[0, :, 1:5, 2:6])
    assert crops[1, :, 0].abs().max() < 1e-5 and crops[1, :, :, 0].abs().max() < 1e-4
    torch.testing.assert_close(crops[1, :, 1:, 1:], maps[0, :, :3, :3])


def test_coarse_masks_lie_in_the_crop_where_their_box_does() -> None:
    masks = torch.ones(2, 28, 28)
    boxes = torch.tensor([[10.0, 20.0, 30.0, 60.0]] * 2)
    squares = torch.tensor([[0.0, 20.0, 40.0, 60.0], [10.0, 20.0, 50.0, 60.0]])
    found = crop_masks(masks, boxes, squares, 8)
    assert found[0].sum() == 8 * 4 and (found[0][:, 2:6] == 1).all()
    assert (found[1][:, :4] == 1).all() and not found[1][:, 4:].any()


def test_refinement_has_one_logit_for_each_pixel() -> None:
    module = Refinement(5)
    assert len(module.blocks) == 3
    assert module(torch.rand(2, 3, 12, 12), torch.rand(2, 12, 12)).shape == (2, 12, 12)
