# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CUDA graphs without CUDA: a recording reads and writes where it did, and nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from vis_ros.nn.cuda_graphs import Recording, copied, own_arguments


class Recorder:
    """Stands in for `cuda_graphs.record`.

    Attributes:
        made: Sizes of the first input of each recording.
        replays: How often any was replayed.
    """

    def __init__(self) -> None:
        self.made: list[tuple[int, ...]] = []
        self.replays = 0

    def __call__(self, function: Any, leaves: list[Any], form: Any) -> Recording:
        inputs, call = own_arguments(leaves, form)
        self.made.append(tuple(inputs[0].shape))
        outputs = copied(call(function))

        def replay() -> None:
            self.replays += 1
            fresh = tree_leaves(call(function))
            for place, value in zip(tree_leaves(outputs), fresh, strict=True):
                if isinstance(place, torch.Tensor):
                    place.copy_(value)

        return Recording(inputs, replay, outputs)
