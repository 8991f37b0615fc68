# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trained parameters on their way from a file into a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

_SEED = 0  # of random parameters
_SHOWN = 8  # names listed in an error before the rest is only counted


@dataclass(frozen=True)
class LoadedWeights:
    """Parameters by name, and where they came from.

    Args:
        tensors: State dict. Empty for parameters that shall stay random.
        source: Path or name, for messages.
        meta: What the file says about itself: method, config, classes, preprocessing.
        is_random: The user asked for random parameters (tests and benchmarks).
    """

    tensors: Mapping[str, Tensor]
    source: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    is_random: bool = False


@contextmanager
def repeatable() -> Iterator[None]:
    """Let networks that are built meanwhile have the same random parameters each time.

    Nobody else's random numbers change.
    """
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(_SEED)  # torch.manual_seed would touch CUDA's too
        yield


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors of a part of a network, whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def add_to_digest(digest: Any, tensors: Mapping[str, Tensor]) -> None:
    """Let a digest of `hashlib` depend on tensors: on their names and values, in their order."""
    for name, value in tensors.items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)


def load_strictly(module: nn.Module, weights: LoadedWeights) -> None:
    """Put weights into a network; every parameter and buffer must be there, and nothing else.

    Raises:
        ValueError: Names or shapes differ; the text lists them.
    """
    if weights.is_random:
        return
    own = module.state_dict()
    given = weights.tensors
    problems = [
        _listed('missing', sorted(set(own) - set(given))),
        _listed('unexpected', sorted(set(given) - set(own))),
        _listed(
            'of another shape',
            [
                f'{name} (expected {tuple(own[name].shape)}, got {tuple(given[name].shape)})'
                for name in sorted(set(own) & set(given))
                if own[name].shape != given[name].shape
            ],
        ),
    ]
    if found := [problem for problem in problems if problem]:
        raise ValueError(
            f'{weights.source} does not fit {type(module).__name__}: {"; ".join(found)}'
        )
    module.load_state_dict(dict(given))


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ''
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return f'{len(names)} {what}: {", ".join(names[:_SHOWN])}{more}'
