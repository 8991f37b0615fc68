# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One image out of the maps of a batch."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor

T = TypeVar('T')


def one_of(maps: T, index: int) -> T:
    """Return the maps of one image, as a batch of one.

    Args:
        maps: Tensor (B, ...), or a tuple or named tuple of such, nested as it likes.
        index: Which image, 0 to B - 1.

    Raises:
        TypeError: Something inside is neither a tensor nor a tuple.
    """
    found: Any
    if isinstance(maps, Tensor):
        found = maps[index : index + 1]
    elif isinstance(maps, tuple):
        parts = [one_of(part, index) for part in maps]
        found = type(maps)(*parts) if hasattr(maps, '_fields') else tuple(parts)
    else:
        raise TypeError(f'expected tensors and tuples of them, got {type(maps).__name__}')
    return found  # type: ignore[no-any-return]
