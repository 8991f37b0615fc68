# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of parameters that need more than one value: the method, the state, the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters
from vis_ros.structures.options import options_of

_NAMED = 20  # classes that a refusal names


def check_mutable(names: Iterable[str], method_config: type) -> None:
    """Check that parameters may change while the node is configured.

    Args:
        names: Parameters of the node or, with their prefix, of the method.
        method_config: Class of the method's options.

    Raises:
        ValueError: One of them is fixed from `configure` to `cleanup`.
    """
    is_mutable = {option.name: option.mutable for option in options_of(NodeParameters)}
    for option in options_of(method_config):
        is_mutable[METHOD_PREFIX + option.name] = option.mutable
    for name in names:
        if not is_mutable.get(name, True):
            raise ValueError(
                f'{name}: cannot change while the node is configured; run the transitions '
                'deactivate and cleanup first'
            )


def class_ids(names: tuple[str, ...], classes: tuple[str, ...]) -> frozenset[int] | None:
    """Return the ids of classes by name; None for no names, which means all.

    Raises:
        ValueError: The method does not know a class.
    """
    if unknown := sorted(set(names) - set(classes)):
        shown = ', '.join(classes[:_NAMED]) + (', ...' if len(classes) > _NAMED else '')
        raise ValueError(f'class_filter: unknown classes {unknown}; known: {shown}')
    return frozenset(classes.index(name) for name in names) if names else None


def check_memory_file(text: str) -> None:
    """Check that the track memory can be kept in a file; an empty text is no file.

    Raises:
        ValueError: The path is relative, is a folder, or lies in a folder that is not there.
    """
    if not text:
        return
    path = Path(text)
    if not path.is_absolute():
        raise ValueError(f'memory_file: expected an absolute path, got {text!r}')
    if not path.parent.is_dir():
        raise ValueError(f'memory_file: make the folder {path.parent} first; got {text!r}')
    if path.is_dir():
        raise ValueError(f'memory_file: expected a file, got the folder {text!r}')
