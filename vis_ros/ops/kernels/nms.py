# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy non-maximum suppression on a GPU, of fixed size: nothing waits for how many boxes remain.

A first kernel compares all pairs of candidates, many at a time, and writes a bit for each pair
that overlaps too much. A second one, a single program, goes through the candidates 32 at a time.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language import constexpr

_BLOCK = 128  # boxes of a program, compared with 32 others


def greedy_nms(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[Tensor, Tensor]:
    """Return what `vis_ros.ops.nms.greedy_nms` does, for at least one box on a GPU.

    For C candidates among N boxes: a sort, C * C / 2 overlaps in parallel, and at most C / 32
    steps one after the other, which read C * C / 64 words. N * N / 8 bytes are needed.

    Args:
        boxes: float32 tensor (N, 4).
        scores: float tensor (N,).
        is_candidate: bool tensor (N,).
        max_overlap: A float32 number.
        limit: At least 1.
    """
    size = len(boxes)
    words = triton.cdiv(size, 32)
    last = torch.where(is_candidate, -scores, torch.nan)  # NaN comes behind infinity
    order = last.sort(stable=True).indices
    count = is_candidate.sum()
    bits = torch.empty((size, words), dtype=torch.int32, device=boxes.device)
    index = torch.empty(limit, dtype=torch.int64, device=boxes.device)
    is_real = torch.empty(limit, dtype=torch.bool, device=boxes.device)
    block_words = triton.next_power_of_2(words)
    with torch.cuda.device_of(boxes):
        mark_overlaps[(triton.cdiv(size, _BLOCK), words)](
            boxes.contiguous(),
            order,
            count,
            bits,
            words,
            float(max_overlap),
            block=_BLOCK,
            enable_fp_fusion=False,  # or areas are rounded less often than torchvision's
        )
        keep_best[(1,)](
            bits,
            order,
            count,
            index,
            is_real,
            words,
            limit,
            block_words=block_words,
            block_limit=triton.next_power_of_2(limit),
            enable_fp_fusion=False,
            num_warps=min(max(block_words // 32, 1), 8),
        )
    return index, is_real


@triton.jit
def mark_overlaps(boxes, order, count, bits, words, max_overlap, block: constexpr):
    """Set bit k of `bits[i, w]` where the boxes at places i and 32 w + k overlap too much.

    Places are those of `order`. Words are written that the second kernel reads: of candidates,
    and w >= i // 32. Bits of places up to i are 0.
    """
    number = tl.load(count).to(tl.int32)
    first, word = tl.program_id(0) * block, tl.program_id(1)
    if (first < number) & (word * 32 < number) & (word * 32 + 31 > first):
        row = first + tl.arange(0, block)
        lane = tl.arange(0, 32)
        column = word * 32 + lane
        a = boxes + tl.load(order + row, mask=row < number, other=0)[:, None] * 4
        b = boxes + tl.load(order + column, mask=column < number, other=0)[None, :] * 4
        left_a, top_a, right_a, bottom_a = (
            tl.load(a),
            tl.load(a + 1),
            tl.load(a + 2),
            tl.load(a + 3),
        )
        left_b, top_b, right_b, bottom_b = (
            tl.load(b),
            tl.load(b + 1),
            tl.load(b + 2),
            tl.load(b + 3),
        )
        wide = tl.maximum(tl.minimum(right_a, right_b) - tl.maximum(left_a, left_b), 0.0)
        high = tl.maximum(tl.minimum(bottom_a, bottom_b) - tl.maximum(top_a, top_b), 0.0)
        area_a = (right_a - left_a) * (bottom_a - top_a)
        area_b = (right_b - left_b) * (bottom_b - top_b)
        shared = wide * high
        overlap = tl.math.div_rn(shared, area_a + area_b - shared)
        is_set = (overlap > max_overlap) & (column[None, :] > row[:, None])
        found = tl.sum(is_set.to(tl.int32) << lane[None, :], axis=1)
        tl.store(bits + row * words + word, found, mask=row < number)


@triton.jit
def keep_best(
    bits,
    order,
    count,
    index,
    is_real,
    words,
    limit,
    block_words: constexpr,
    block_limit: constexpr,
):
    """Write the boxes that stay, best first, and padding; see `greedy_nms`."""
    number = tl.load(count).to(tl.int32)
    lane, word = tl.arange(0, 32), tl.arange(0, block_words)
    dropped = tl.zeros((block_words,), tl.int32)
    kept, start = 0, 0
    while (start < number) & (kept < limit):
        here = start // 32
        gone = tl.sum(tl.where(word == here, dropped, 0), axis=0)
        for k in tl.static_range(32):
            row = bits + (start + k) * words
            is_there = start + k < number
            own = tl.load(row + here, mask=is_there, other=0)
            end = tl.where(is_there, (number + 31) // 32, 0)
            rest = tl.load(row + word, mask=(word > here) & (word < end), other=0)
            stays = (gone >> k) & 1 == 0
            gone |= tl.where(stays, own, 0)
            dropped |= tl.where(stays, rest, 0)
        stays = ((gone >> lane) & 1 == 0) & (start + lane < number)
        slot = kept + tl.cumsum(stays.to(tl.int32), axis=0) - 1
        box = tl.load(order + start + lane, mask=stays, other=0)
        tl.store(index + slot, box, mask=stays & (slot < limit))
        kept += tl.sum(stays.to(tl.int32), axis=0)
        start += 32
    slot = tl.arange(0, block_limit)
    tl.store(
        index + slot, tl.zeros((block_limit,), tl.int64), mask=(slot >= kept) & (slot < limit)
    )
    tl.store(is_real + slot, slot < kept, mask=slot < limit)
