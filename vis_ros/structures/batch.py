# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of several cameras that are taken together: what goes wrong with one, and with all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec('P')
T = TypeVar('T')


class BatchError(Exception):
    """A batch could not be taken as a whole; no state has changed.

    Its members can still be taken one by one: the memory may suffice for one, or only one of them
    may be at fault. The cause says what happened.
    """


@contextmanager
def as_a_whole(count: int) -> Iterator[None]:
    """Turn whatever is raised inside into a `BatchError`; nothing inside may change a state.

    Args:
        count: Members of the batch.
    """
    try:
        yield
    except Exception as error:  # whatever a network raises
        raise BatchError(f'a batch of {count} could not be taken: {error!r}') from error


def attempt(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """Return what a call returns, or the exception that it raises."""
    try:
        return call(*args, **kwargs)
    except Exception as error:  # handed on to the camera that it belongs to
        return error


def by_size(sizes: Sequence[Hashable]) -> list[list[int]]:
    """Return the indices of equal sizes together, each index once, in order of the first ones."""
    groups: dict[Hashable, list[int]] = {}
    for index, size in enumerate(sizes):
        groups.setdefault(size, []).append(index)
    return list(groups.values())
