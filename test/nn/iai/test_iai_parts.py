# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Attention, memory, identities and assignment on cases small enough to check by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from vis_ros.nn.iai.assignment import (
    DISCARDED,
    NEWCOMER,
    match,
    match_by_rank,
    number,
    replaced,
)
from vis_ros.nn.iai.attention import (
    LongTermAttention,
    ShortTermAttention,
    heads_of,
    joined,
    positions,
    window_offsets,
)
from vis_ros.nn.iai.config import IaiOptions
from vis_ros.nn.iai.identification import IdBank, IdHead
from vis_ros.nn.iai.memory import IaiMemory, Impression, begin, remember, resized, shown_in
from vis_ros.nn.iai.selection import first_cover, labelled, owned_pixels
from vis_ros.structures.options import build_config

IDS = 4
CPU = torch.device('cpu')


def seeded(seed: int = 0) -> None:
    torch.manual_seed(seed)


# --- attention


def test_positions_are_those_of_the_formula() -> None:
    codes = positions((3, 5), 8, torch.zeros(1))
    assert codes.shape == (15, 8)
    y, x = 2 / (2 + 1e-6) * 2 * math.pi, 3 / (4 + 1e-6) * 2 * math.pi
    want = [math.sin(y), math.cos(y), math.sin(y / 100), math.cos(y / 100)]
    want += [math.sin(x), math.cos(x), math.sin(x / 100), math.cos(x / 100)]
    assert torch.allclose(codes[2 * 5 + 3], torch.tensor(want), atol=1e-5)
    assert positions((1, 1), 8, torch.zeros(1)).isfinite().all()


def test_windows_reach_seven_cells() -> None:
    offsets = window_offsets((1, 10), CPU)
    assert offsets[0].tolist() == [112 + k for k in range(8)] + [225, 225]  # 112 is the middle
    tall = window_offsets((9, 2), CPU)
    assert tall[16, 0].item() == 225  # eight rows up
    assert tall[16, 3].item() == 0 * 15 + 15 * 0 + (-7 + 7) * 15 + 8  # seven rows up, one right


def test_a_window_over_everything_is_plain_attention() -> None:
    """As the fact sheet asks: without offsets, short-term is long-term attention."""
    seeded()
    short, long = ShortTermAttention(8), LongTermAttention(8)
    torch.nn.init.zeros_(short.offset_scores.weight)
    torch.nn.init.zeros_(short.offset_scores.bias)
    short.out.load_state_dict(long.out.state_dict())
    query, key, value = (torch.randn(2, 20, 8) for _ in range(3))
    one = long(query, key[:, None], value[:, None], torch.ones(2, 1, dtype=torch.bool), (4, 5))
    assert torch.allclose(short(query, key, value, (4, 5)), one, atol=1e-5)


def test_windowed_attention_is_that_of_its_formula() -> None:
    """Against the same written with unfolded windows, on a map larger than the window."""
    seeded()
    attention, size = ShortTermAttention(4), (9, 10)
    torch.nn.init.normal_(attention.offset_values)
    query, key, value = (torch.randn(1, 90, 4) for _ in range(3))

    def windows(x: torch.Tensor) -> torch.Tensor:
        grid = x.transpose(1, 2).reshape(1, 4, *size)
        return functional.unfold(grid, 15, padding=7).reshape(2, 2, 225, 90)  # heads first

    scores = (query[0].T.reshape(2, 2, 1, 90) * windows(key)).sum(1) / math.sqrt(2)
    scores = scores + attention.offset_scores(query[0].T[None, ..., None]).reshape(2, 225, 90)
    inside = functional.unfold(torch.ones(1, 1, *size), 15, padding=7).reshape(225, 90)
    weight = torch.where(inside > 0, scores, -1e8).softmax(1)  # (heads, 225, T)
    values = windows(value) + attention.offset_values[0]
    seen = (weight[:, None] * values).sum(2).reshape(4, 90).T
    want = attention.out(seen)
    assert torch.allclose(attention(query, key, value, size)[0], want, atol=1e-5)


