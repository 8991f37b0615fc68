# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CUDA graphs: a network is recorded once for each size, and later started with one launch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

_WARM_UP = 3  # runs before a recording, in which libraries choose their kernels
LIMIT = 16  # recordings that are kept; each holds the memory of all its steps


class Recording(NamedTuple):
    """A call that can be done again.

    Args:
        inputs: Where it reads.
        replay: Does it again.
        outputs: Where it writes.
    """

    inputs: list[Tensor]
    replay: Callable[[], None]
    outputs: Any


class RecordedCalls:
    """A function of tensors that is recorded for each size, type and precision it is called with.

    Results are copies: those of one call stay as they are when the next comes.

    Args:
        function: Takes tensors on one GPU, in any nesting, and gives tensors whose sizes depend on
            theirs alone. It neither waits for the GPU nor looks at values.
        limit: Recordings that are kept, the latest used ones.
    """

    def __init__(self, function: Callable[..., Any], limit: int = LIMIT) -> None:
        self._function = function
        self._limit = limit
        self._known: OrderedDict[Hashable, Recording] = OrderedDict()

    def __call__(self, *args: Any) -> Any:
        """Return what the function gives."""
        given, form = tree_flatten(args)
        key = (str(form), *((tuple(x.shape), x.dtype) for x in given), *_mode(given[0].device))
        if key not in self._known:
            self._known[key] = record(self._function, given, form)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        known = self._known[key]
        for place, value in zip(known.inputs, given, strict=True):
            place.copy_(value)
        known.replay()
        return tree_map(torch.clone, known.outputs)


def _mode(device: torch.device) -> tuple[Hashable, ...]:
    """Return what else decides which kernels run."""
    return (
        torch.is_autocast_enabled(device.type),
        torch.get_autocast_dtype(device.type),
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
    )


def record(function: Callable[..., Any], given: list[Tensor], form: Any) -> Recording:
    """Record a function for tensors like those given."""
    inputs = [value.clone() for value in given]
    device = inputs[0].device
    args = tree_unflatten(inputs, form)
    is_mixed, low = torch.is_autocast_enabled(device.type), torch.get_autocast_dtype(device.type)
    # parameters in low precision that are kept for later calls would be gone by then
    with torch.autocast(device.type, low, enabled=is_mixed, cache_enabled=False):
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                function(*args)
        torch.cuda.current_stream(device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = function(*args)
    return Recording(inputs, graph.replay, outputs)
