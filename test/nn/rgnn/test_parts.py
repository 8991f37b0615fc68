# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the tracker on cases small enough to check by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rgnn_world import SIZES, detections, tracker
from torch.nn import functional

from vis_ros.nn.rgnn.appearance import mask_pool, sine_positions
from vis_ros.nn.rgnn.association import (
    IMPOSSIBLE,
    Choice,
    choose,
    masktrack_logits,
    official_slots,
)
from vis_ros.nn.rgnn.config import RgnnOptions
from vis_ros.nn.rgnn.gaussian import log_likelihood
from vis_ros.nn.rgnn.masks import (
    UNSEEN,
    MaskReweighting,
    boxes_at_once,
    label_image,
    labels_at_once,
    owners_of,
)
from vis_ros.nn.rgnn.recurrence import Recurrence
from vis_ros.nn.rgnn.scoring import Scoring
from vis_ros.nn.rgnn.state import take
from vis_ros.structures.options import build_config


def test_take_keeps_trailing_dimensions() -> None:
    values = torch.arange(12.0).reshape(1, 3, 2, 2)
    assert torch.equal(take(values, torch.tensor([[2, -1]])), values[:, [2, 0]])


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    looks, mean = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    variance = torch.rand(2, 4, 5) + 0.1
    expected = torch.distributions.Normal(mean[:, :, None], variance.sqrt()[:, :, None])
    expected = expected.log_prob(looks[:, None]).sum(-1)
    torch.testing.assert_close(log_likelihood(looks, mean, variance), expected)
    assert log_likelihood(looks[:, :0], mean, variance).shape == (2, 4, 0)


def test_a_mask_pools_what_lies_under_it() -> None:
    features = torch.zeros(1, 2, 2, 4)
    features[:, 0, :, :2], features[:, 1, :, 2:] = 1.0, 3.0
    scores = torch.full((1, 3, 4, 8), -1e4)
    scores[:, 0, :, :4], scores[:, 1, :, 4:] = 60.0, 60.0
    pooled = mask_pool(features, scores)
    expected = torch.tensor([[[1.0, 0], [0, 3], [0, 0]]])
    torch.testing.assert_close(pooled, expected, atol=1e-3, rtol=0)


def test_positions_tell_rows_and_columns_apart() -> None:
    code = sine_positions(torch.zeros(1, 8, 3, 5))
    assert code.shape == (8, 3, 5) and code.abs().max() <= 1
    assert (code[:4] == code[:4, :, :1]).all() and (code[4:] == code[4:, :1]).all()
    cells = code.flatten(1).T
    assert (torch.cdist(cells, cells) + torch.eye(15)).min() > 0.05