def test_what_was_near_can_be_preferred() -> None:
    seeded()
    attention, size = ShortTermAttention(4), (3, 9)
    torch.nn.init.zeros_(attention.offset_scores.weight)
    torch.nn.init.eye_(attention.out.weight)
    torch.nn.init.zeros_(attention.out.bias)
    query, value = torch.zeros(1, 27, 4), torch.zeros(1, 27, 4)
    value[0, 13] = 1.0  # the middle of the map
    attention.prefer_nearby(0.2)
    assert torch.allclose(attention(query, query, value, size), value, atol=1e-4)
    attention.prefer_nearby(1.0)
    seen = attention(query, query, value, size)[0].reshape(3, 9, 4)
    assert torch.equal(seen[1, 4:].argsort(dim=0, descending=True)[:, 0], torch.arange(5))
    assert torch.allclose(seen, seen.flip(0, 1), atol=1e-6)
    assert (seen == seen[..., :1]).all(), 'both heads alike'
    long = LongTermAttention(4, has_offsets=True)
    long.out.load_state_dict(attention.out.state_dict())
    long.prefer_nearby(1.0)
    filled = torch.ones(1, 1, dtype=torch.bool)
    stored = long(query, query[:, None], value[:, None], filled, size)[0].reshape(3, 9, 4)
    assert torch.allclose(stored, seen, atol=1e-2), (
        'as the short-term attention, but for far cells'
    )
    assert (stored > 0).all(), 'nothing is out of sight'


def test_heads_there_and_back() -> None:
    x = torch.randn(2, 3, 8)
    assert torch.equal(joined(heads_of(x, 4)), x)


def test_empty_places_of_the_memory_are_not_seen() -> None:
    seeded()
    attention = LongTermAttention(8)
    query, key, value = torch.randn(2, 6, 8), torch.randn(2, 3, 6, 8), torch.randn(2, 3, 6, 8)
    filled = torch.tensor([[True, True, False], [True, False, False]])
    both = attention(query, key, value, filled, (2, 3))
    for stream, count in ((0, 2), (1, 1)):
        part = (x[stream : stream + 1, :count] for x in (key, value, filled))
        alone = attention(query[stream : stream + 1], *part, (2, 3))
        assert torch.allclose(both[stream], alone[0], atol=1e-5)


def test_offsets_count_in_each_stored_frame() -> None:
    """Against a plain loop; a place out of the window has a score of its own."""
    seeded()
    attention, (height, width) = LongTermAttention(4, has_offsets=True, heads=1), (2, 9)
    torch.nn.init.normal_(attention.offset_bias)
    torch.nn.init.eye_(attention.out.weight)
    torch.nn.init.zeros_(attention.out.bias)
    count = height * width
    query, key, value = torch.randn(count, 4), torch.randn(2, count, 4), torch.randn(2, count, 4)
    want = torch.zeros(count, 4)
    for i in range(count):
        scores = torch.zeros(2, count)
        for m in range(2):
            for j in range(count):
                dy, dx = j // width - i // width, j % width - i % width
                place = (dy + 7) * 15 + dx + 7 if abs(dx) <= 7 else 225
                scores[m, j] = query[i] @ key[m, j] / 2 + attention.offset_bias[place]
        want[i] = scores.flatten().softmax(0) @ value.flatten(0, 1)
    filled = torch.tensor([[True, True, False]])
    bank = [torch.cat((x, torch.full((1, count, 4), 9.0)))[None] for x in (key, value)]
    for keys, values, full in ((key[None], value[None], filled[:, :2]), (*bank, filled)):
        got = attention(query[None], keys, values, full, (height, width))
        assert torch.allclose(got[0], want, atol=1e-5)


# --- memory


def impression(labels: list[int], mark: float = 0.0, streams: int = 1) -> Impression:
    """Return a frame of one token whose pixels show these identities."""
    pixels = torch.full((streams, 32, 32), IDS, dtype=torch.uint8)
    for k, label in enumerate(labels):
        pixels[:, k] = label
    token = torch.full((streams, 1, 2), mark)
    return Impression(token, token + 0.5, pixels)


def play(memory: IaiMemory, frames: list[list[int]], *, births: frozenset[int] = frozenset()):
    alive = torch.ones(1, IDS, dtype=torch.bool)
    for labels in frames:
        mark = float(memory.step[0])
        birth = torch.tensor([int(mark) in births])
        memory = remember(memory, impression(labels, mark), birth, alive, 3)
    return memory


def test_frames_are_stored_by_interval_and_by_birth() -> None:
    def stored(births: frozenset[int] = frozenset()) -> list[float]:
        memory = play(begin(impression([0]), 9, IDS), [[0]] * 11, births=births)
        assert memory.short_key[0, 0, 0] == 11 and memory.short_value[0, 0, 0] == 11.5
        kept = memory.long_key[0, memory.is_filled[0], 0, 0]
        return kept.sort().values.tolist()

    assert stored() == [0, 2, 5, 8, 11]
    assert stored(frozenset({3})) == [0, 2, 3, 6, 9]


