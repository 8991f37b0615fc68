# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""YAML that people wrote, read within limits: nothing in it may take the program's time or stack.

Anchors and aliases are refused, as ROS 2's own parameter parser does: ten short lines of them can
stand for a billion values, or for a value that contains itself.
"""

from __future__ import annotations

from typing import Any

import yaml

_DEEPEST = 40  # maps and lists inside each other
_LONGEST = 1 << 20  # characters


class LimitedLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` without aliases, and with a limit to how deep values lie."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node; see `yaml.composer.Composer`."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem='aliases are not supported', problem_mark=mark)
        if self._depth > _DEEPEST:
            mark = self.peek_event().start_mark
            problem = f'more than {_DEEPEST} maps and lists inside each other'
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def load_yaml(text: str, loader: type[LimitedLoader] = LimitedLoader) -> Any:
    """Return what a YAML text says.

    Raises:
        ValueError: It is no YAML, has aliases, or is too long or too deep; one line of text.
    """
    if len(text) > _LONGEST:
        raise ValueError(f'expected at most {_LONGEST} characters, got {len(text)}')
    try:
        return yaml.load(text, loader)  # noqa: S506 (a SafeLoader)
    except Exception as error:  # tags such as `!!bool x` make PyYAML raise anything
        reason = ' '.join(str(error).split())
        kind = '' if isinstance(error, yaml.YAMLError) else f'{type(error).__name__}: '
        raise ValueError(f'{kind}{reason}') from error