@pytest.mark.parametrize('size', [(2, 3), (7, 5)])
def test_constant_channels_are_convolved_at_once(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    masks = MaskReweighting(SIZES)
    generator = torch.Generator().manual_seed(1)
    found = detections(3, generator=generator)
    found = found._replace(
        mask_logits=torch.randn(1, 3, *size), box_masks=torch.rand(1, 3, *size) > 0.5
    )
    embedding = torch.randn(1, 4, SIZES.embedding)
    assigned = torch.tensor([[2, -1, 0, 2]])
    got = masks(embedding, found, assigned)
    wide = functional.relu(masks.squeeze(embedding))[..., None, None].expand(-1, -1, -1, *size)
    pair = torch.stack((found.mask_logits, found.box_masks.float()), 2)[:, [2, 0, 0, 2]]
    stack = torch.cat((pair, wide), 2)[0]
    expected = masks.out(functional.relu(masks.hidden(stack)))[:, 0]
    torch.testing.assert_close(got[0, [0, 2, 3]], expected[[0, 2, 3]])
    assert (got[0, 1] == UNSEEN).all()


def test_a_crop_ends_one_pixel_beside_the_box() -> None:
    torch.manual_seed(0)
    whole, cropped = MaskReweighting(SIZES), MaskReweighting(SIZES, 'box')
    cropped.load_state_dict(whole.state_dict())
    boxes = torch.zeros(1, 2, 6, 8, dtype=torch.bool)
    boxes[0, 0, 2:4, 3:5] = boxes[0, 1, 0, 0] = True
    found = detections(2, generator=torch.Generator().manual_seed(1))
    found = found._replace(mask_logits=torch.randn(1, 2, 6, 8), box_masks=boxes)
    embedding = torch.randn(1, 3, SIZES.embedding)
    assigned = torch.tensor([[1, -1, 0]])
    plain, got = whole(embedding, found, assigned)[0], cropped(embedding, found, assigned)[0]
    inside = torch.zeros(3, 6, 8, dtype=torch.bool)
    inside[0, :2, :2] = inside[2, 1:5, 2:6] = True
    assert torch.equal(got[inside], plain[inside])
    assert (got[~inside] == UNSEEN).all() and (plain[~inside] != UNSEEN).any()
    assert (cropped(embedding, found, torch.full((1, 3), -1)) == UNSEEN).all()


def test_each_pixel_has_one_owner() -> None:
    scores = torch.full((3, 2, 4), UNSEEN)
    scores[1, :, :2], scores[2] = 12.0, 11.0
    labels = label_image(scores, (4, 8), 10.0)
    assert labels.shape == (4, 8)
    assert (labels[:, :3] == 2).all() and (labels[:, 4:] == 3).all()
    assert (label_image(scores, (4, 8), 13.0) == 0).all()
    assert (label_image(scores[:0], (4, 8), 10.0) == 0).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    cells=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_labels_are_alike_track_by_track_and_at_once(
    seed: int, cells: tuple[int, int], size: tuple[int, int], share: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(4, *cells, generator=generator)
    is_unseen = torch.rand(scores.shape, generator=generator) >= share
    scores = scores.masked_fill(is_unseen, UNSEEN)
    found = label_image(scores, size, 0.0)
    assert found.dtype == torch.uint8
    assert torch.equal(found.to(torch.int16), labels_at_once(scores, size, 0.0))
    for mine, other in zip(owners_of(found, 4)[1:3], boxes_at_once(found.long(), 4), strict=True):
        assert mine.dtype == other.dtype and torch.equal(mine, other)


def test_labels_of_many_tracks() -> None:
    scores = torch.full((300, 2, 3), UNSEEN)
    scores[299, 1, 2] = 5.0
    assert label_image(scores, (2, 3), 0.0).tolist() == [[0, 0, 0], [0, 0, 300]]


def test_tracks_decide_for_themselves() -> None:
    match = torch.tensor([[[0.0, 1.0], [-3.0, 2.0], [-4.0, -3.0], [IMPOSSIBLE] * 2]])
    init = torch.tensor([[-2.0, -1.9]])
    choice = choose(match, init, torch.tensor([[True, True]]), RgnnOptions())
    assert choice.match.tolist() == [[1, 1, -1, -1]]
    assert choice.is_birth.tolist() == [[False, True]]
    choice = choose(match, init, torch.tensor([[True, False]]), RgnnOptions())
    assert choice.is_birth.tolist() == [[False, False]]


def test_without_a_graph_the_rest_is_new() -> None:
    match = torch.tensor([[[0.0, 1.0, -9.0], [-3.0, 2.0, -9.0]]])
    options = build_config(RgnnOptions, {'graph': 'none'})
    choice = choose(match, torch.zeros(1, 3), torch.tensor([[True, True, True]]), options)
    assert choice.is_birth.tolist() == [[True, False, True]]


def test_slots_fill_in_order_and_never_empty() -> None:
    is_alive = torch.tensor([[True, False, True, False, False]])
    choice = Choice(torch.tensor([[3, 1, -1, 1, 1]]), torch.tensor([[False, True, False, True]]))
    assigned, is_new = official_slots(is_alive, choice)
    assert assigned.tolist() == [[3, 1, -1, 3, -1]]
    assert is_new.tolist() == [[False, True, False, True, False]]
    full = torch.ones(1, 5, dtype=torch.bool)
    assigned, is_new = official_slots(full, choice)
    assert not is_new.any() and assigned.tolist() == choice.match.tolist()


def test_masktrack_gives_each_detection_one_owner() -> None:
    generator = torch.Generator().manual_seed(0)
    found = detections(2, places=3, generator=generator)
    logits = torch.full((1, 3, 5), -5.0)
    logits[0, :, 1] = 5.0
    found = found._replace(logits=logits)
    looks = torch.tensor([[[9.0, 0.0], [0.0, 9.0], [0.0, 0.0]]])
    means = looks[:, :2].clone()
    alive = torch.tensor([[True, True]])
    iou = torch.zeros(1, 2, 3)
    match, init = masktrack_logits(looks, means, iou, found, logits[:, :2], alive)
    options = build_config(RgnnOptions, {'association': 'masktrack'})
    choice = choose(match, init, found.is_real, options)
    assert choice.match.tolist() == [[0, 1]] and not choice.is_birth.any()
    match, init = masktrack_logits(looks, means, iou, found, logits[:, :2], alive & False)
    choice = choose(match, init, found.is_real, options)
    assert choice.match.tolist() == [[-1, -1]]
    assert choice.is_birth.tolist() == [[True, True, False]]


def test_lstm_gates_come_in_the_official_order() -> None:
    gates = Recurrence(3, RgnnOptions())
    cell = torch.nn.LSTMCell(3, 3)
    order = [1, 0, 3, 2]  # torch: input, forget, cell, output
    with torch.no_grad():
        for mine, theirs in ((gates.input, 'ih'), (gates.previous, 'hh')):
            assert mine is not None
            blocks = mine.weight.reshape(4, 3, 3)[order].reshape(12, 3)
            getattr(cell, f'weight_{theirs}').copy_(blocks)
            getattr(cell, f'bias_{theirs}').copy_(mine.bias.reshape(4, 3)[order].reshape(12))
    node, output, memory = torch.randn(3, 2, 3)
    for a, b in zip(gates(node, output, memory), cell(node, (output, memory)), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('kind', ['average', 'masktrack'])
def test_averages_of_detections(kind: str) -> None:
    options = build_config(RgnnOptions, {'scoring': kind})
    scoring = Scoring(SIZES, options)
    tracks = tracker(scoring=kind).initial(1, 1).tracks
    first = torch.tensor([[[0.0, 4, 0, 0, 0]]])
    second = torch.tensor([[[0.0, 0, 8, 0, 0]]])
    seen, unseen = torch.tensor([[0]]), torch.tensor([[-1]])
    for logits, assigned in ((first, seen), (second, seen), (second, unseen), (first, seen)):
        tracks = scoring.update(tracks, logits, assigned)
    shares = tracks.logits[0, 0].softmax(0)
    if kind == 'average':
        torch.testing.assert_close(tracks.logits, (2 * first + second) / 3)
    else:
        sure = [x.softmax(-1).max().item() for x in (first, second)]
        assert shares.argmax() == 1
        assert shares[1].item() == pytest.approx((2 * sure[0] + sure[1]) / 3, abs=1e-4)