def test_the_oldest_frame_that_nobody_needs_goes_first() -> None:
    frames: list[list[int]] = [[1], [0, 1], [0, 2], [0, 2]]
    always = frozenset(range(1, 9))
    memory = play(begin(impression([0]), 3, IDS), frames[:2], births=always)
    assert memory.long_key[0, :, 0, 0].tolist() == [0, 1, 2]
    memory = play(memory, frames[2:3], births=always)  # 0 is shown by frame 2
    assert memory.long_key[0, :, 0, 0].tolist() == [3, 1, 2]
    memory = play(memory, frames[3:], births=always)  # 1 is shown by frame 2 too
    assert memory.long_key[0, :, 0, 0].tolist() == [3, 4, 2]
    memory = play(memory, [[3]], births=always)  # the older of 3 and 4 with the same identities
    assert memory.long_key[0, :, 0, 0].tolist() == [5, 4, 2]
    memory = play(memory, [[]], births=always)  # each shows one alone: the oldest
    assert memory.long_key[0, :, 0, 0].tolist() == [5, 4, 6]
    assert memory.stored_at.tolist() == [[6, 5, 7]]


def test_the_dead_keep_no_frame() -> None:
    memory = begin(impression([0]), 2, IDS)
    memory = play(memory, [[1]], births=frozenset({1}))
    alive = torch.tensor([[True, False, True, True]])
    memory = remember(memory, impression([2], 9.0), torch.tensor([True]), alive, 3)
    assert memory.long_key[0, :, 0, 0].tolist() == [0, 9]


def test_the_streams_of_a_batch_are_stored_each_for_itself() -> None:
    memory = begin(impression([0], streams=2), 3, IDS)
    alive = torch.ones(2, IDS, dtype=torch.bool)
    birth = torch.tensor([True, False])
    memory = remember(memory, impression([1], 7.0, streams=2), birth, alive, 3)
    assert memory.long_key[:, :, 0, 0].tolist() == [[0, 7, 0], [0, 0, 0]]
    assert memory.is_filled.tolist() == [[True, True, False], [True, False, False]]
    assert memory.latest.tolist() == [2, 0]


def test_what_labels_show() -> None:
    labels = torch.tensor([[[0, 255], [IDS, 2]], [[IDS, IDS], [IDS, 3]]], dtype=torch.uint8)
    assert shown_in(labels, IDS).tolist() == [
        [True, False, True, False],
        [False, False, False, True],
    ]


def test_a_turned_camera() -> None:
    pixels = torch.full((1, 64, 96), IDS, dtype=torch.uint8)
    pixels[:, :, 48:] = 1
    tokens = torch.arange(6.0)[None, :, None].expand(1, 6, 2)
    memory = begin(Impression(tokens, tokens, pixels), 2, IDS)
    assert resized(memory, (2, 3)) is memory
    turned = resized(memory, (3, 2))
    assert turned.size == (3, 2)
    assert turned.long_labels.shape == (1, 2, 96, 64)
    assert turned.short_labels.unique().tolist() == [1, IDS]
    assert turned.long_value.shape == (1, 2, 6, 2)
    assert turned.short_key.mean().item() == pytest.approx(2.5)
    assert torch.equal(turned.stored_at, memory.stored_at)


# --- identities


@pytest.mark.parametrize('is_matrix', [False, True])
def test_the_bank_embeds_masks(is_matrix: bool) -> None:
    seeded()
    bank = IdBank(IDS, 8, is_matrix=is_matrix).requires_grad_(False)
    nothing = torch.full((1, 64, 96), 255, dtype=torch.uint8)
    assert torch.allclose(bank(nothing), bank.nobody.expand(1, 6, 8))
    background = torch.full((1, 64, 96), IDS, dtype=torch.uint8)
    assert not torch.allclose(bank(background), bank(nothing))
    labels = background.clone()
    labels[0, 20:40, 40:50] = 2
    flags = functional.one_hot(labels.long(), IDS + 1).permute(0, 3, 1, 2).float()
    if is_matrix:
        want = functional.avg_pool2d(flags, 32).flatten(2).transpose(1, 2)
        want = want @ bank.embed.weight[..., 0, 0].T + bank.nobody
    else:
        want = functional.conv2d(flags, bank.embed.weight, bank.nobody, 32, 16)
        want = want.flatten(2).transpose(1, 2)
    assert torch.allclose(bank(labels), want, atol=1e-5)


def test_the_head_knows_both_losses() -> None:
    seeded()
    levels = [torch.randn(1, 64, 4, 6), torch.randn(1, 64, 2, 3)]
    for loss, layers in (('focal', 2), ('cross_entropy', 4)):
        options = build_config(IaiOptions, {'ids': 5, 'id_loss': loss, 'id_layers': layers})
        head = IdHead(64, options).requires_grad_(False)
        logits = head(levels)
        assert logits.shape == (1, 30, 5 + (loss == 'cross_entropy'))
        assert len(head.tower) == layers - 1
        shares = head.shares(logits)
        assert shares.shape == (1, 30, 5)
        total = shares.sum(-1) + (logits.softmax(-1)[..., -1] if layers == 4 else 0)
        assert torch.allclose(total, torch.ones(1, 30)) == (layers == 4)


