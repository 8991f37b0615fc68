# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames that support each other: which, how many are kept, and in a snapshot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vis_ros.nn.maskprop.perception import Look
from vis_ros.nn.maskprop.support import Glimpse, Supports, from_tensors, to_tensors
from vis_ros.nn.picture import Placement

CPU = torch.device('cpu')
PLACE = Placement((20, 30), (20, 30), (32, 32))
TURNED = Placement((30, 20), (30, 20), (32, 32))


def glimpse(k: int, place: Placement = PLACE) -> Glimpse:
    """Return frame k, whose features are k."""
    taps = {name: torch.full((1, 2, 1, 1), float(k)) for name in '0123'}
    return Glimpse(
        k, f'camera{k}', Look(place, torch.full((20, 30, 3), k, dtype=torch.uint8), taps)
    )


def values(supports: dict[str, Tensor] | None) -> list[int]:
    if supports is None:
        return []
    assert set(supports) == {'3'} and supports['3'].shape[0] == 1
    return [int(each) for each in supports['3'][0, :, 0, 0, 0]]


def taken(past: int, ahead: int, frames: list[Glimpse]) -> list[tuple[int, list[int]]]:
    """Return each frame with those that supported it, and check what is kept meanwhile."""
    kept, found = Supports(past, ahead, ('3',)), []
    for each in frames:
        kept.push(each)
        assert len(kept.frames) <= past + ahead + 1
        if kept.is_ready:
            frame, supports = kept.take()
            found.append((frame.stamp_ns, values(supports)))
        assert kept.pending <= ahead
    while kept.pending:
        frame, supports = kept.take()
        found.append((frame.stamp_ns, values(supports)))
    for other in kept.frames.values():  # no pixels, and only the stage that supports
        assert other.look.picture.numel() == 0 and set(other.look.taps) == {'3'}
    return found


def test_an_empty_stream_has_nothing_pending() -> None:
    kept = Supports(2, 1, ('3',))
    assert kept.pending == 0 and not kept.is_ready
    assert taken(2, 1, []) == []


def test_frames_before_and_after_support() -> None:
    frames = [glimpse(k) for k in range(5)]
    assert taken(0, 0, frames) == [(k, []) for k in range(5)]
    assert taken(2, 0, frames) == [(0, []), (1, [0]), (2, [1, 0]), (3, [2, 1]), (4, [3, 2])]
    assert taken(1, 2, frames) == [
        (0, [1, 2]),
        (1, [0, 2, 3]),
        (2, [1, 3, 4]),
        (3, [2, 4]),
        (4, [3]),
    ]


def test_frames_of_another_size_support_nothing() -> None:
    places = [PLACE, PLACE, TURNED, PLACE, PLACE]
    frames = [glimpse(k, place) for k, place in enumerate(places)]
    found = taken(3, 3, frames)
    assert found == [(0, [1]), (1, [0]), (2, []), (3, [4]), (4, [3])]


def test_a_snapshot_goes_on_where_it_was() -> None:
    kept, other = Supports(2, 2, ('3',)), Supports(2, 2, ('3',))
    for k in range(7):
        kept.push(glimpse(k))
        if kept.is_ready:
            kept.take()
    tensors = {name: value.clone() for name, value in to_tensors(kept).items()}
    names = [each.frame_id for each in kept.frames.values()]
    from_tensors(tensors, names, other, CPU)
    assert (other.newest, other.due, list(other.frames)) == (6, 5, [2, 3, 4, 5, 6])
    for each in (kept, other):
        each.push(glimpse(7))
    (one, own), (two, others) = kept.take(), other.take()
    assert values(own) == values(others) == [4, 3, 6, 7]
    assert torch.equal(one.look.picture, two.look.picture) and set(two.look.taps) == set('0123')
    assert one.is_owed and not two.is_owed
    for name in tensors:
        rest = {key: value for key, value in tensors.items() if key != name}
        with pytest.raises(ValueError, match='missing'):
            from_tensors(rest, names, Supports(2, 2, ('3',)), CPU)
    with pytest.raises(ValueError, match='unexpected'):
        extra = {**tensors, 'more': torch.zeros(1)}
        from_tensors(extra, names, Supports(2, 2, ('3',)), CPU)
    with pytest.raises(ValueError, match=r'zip\(\)'):
        from_tensors(tensors, names[1:], Supports(2, 2, ('3',)), CPU)
