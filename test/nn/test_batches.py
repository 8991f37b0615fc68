# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One image out of the maps of a batch."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from vis_ros.nn.batches import one_of


class Maps(NamedTuple):
    a: Tensor
    levels: tuple[Tensor, ...]


def test_no_maps() -> None:
    assert one_of((), 0) == ()


def test_every_map_is_that_of_the_image() -> None:
    maps = Maps(torch.arange(6).view(3, 2), (torch.arange(3), torch.zeros(3, 0)))
    found = one_of(maps, 1)
    assert isinstance(found, Maps)
    assert found.a.tolist() == [[2, 3]]
    assert found.levels[0].tolist() == [1]
    assert found.levels[1].shape == (1, 0)


def test_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match='got list'):
        one_of((torch.zeros(2), [1]), 0)
