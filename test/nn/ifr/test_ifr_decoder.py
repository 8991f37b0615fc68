# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recurrent decoder of IFR: equations 1 to 3 against plain loops, and its laws."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from ifr_world import CLASSES, TINY, decoder, features
from torch import Tensor

from vis_ros.nn.ifr import IfrOptions, Past, mask_logits
from vis_ros.nn.ifr.attention import Attention, open_where_empty, sharing
from vis_ros.nn.ifr.decoder import RecurrentLayer

VARIANTS: list[dict[str, Any]] = [
    {},
    {'context': 'causal', 'window': 3},
    {'masking': 'product', 'clip_mask': 'none'},
    {'temporal': 'own', 'feed_forward': False, 'scale': 'hidden'},
]
COUNT = TINY.queries


@pytest.mark.parametrize('masking', ['exclude', 'product'])
@pytest.mark.parametrize('scale', ['head', 'hidden'])
def test_attention_against_a_plain_loop(masking: str, scale: str) -> None:
    torch.manual_seed(0)
    layer = Attention(8, 2, IfrOptions(masking=masking, scale=scale))
    query, cells = torch.randn(3, 8), torch.randn(5, 8)
    mask = torch.tensor([[1, 1, 0, 0, 1], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    with torch.no_grad():
        found = layer(query[None], layer.remember(cells[None], cells[None]), mask[None])[0]
        q, k, v = layer.query(query), layer.key(cells), layer.value(cells)
        root = math.sqrt(4 if scale == 'head' else 8)
        mixed = torch.zeros(3, 8)
        for row in range(3):
            for head in (slice(0, 4), slice(4, 8)):
                scores = [float(q[row, head] @ k[cell, head]) for cell in range(5)]
                if masking == 'product':  # equation 1 word for word
                    shares = [
                        math.exp(s * bool(mask[row, c]) / root) for c, s in enumerate(scores)
                    ]
                else:
                    shares = [
                        math.exp(s / root) * bool(mask[row, c]) for c, s in enumerate(scores)
                    ]
                for cell in range(5):
                    mixed[row, head] += shares[cell] / sum(shares) * v[cell, head]
        expected = layer.out(mixed)
    torch.testing.assert_close(found, expected)


def plain_layer(
    layer: RecurrentLayer, clip: Tensor, place: Tensor, cells: tuple[Tensor, Tensor], see: Tensor
) -> tuple[Tensor, Tensor]:
    """Return Q_i^1 to Q_i^n and Q_{i+1} of one clip, step by step as section 3.1 says it."""

    def attend(part: Attention, query: Tensor, key: Tensor, value: Tensor, mask=None) -> Tensor:
        return part(query[None], part.remember(key[None], value[None]), mask)[0]

    before, frames = clip, []  # Q_i^0 is a copy of Q_i
    for t in range(len(see)):
        groups = []
        for group in (before, clip):  # equation 2
            seen = attend(layer.cross, group + place, cells[0][t], cells[1][t], see[t][None])
            groups.append(layer.cross_norm(group + seen))
        both, where = torch.cat(groups), torch.cat((place, place))
        both = layer.joint_norm(both + attend(layer.joint, both + where, both + where, both))
        before = layer.frame_forward(both.chunk(2)[0])  # equation 3
        frames.append(before)
    every = torch.cat(frames)
    where = place.repeat(len(frames), 1)
    clip = layer.temporal_norm(clip + attend(layer.temporal, clip + place, every + where, every))
    clip = layer.clip_norm(clip + attend(layer.clip, clip + place, clip + place, clip))
    return torch.stack(frames), layer.clip_forward(clip)


@pytest.mark.parametrize('frames', [1, 3])
def test_the_decoder_against_the_equations(frames: int) -> None:
    network, (levels, masks) = decoder(), features(1, frames)
    with torch.no_grad():
        found = network(levels, masks)
        clip, frame = network.queries, network.queries.expand(frames, -1, -1)
        for k, layer in enumerate(network.layers):
            kernels = network._predict(clip, frame).kernels
            whole = torch.einsum('tqc,tchw->tqhw', kernels, masks[0])
            small = torch.nn.functional.interpolate(
                whole, size=levels[k].shape[-2:], mode='bilinear', align_corners=False
            )
            see = open_where_empty(small.flatten(2) >= 0)
            cells = tuple(part[0] for part in network._cells(levels[k], k))
            frame, clip = plain_layer(layer, clip, network.place, cells, see)
            said = network._predict(clip, frame)
            torch.testing.assert_close(found.layers[k + 1].classes[0, 0], said.classes)
            torch.testing.assert_close(found.layers[k + 1].kernels[0], said.kernels)
    assert len(found.layers) == TINY.decoder_layers + 1


def test_with_one_frame_clip_and_stream_are_one() -> None:
    """There are no others to gather from: the temporal attention sees the frame's own queries."""
    network, (levels, masks) = decoder(), features(2, 1)
    with torch.no_grad():
        clip, stream = (network(levels, masks, causal=causal) for causal in (False, True))
    for ours, other in zip(clip.layers, stream.layers, strict=True):
        torch.testing.assert_close(ours.classes, other.classes)
        torch.testing.assert_close(ours.kernels, other.kernels)


def test_the_first_frame_starts_from_the_clip_level_queries() -> None:
    network, (levels, masks) = decoder(), features(1, 1)
    past = network.no_past()
    filled = Past(network.queries.expand_as(past.queries).clone(), past.is_filled.clone())
    filled.is_filled[:, -1] = True
    with torch.no_grad():
        first = network(levels, masks, causal=True).past
        going_on = network(levels, masks, filled, causal=True).past
    # Layer 0's clip-level queries are the learned ones, so that a past of copies changes nothing.
    torch.testing.assert_close(first.queries[0, :, -1], going_on.queries[0, :, -1])
    assert not torch.allclose(first.queries[1, :, -1], going_on.queries[1, :, -1])


@pytest.mark.parametrize('window', [1, 2, 3, 9])
def test_a_stream_gives_what_the_causal_clip_gives(window: int) -> None:
    network = decoder(context='causal', window=window)
    levels, masks = features(1, 6)
    with torch.no_grad():
        whole = network(levels, masks)
        past = network.no_past()
        for t in range(6):
            step = network([x[:, t : t + 1] for x in levels], masks[:, t : t + 1], past)
            past = step.past
            for ours, other in zip(step.layers, whole.layers, strict=True):
                torch.testing.assert_close(ours.classes[:, 0], other.classes[:, t])
                torch.testing.assert_close(ours.kernels[:, 0], other.kernels[:, t])
    torch.testing.assert_close(past.queries, whole.past.queries)
    assert torch.equal(past.is_filled, whole.past.is_filled)
    assert past.queries.shape == network.no_past().queries.shape


def test_causal_decoding_sees_no_later_frame() -> None:
    network = decoder(context='causal')
    levels, masks = features(1, 4)
    with torch.no_grad():
        whole = network(levels, masks).layers[-1]
        part = network([x[:, :2] for x in levels], masks[:, :2]).layers[-1]
    torch.testing.assert_close(whole.classes[:, :2], part.classes)
    torch.testing.assert_close(whole.kernels[:, :2], part.kernels)
    with torch.no_grad():
        clip = network(levels, masks, causal=False).layers[-1]
        shorter = network([x[:, :2] for x in levels], masks[:, :2], causal=False).layers[-1]
    assert not torch.allclose(clip.kernels[:, 0], shorter.kernels[:, 0])


@pytest.mark.parametrize('options', VARIANTS, ids=str)
def test_permutation_of_queries(options: dict[str, Any]) -> None:
    network, (levels, masks) = decoder(**options), features(1, 3)
    with torch.no_grad():
        before = network(levels, masks).layers[-1]
        order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(3))
        for parameter in (network.queries, network.place):
            parameter.copy_(parameter[order].clone())
        after = network(levels, masks).layers[-1]
    torch.testing.assert_close(after.classes, before.classes[:, :, order], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.kernels, before.kernels[:, :, order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('options', VARIANTS, ids=str)
def test_a_batch_is_its_clips(options: dict[str, Any]) -> None:
    network, (levels, masks) = decoder(**options), features(2, 2)
    with torch.no_grad():
        both = network(levels, masks).layers[-1]
        for b in range(2):
            one = network([x[b : b + 1] for x in levels], masks[b : b + 1]).layers[-1]
            torch.testing.assert_close(one.classes[0], both.classes[b], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(one.kernels[0], both.kernels[b], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('options', VARIANTS, ids=str)
def test_gradients_reach_every_parameter(options: dict[str, Any]) -> None:
    network, (levels, masks) = decoder(**options), features(1, 2)
    said = network(levels, masks).layers
    loss = sum(
        p.classes.square().sum() + mask_logits(p.kernels, masks).square().mean() for p in said
    )
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_every_option_counts() -> None:
    levels, masks = features(1, 3)
    seen = []
    for options in VARIANTS:
        with torch.no_grad():
            seen.append(decoder(**options)(levels, masks, causal=False).layers[-1].kernels)
    with torch.no_grad():
        seen.append(decoder(temporal='own')(levels, masks).layers[-1].kernels)
        seen.append(decoder(clip_mask='none')(levels, masks).layers[-1].kernels)
    pairs = [(a, b) for k, a in enumerate(seen) for b in seen[:k]]
    same = [torch.allclose(a, b) for a, b in pairs]
    assert same.count(True) == 1  # the first two differ only in the context


def test_without_recurrence_the_order_of_frames_does_not_matter() -> None:
    levels, masks = features(1, 3)
    turned = [x.flip(1) for x in levels], masks.flip(1)
    for recurrence, is_same in (('none', True), ('previous', False)):
        network = decoder(recurrence=recurrence)
        with torch.no_grad():
            there = network(levels, masks).layers[-1]
            back = network(*turned).layers[-1]
        assert torch.allclose(there.kernels, back.kernels.flip(1), atol=1e-4) == is_same
        assert torch.allclose(there.classes, back.classes, atol=1e-4) == is_same


def test_forgotten_queries_start_anew() -> None:
    """A query whose past does not count is as if it had none; others do not see that past."""
    network, (levels, masks) = decoder(context='causal', window=3), features(1, 1)
    with torch.no_grad():
        past = network(*features(1, 2, seed=5)).past
        past.is_filled[:, :, 2] = False
        found = network(levels, masks, past)
        past.queries[:, :, :, 2] = torch.nan
        past = Past(past.queries.nan_to_num(1e3), past.is_filled)
        other = network(levels, masks, past)
    torch.testing.assert_close(found.layers[-1].kernels, other.layers[-1].kernels)
    torch.testing.assert_close(found.layers[-1].classes, other.layers[-1].classes)


def test_masks_without_a_cell_see_everything() -> None:
    mask = torch.tensor([[[True, False], [False, False]]])
    assert open_where_empty(mask).tolist() == [[[True, False], [True, True]]]


def test_what_clip_level_queries_gather_from() -> None:
    both = torch.ones(1, 2, dtype=torch.bool)
    filled = torch.ones(1, 2, 2, dtype=torch.bool)
    assert sharing(IfrOptions(), 2, both, filled) is None
    own = sharing(IfrOptions(temporal='own'), 2, both, filled)
    assert own is not None and own.int().tolist() == [[[1, 0, 1, 0], [0, 1, 0, 1]]]
    filled[0, 0, 1] = False
    some = sharing(IfrOptions(), 2, torch.tensor([[True, False], [True, True]]), filled)
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 1], [1, 0, 1, 1]]
    assert some is not None and some[0].int().tolist() == expected


def test_only_causal_clips_go_on() -> None:
    network, (levels, masks) = decoder(), features(1, 1)
    with pytest.raises(ValueError, match='only causal'):
        network(levels, masks, network.no_past())


def test_shapes_and_priors() -> None:
    network, (levels, masks) = decoder(queries=7, context='causal'), features(2, 3)
    torch.nn.init.constant_(network.classes.bias, -4.6)
    with torch.no_grad():
        said = network(levels, masks).layers[-1]
    assert said.classes.shape == (2, 3, 7, CLASSES)
    assert said.kernels.shape == (2, 3, 7, TINY.channels)
    assert mask_logits(said.kernels, masks).shape == (2, 3, 7, 16, 24)
