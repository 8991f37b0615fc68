# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of instances comes back; padding comes to nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from visstg_world import PLACES, SIZE, image, network

from vis_ros.nn.condinst.masks import CONTROLLERS
from vis_ros.nn.picture import Placement
from vis_ros.nn.visstg import VisstgSelection
from vis_ros.nn.visstg.instances import (
    Instances,
    Known,
    instances_of,
    past_of,
    scene_with,
    unborn,
    view_of,
)
from vis_ros.nn.visstg.selection import pixel_owners
from vis_ros.ops.nms import nms_in_steps

WHOLE = Placement(SIZE, SIZE, SIZE)


def known(points: list[tuple[float, float]], real: list[int], lost: list[int]) -> Known:
    """Return tracks on the finest level; the mask network of track m is m + 1 all over."""
    count = len(points)
    parts = {
        name: value.expand(count, *value.shape)
        for name, value in unborn(network())._asdict().items()
    }
    kernels = torch.arange(1.0, count + 1)[:, None].expand(count, CONTROLLERS)
    kept = Instances(**{**parts, 'point': torch.tensor(points), 'kernels': kernels})
    is_real, is_lost = torch.tensor(real) > 0, torch.tensor(lost) > 0
    return Known(torch.arange(count), is_real, is_lost, kept)


def nothing() -> Known:
    every = torch.zeros(0, dtype=torch.bool)
    parts = (value.expand(0, *value.shape) for value in unborn(network()))
    return Known(every.long(), every, every, Instances(*parts))


def test_lost_ones_come_back_into_the_last_frame() -> None:
    model = network()
    view = view_of(model, model.look(image()), nothing(), None, WHOLE, VisstgSelection())
    before = view.output.scene()
    here, there = (44.0, 20.0), (150.0, 90.0)  # places 45 and 238
    tracks = known(
        [here, here, there, there, (0.0, 0.0), (0.0, 0.0)],
        real=[1, 1, 1, 0, 0, 1],
        lost=[1, 0, 1, 0, 0, 1],
    )
    after = scene_with(before, tracks, view).controllers[0]
    want = before.controllers[0].clone()
    want[238], want[0] = 3.0, 6.0  # the first lies where another was seen
    assert torch.equal(after, want)
    assert len(after) == PLACES


def test_padding_is_no_past() -> None:
    assert past_of(nothing(), WHOLE) is None
    past = past_of(known([(0.0, 0.0)] * 2, [1, 0], [0, 0]), WHOLE)
    assert past is not None and past.is_real.tolist() == [[True, False]]


def test_what_is_kept_of_padding_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model, config = network(), VisstgSelection(min_score=0.999, limit=3)
    monkeypatch.setattr('vis_ros.nn.visstg.selection.greedy_nms', nms_in_steps)
    view = view_of(model, model.look(image()), nothing(), None, WHOLE, config)
    assert view.found.is_real.tolist() == [False] * 3
    assert [len(part) for part in instances_of(model, view)] == [3] * len(Instances._fields)


@pytest.mark.parametrize('is_padded', [False, True])
def test_padding_owns_no_pixel(is_padded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def every(is_real: Tensor) -> Tensor:
        return torch.arange(len(is_real))

    if is_padded:
        monkeypatch.setattr('vis_ros.nn.condinst.masks.rows_to_do', every)
    masks = torch.stack([torch.full((24, 40), share) for share in (1.0, 0.7, 0.9)])
    assert (pixel_owners(masks, torch.tensor([-1, 4, -1]), WHOLE) == 5).all()
    assert not pixel_owners(masks, torch.full((3,), -1), WHOLE).any()
