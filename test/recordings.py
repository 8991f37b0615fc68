# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CUDA graphs without CUDA: a recording reads and writes where it did, and nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_unflatten

from vis_ros.nn.cuda_graphs import Recording


class Recorder:
    """Stands in for `cuda_graphs.record`.

    Attributes:
        made: Sizes of the first input of each recording.
        replays: How often any was replayed.
    """

    def __init__(self) -> None:
        self.made: list[tuple[int, ...]] = []
        self.replays = 0

    def __call__(self, function: Any, given: list[torch.Tensor], form: Any) -> Recording:
        self.made.append(tuple(given[0].shape))
        inputs = [torch.full_like(value, 7) for value in given]
        args = tree_unflatten(inputs, form)
        outputs = function(*args)

        def replay() -> None:
            self.replays += 1
            fresh = tree_leaves(function(*args))
            for place, value in zip(tree_leaves(outputs), fresh, strict=True):
                place.copy_(value)

        return Recording(inputs, replay, outputs)
