# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy NMS on a CPU, and its plain-torch form of fixed size; the kernel: test_kernels.py."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import nms

from vis_ros.ops.nms import float32_below, greedy_nms, nms_in_steps

BOXES = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 5, 10], [20, 0, 30, 10]]).float()
SCORES = torch.tensor([0.5, 0.9, 0.7, 0.7])
ALL = torch.ones(4, dtype=torch.bool)


def on_grid(seed: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and candidates with many overlaps and scores that are equal."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.randint(0, 12, (count, 2), generator=generator)
    sides = torch.randint(0, 7, (count, 2), generator=generator)
    scores = torch.randint(-3, 4, (count,), generator=generator) / 4
    scores[torch.rand(count, generator=generator) < 0.05] = -math.inf
    is_candidate = torch.rand(count, generator=generator) < 0.8
    return torch.cat((corners, corners + sides), dim=1).float(), scores, is_candidate


def expected(
    boxes: Tensor, scores: Tensor, is_candidate: Tensor, max_overlap: float, limit: int
) -> tuple[list[int], list[bool]]:
    """Return what torchvision says of the candidates alone, with padding."""
    pick = torch.nonzero(is_candidate)[:, 0]
    best = pick[nms(boxes[pick], scores[pick], max_overlap)].tolist()[:limit]
    padding = limit - len(best)
    return best + [0] * padding, [True] * len(best) + [False] * padding


def test_better_boxes_suppress_others() -> None:
    index, is_real = greedy_nms(BOXES, SCORES, ALL, 0.5, 4)
    assert index.dtype == torch.int64 and is_real.dtype == torch.bool
    assert index.tolist() == [1, 2, 3] and is_real.all()
    index, is_real = nms_in_steps(BOXES, SCORES, ALL, 0.5, 4)
    assert index.tolist() == [1, 2, 3, 0] and is_real.tolist() == [True, True, True, False]
    index, is_real = greedy_nms(BOXES, SCORES, torch.tensor([True, False, True, True]), 0.4, 2)
    assert index.tolist() == [2, 3] and is_real.all()


@pytest.mark.parametrize('count', [0, 4])
def test_without_candidates_nothing_is_kept(count: int) -> None:
    nobody = torch.zeros(count, dtype=torch.bool)
    for limit in (0, 1, 3):
        index, is_real = greedy_nms(BOXES[:count], SCORES[:count], nobody, 0.5, limit)
        assert index.shape == is_real.shape == (0,)
        if count and limit:
            index, is_real = nms_in_steps(BOXES[:count], SCORES[:count], nobody, 0.5, limit)
            assert index.tolist() == [0] * limit and is_real.tolist() == [False] * limit


@pytest.mark.parametrize(('count', 'limit'), [(0, 3), (4, 0), (4, 3)])
def test_off_the_cpu_there_is_padding_and_nothing_waits_for_values(count: int, limit: int) -> None:
    given = (part[:count].to('meta') for part in (BOXES, SCORES, ALL))
    index, is_real = greedy_nms(*given, 0.5, limit)
    assert index.shape == is_real.shape == (limit,)
    assert (index.dtype, is_real.dtype) == (torch.int64, torch.bool)


def test_a_negative_limit_is_an_error() -> None:
    with pytest.raises(ValueError, match='limit: expected 0 or more, got -1'):
        greedy_nms(BOXES, SCORES, ALL, 0.5, -1)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    max_overlap=st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.6, 0.7, 1.0]),
    limit=st.integers(0, 70),
)
def test_all_ways_equal_torchvision(seed: int, count: int, max_overlap: float, limit: int) -> None:
    case = on_grid(seed, count)
    said = expected(*case, max_overlap, limit)
    found = greedy_nms(*case, max_overlap, limit)
    kept = sum(said[1])
    assert found[0].tolist() == said[0][:kept] and found[1].tolist() == [True] * kept
    if count and limit:
        found = nms_in_steps(*case, float32_below(max_overlap), limit)
        assert (found[0].tolist(), found[1].tolist()) == said


@given(st.floats(-2, 2))
def test_float32_below_is_the_nearest_from_below(number: float) -> None:
    found = float32_below(number)
    assert found == np.float32(found) and found <= number
    assert float(np.nextafter(np.float32(found), np.float32(np.inf))) > number
