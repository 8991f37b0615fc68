# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy NMS of a fixed size against torchvision's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

from vis_ros.ops.nms import greedy_nms, nms_in_steps


def boxes_of(corners: list[list[int]]) -> torch.Tensor:
    boxes = torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)
    return torch.cat((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), dim=1)


numbers = st.lists(st.integers(0, 12), min_size=4, max_size=4)
cases = st.lists(st.tuples(numbers, st.integers(0, 4), st.booleans()), max_size=12)


@given(cases, st.sampled_from([0.1, 0.45, 0.9]), st.integers(1, 14))
def test_both_ways_are_torchvisions(
    case: list[tuple[list[int], int, bool]], most: float, limit: int
) -> None:
    boxes = boxes_of([[x, y, w + 1, h + 1] for (x, y, w, h), _, _ in case])
    scores = torch.tensor([score for _, score, _ in case], dtype=torch.float32)
    is_candidate = torch.tensor([chosen for _, _, chosen in case], dtype=torch.bool)
    place = torch.nonzero(is_candidate)[:, 0]
    expected = place[nms(boxes[place], scores[place], most)][:limit].tolist()

    kept, is_real = greedy_nms(boxes, scores, is_candidate, most, limit)
    assert kept[is_real].tolist() == expected
    assert len(kept) == len(expected)

    kept, is_real = nms_in_steps(boxes, scores, is_candidate, most, limit)
    assert kept.shape == is_real.shape == (limit,)
    assert kept[is_real].tolist() == expected
    assert is_real.tolist() == [n < len(expected) for n in range(limit)]
    assert kept[~is_real].tolist() == [0] * (limit - len(expected))


def test_nothing_waits_for_the_values() -> None:
    meta = torch.device('meta')  # its tensors have no values
    boxes, scores = torch.empty(9, 4, device=meta), torch.empty(9, device=meta)
    is_candidate = torch.empty(9, dtype=torch.bool, device=meta)
    kept, is_real = greedy_nms(boxes, scores, is_candidate, 0.5, 4)
    assert kept.shape == is_real.shape == (4,)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_equal_boxes_leave_the_first(dtype: torch.dtype) -> None:
    boxes = torch.tensor([[0, 0, 2, 2]] * 3, dtype=dtype)
    scores = torch.ones(3, dtype=dtype)
    is_candidate = torch.tensor([False, True, True])
    for way in (greedy_nms, nms_in_steps):
        kept, is_real = way(boxes, scores, is_candidate, 0.5, 2)
        assert kept[is_real].tolist() == [1]
