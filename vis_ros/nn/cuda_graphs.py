# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CUDA graphs: a network is recorded once for each size, and later started with one launch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

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
            theirs alone. It neither waits for the GPU nor looks at values. Whatever else it takes,
            numbers or frozen options, is hashable: each value has a recording of its own.
        limit: Recordings that are kept, the latest used ones.
    """

    def __init__(self, function: Callable[..., Any], limit: int = LIMIT) -> None:
        self._function = function
        self._limit = limit
        self._known: OrderedDict[Hashable, Recording] = OrderedDict()

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return what the function gives."""
        leaves, form = tree_flatten((args, options))
        given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        key = (str(form), *map(_kind, leaves), *_mode(given[0].device))
        if key not in self._known:
            self._known[key] = record(self._function, leaves, form)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        known = self._known[key]
        _copy(given, known.inputs)
        known.replay()
        return copied(known.outputs)


def copied(nested: Any) -> Any:
    """Return what a function gave with copies of its tensors."""
    leaves, form = tree_flatten(nested)
    values = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    places = [torch.empty_like(value) for value in values]
    _copy(values, places)
    own = iter(places)
    return tree_unflatten([next(own) if isinstance(x, Tensor) else x for x in leaves], form)


def _kind(leaf: Any) -> Hashable:
    """Return what makes a recording fit for an argument."""
    return (leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf


def _copy(values: Sequence[Tensor], places: Sequence[Tensor]) -> None:
    """Copy tensors, those of a type together: a memory has dozens of small ones."""
    for dtype in {value.dtype for value in values}:
        pairs = [(p, v) for p, v in zip(places, values, strict=True) if v.dtype == dtype]
        torch._foreach_copy_([place for place, _ in pairs], [value for _, value in pairs])


def _mode(device: torch.device) -> tuple[Hashable, ...]:
    """Return what else decides which kernels run."""
    return (
        torch.is_autocast_enabled(device.type),
        torch.get_autocast_dtype(device.type),
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
    )


def own_arguments(leaves: list[Any], form: Any) -> tuple[list[Tensor], Callable[..., Any]]:
    """Return copies of the tensors among flattened arguments, and what calls with them.

    Args:
        leaves: Flattened positional and named arguments.
        form: How they are nested.
    """
    own = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    args, options = tree_unflatten(own, form)
    inputs = [leaf for leaf in own if isinstance(leaf, Tensor)]
    return inputs, lambda function: function(*args, **options)


def record(function: Callable[..., Any], leaves: list[Any], form: Any) -> Recording:
    """Record a function for arguments like those given; see `own_arguments`."""
    inputs, call = own_arguments(leaves, form)
    device = inputs[0].device
    is_mixed, low = torch.is_autocast_enabled(device.type), torch.get_autocast_dtype(device.type)
    # parameters in low precision that are kept for later calls would be gone by then
    with torch.autocast(device.type, low, enabled=is_mixed, cache_enabled=False):
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                call(function)
        torch.cuda.current_stream(device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # another thread may be bringing up the next frame, see `Method.prepare`
        with torch.cuda.graph(graph, capture_error_mode='thread_local'):
            outputs = call(function)
    return Recording(inputs, graph.replay, outputs)
