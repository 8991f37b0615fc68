# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of other people's files under our names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

Rule = tuple[str, str]
"""A regular expression for a whole name, and what to make of it; see `renamed`."""


def renamed(tensors: Mapping[str, Tensor], rules: Sequence[Rule]) -> dict[str, Tensor]:
    """Return tensors under new names; the first rule whose expression fits a whole name counts.

    A name that no rule fits stays as it is, so that a strict check can report it.

    Raises:
        ValueError: Two tensors would get the same name.
    """
    result: dict[str, Tensor] = {}
    for name, value in tensors.items():
        new = rename(name, rules)
        if new in result:
            raise ValueError(f'two tensors for {new}, one of them {name}')
        result[new] = value
    return result


def rename(name: str, rules: Iterable[Rule]) -> str:
    """Return the new name of one tensor."""
    for pattern, replacement in rules:
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name
