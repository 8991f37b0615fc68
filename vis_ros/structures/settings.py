# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NAME=VALUE as people write it on a command line."""

from collections.abc import Iterable
from typing import Any

from vis_ros.structures.yaml_text import load_yaml


def parse_settings(items: Iterable[str], what: str = '') -> dict[str, Any]:
    """Return the values of texts such as `memory.capacity=32`; values are YAML, the last counts.

    Args:
        items: The texts.
        what: What they are for, such as `--config`; errors begin with it.

    Raises:
        ValueError: A text is no NAME=VALUE, or its value is no YAML.
    """
    values: dict[str, Any] = {}
    for item in items:
        name, found, value = item.partition('=')
        where = f'{what} {item!r}'.lstrip()
        if not found or not name:
            raise ValueError(f'{where}: expected NAME=VALUE')
        values[name] = parse_yaml(value, where)
    return values


def parse_yaml(text: str, where: str) -> Any:
    """Return what a YAML text says.

    Raises:
        ValueError: It is no YAML; the text begins with `where`.
    """
    try:
        return load_yaml(text)
    except ValueError as error:
        raise ValueError(f'{where}: is no YAML: {error}') from error
