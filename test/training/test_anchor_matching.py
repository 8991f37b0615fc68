# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which anchor stands for which object."""

import torch

from vis_ros.nn.yolact.nms import pairwise_iou
from vis_ros.training.anchor_matching import NEGATIVE, NEUTRAL, match_anchors


def row(*centres: float, side: float = 4.0) -> torch.Tensor:
    """Return anchors (A, 4), squares side by side."""
    return torch.tensor([[centre, 2.0, side, side] for centre in centres])


def square(left: float, side: float = 4.0) -> list[float]:
    return [left, 0.0, left + side, side]


def match(anchors: torch.Tensor, boxes: list[list[float]], **options: float) -> list[int]:
    x = torch.tensor(boxes).reshape(1, -1, 4)
    return match_anchors(anchors, x, torch.ones(x.shape[:2]).bool(), **options)[0].tolist()


def test_no_object_at_all() -> None:
    owner = match_anchors(row(2.0, 6.0), torch.zeros(3, 0, 4), torch.zeros(3, 0).bool())
    assert owner.dtype == torch.int64
    assert owner.tolist() == [[NEGATIVE, NEGATIVE]] * 3


def test_padding_is_no_object() -> None:
    boxes = torch.tensor([[square(0.0), [0.0] * 4]])
    nothing = match_anchors(row(2.0, 6.0), boxes, torch.tensor([[False, False]]))
    assert nothing.tolist() == [[NEGATIVE, NEGATIVE]]
    one = match_anchors(row(2.0, 6.0), boxes, torch.tensor([[True, False]]))
    assert one.tolist() == [[0, NEGATIVE]]


def test_overlap_decides() -> None:
    # shifted by 0, 1 and 2 of 4: overlaps 1, 3/5 and 2/6; and 1.5 of 4: 2.5/5.5
    assert match(row(2.0, 3.0, 4.0, 3.5), [square(0.0)]) == [0, 0, NEGATIVE, NEUTRAL]
    strict = {'positive_overlap': 0.7, 'negative_overlap': 0.3}
    assert match(row(2.0, 3.0, 4.0, 3.5), [square(0.0)], **strict) == [
        0,
        NEUTRAL,
        NEUTRAL,
        NEUTRAL,
    ]


def test_an_anchor_takes_the_object_that_it_overlaps_most() -> None:
    assert match(row(2.0, 3.0), [square(0.0), square(1.0)]) == [0, 1]
    assert match(row(2.0, 3.0), [square(1.0), square(0.0)]) == [1, 0]


def test_every_object_claims_an_anchor() -> None:
    tiny = [0.0, 0.0, 1.0, 1.0]
    assert match(row(2.0, 6.0), [tiny]) == [0, NEGATIVE]


def test_an_object_that_no_anchor_overlaps_claims_none() -> None:
    assert match(row(2.0, 6.0), [square(100.0)]) == [NEGATIVE, NEGATIVE]


def test_who_loses_an_anchor_takes_the_next_one() -> None:
    # both like the first anchor best; the second box overlaps it more
    assert match(row(2.0, 5.0), [square(0.6), square(0.2)]) == [1, 0]
    assert match(row(2.0, 5.0), [square(0.2), square(0.6)]) == [0, 1]


def test_equal_boxes_get_an_anchor_each() -> None:
    owner = match(row(2.0, 3.0, 4.0, 40.0), [square(0.0)] * 3)
    assert sorted(owner[:3]) == [0, 1, 2]
    assert owner[3] == NEGATIVE


def greedy(anchors: torch.Tensor, boxes: torch.Tensor, real: torch.Tensor) -> list[int]:
    """Return what the published code does with one image, object by object."""
    corners = torch.cat(
        (anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2), 1
    )
    overlap = pairwise_iou(boxes[real], corners)
    best, owner = overlap.max(dim=0)
    names = torch.nonzero(real)[:, 0]
    result = [
        int(names[j]) if v >= 0.5 else NEGATIVE if v < 0.4 else NEUTRAL
        for v, j in zip(best.tolist(), owner.tolist(), strict=True)
    ]
    for _ in range(len(names)):
        j, a = divmod(int(overlap.argmax()), overlap.shape[1])
        if overlap[j, a] <= 0:
            break
        result[a] = int(names[j])
        overlap[j], overlap[:, a] = -1, -1
    return result


def test_same_as_object_by_object() -> None:
    generator = torch.Generator().manual_seed(0)
    for seed in range(40):
        centres = torch.rand(30, 2, generator=generator)
        anchors = torch.cat((centres, 0.2 + 0.3 * torch.rand(30, 2, generator=generator)), dim=1)
        corner = torch.rand(4, 8, 2, generator=generator) * 0.5
        spread = 0.05 if seed % 2 else 0.5  # crowded: many like the same anchors best
        corner = 0.3 + (corner - 0.3) * spread
        size = 0.2 + 0.2 * torch.rand(4, 8, 2, generator=generator)
        boxes = torch.cat((corner, corner + size), dim=2)
        real = torch.rand(4, 8, generator=generator) < 0.8
        real[:, 0] = True
        found = match_anchors(anchors, boxes, real)
        for b in range(4):
            assert found[b].tolist() == greedy(anchors, boxes[b], real[b])
