# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images that go through a network together, and one image out of the maps of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from vis_ros.structures.batch import by_size

T = TypeVar('T')


def in_batches(images: Sequence[Tensor], work: Callable[[Tensor], Any]) -> list[Any]:
    """Return the maps of each image, those of images of one size made together.

    Args:
        images: Tensors (1, ...).
        work: Returns the maps of a batch (B, ...), see `one_of`.
    """
    found: list[Any] = [None] * len(images)
    for indices in by_size([image.shape for image in images]):
        maps = work(torch.cat([images[index] for index in indices]))
        for place, index in enumerate(indices):
            found[index] = one_of(maps, place)
    return found


def one_of(maps: T, index: int) -> T:
    """Return the maps of one image, as a batch of one.

    Args:
        maps: Tensor (B, ...), or a tuple, named tuple or dict of such, nested as it likes.
        index: Which image, 0 to B - 1.

    Raises:
        TypeError: Something inside is none of these.
    """
    found: Any
    if isinstance(maps, Tensor):
        found = maps[index : index + 1]
    elif isinstance(maps, tuple):
        parts = [one_of(part, index) for part in maps]
        found = type(maps)(*parts) if hasattr(maps, '_fields') else tuple(parts)
    elif isinstance(maps, dict):
        found = {name: one_of(part, index) for name, part in maps.items()}
    else:
        raise TypeError(f'expected tensors, or tuples or dicts of them, got {type(maps).__name__}')
    return found  # type: ignore[no-any-return]