def test_nobody_is_matched_to_nobody() -> None:
    assert match(np.zeros((0, 4)), np.ones(3, np.bool_)).tolist() == []
    assert match_by_rank(0, np.ones(3, np.bool_)).tolist() == []


def test_each_identity_at_most_once() -> None:
    in_use = np.array([True, True, False])
    shares = np.array([[0.9, 0.1, 0, 0.2], [0.8, 0.3, 0, 0.2], [0.7, 0.1, 0, 0.6]])
    assert match(shares, in_use).tolist() == [0, 1, NEWCOMER]
    assert match(shares, np.zeros(3, np.bool_)).tolist() == [NEWCOMER] * 3
    unused = np.array([[0.1, 0.2, 0.9, 0.3]])
    assert match(unused, in_use).tolist() == [NEWCOMER]
    assert match(unused, in_use, has_unused=False).tolist() == [NEWCOMER], 'as it says itself'
    unused[0, 3] = 0.15
    assert match(unused, in_use, has_unused=False).tolist() == [1], 'who it is most like'
    both = np.tile(unused, (2, 1))
    assert sorted(match(both, in_use, has_unused=False)) == [NEWCOMER, 1], 'only once'
    nobody = np.zeros(3, np.bool_)
    assert match(shares, nobody, has_unused=False).tolist() == [NEWCOMER] * 3
    assert match(np.array([[0.0, 0.01, 0.0, 0.0]]), in_use).tolist() == [1]  # never too weak
    crowd = np.tile([0.1, 0.1, 0.1, 0.5], (9, 1))
    assert match(crowd, in_use).tolist() == [NEWCOMER] * 9


def test_ranks_stand_in_for_identities() -> None:
    assert match_by_rank(3, np.array([True, False])).tolist() == [0, NEWCOMER, NEWCOMER]


def test_newcomers_are_counted() -> None:
    found = number(np.array([NEWCOMER, 1, NEWCOMER]), 2, 6)
    assert (found.ids.tolist(), found.given, found.is_birth) == ([2, 1, 3], 4, True)
    assert number(np.array([0, 1]), 2, 6)[1:] == (2, False)
    assert number(np.zeros(0, np.int64), 2, 6)[1:] == (2, False)


def test_a_full_house() -> None:
    newcomers = np.full(3, NEWCOMER)
    shared = number(newcomers, 3, 6)
    assert (shared.ids.tolist(), shared.given, shared.is_birth) == ([3, 4, 4], 4, True)
    assert replaced(shared.ids).tolist() == [False, True, False]
    dropped = number(newcomers, 3, 6, when_full='discard')
    assert (dropped.ids.tolist(), dropped.given) == ([3, 4, DISCARDED], 5)
    assert number(newcomers, 5, 6, when_full='discard')[1:] == (5, False)
    with pytest.raises(ValueError, match="expected 'share' or 'discard', got 'x'"):
        number(newcomers, 3, 6, when_full='x')


# --- pixels


def test_no_detection_owns_nothing() -> None:
    owned = owned_pixels(torch.zeros(0, 4, 6), 0.1)
    assert owned.owner.tolist() == [[-1] * 6] * 4
    assert owned.is_kept.tolist() == []
    assert labelled(owned.owner, torch.zeros(0, dtype=torch.int64), 9).unique().tolist() == [9]


def test_the_better_detection_owns_a_pixel_and_the_dropped_one_still_blocks() -> None:
    masks = torch.zeros(4, 1, 10)
    masks[0, 0, :5] = 1.0
    masks[1, 0, :6] = 0.9  # owns a sixth: kept only if that is enough
    masks[2, 0, 5:8] = 0.6
    owned = owned_pixels(masks, 0.2)
    assert owned.owner.tolist() == [[0] * 5 + [1] + [2] * 2 + [-1] * 2]
    assert owned.is_kept.tolist() == [True, False, True, False]
    assert owned_pixels(masks, 0.1).is_kept.tolist() == [True, True, True, False]
    assert first_cover(masks[2:] > 0.5).tolist() == [[-1] * 5 + [0] * 3 + [-1] * 2]
    labels = labelled(owned.owner, torch.tensor([7, 20, 3, 20]), 20)
    assert labels.tolist() == [[7] * 5 + [20] + [3] * 2 + [20] * 2]
    assert labels.dtype == torch.uint8
