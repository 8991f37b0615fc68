# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros parameters`: the parameter reference, from the dataclasses themselves."""

from __future__ import annotations

import argparse
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from vis_ros.structures.options import Option, options_of


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'parameters',
        help='print the parameter reference',
        description='Print the reference of all parameters of the node, of every method and of '
        'every recipe of `vis_ros train`, in Markdown. docs/parameters.md is this text.',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    import sys

    sys.stdout.write(reference())
    return 0


def reference() -> str:
    """Return the parameter reference in Markdown."""
    return '\n'.join(_lines()) + '\n'


def _lines() -> Iterator[str]:
    from vis_ros.methods import METHODS
    from vis_ros.ros.cameras import CameraParameters
    from vis_ros.ros.parameters import METHOD_PREFIX, NodeParameters

    yield '# Parameters'
    yield ''
    yield (
        'Written by `vis_ros parameters > docs/parameters.md`; a test compares the two. '
        'Parameters marked *run time* may change while the node is active; the others are fixed '
        'from `configure` to `cleanup`.'
    )
    yield from _section('The node', options_of(NodeParameters), '')
    yield from _section('Each of several cameras', options_of(CameraParameters), 'NAME.')
    for name, method in sorted(METHODS.items()):
        title = f'Method `{name}`'
        yield from _section(title, options_of(method.Config), METHOD_PREFIX)
    yield from _recipes()


def _recipes() -> Iterator[str]:
    """Yield the recipes, where this machine has what training needs."""
    try:
        from vis_ros.training.stages import STAGES
    except ModuleNotFoundError as error:
        yield ''
        yield f"For the recipes of `vis_ros train` ({error}): pip install 'vis_ros[training]'"
        return
    for name, stage in STAGES.items():
        yield from _section(f'Recipe of `vis_ros train {name}`', options_of(stage.Recipe), '')


def _section(title: str, options: Sequence[Option], prefix: str) -> Iterator[str]:
    yield ''
    yield f'## {title}'
    yield ''
    yield '| name | type | default | allowed | what |'
    yield '|---|---|---|---|---|'
    for option in options:
        doc = option.doc + (' *Run time.*' if option.mutable else '')
        yield (
            f'| `{prefix}{option.name}` | {_kind(option)} | {_value(option.default)}'
            f'{" " + option.unit if option.unit else ""} | {_allowed(option)} | {doc} |'
        )


def _kind(option: Option) -> str:
    if typing.get_origin(option.kind) is tuple:
        return f'{typing.get_args(option.kind)[0].__name__}[]'
    return str(option.kind.__name__)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.6g}'
    if isinstance(value, tuple):
        return '[' + ', '.join(map(_value, value)) + ']'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != '' else '(empty)'


def _allowed(option: Option) -> str:
    if option.choices:
        return ', '.join(str(choice) for choice in option.choices)
    if option.minimum is None and option.maximum is None:
        return ''
    low = '' if option.minimum is None else f'{option.minimum:g}'
    high = '' if option.maximum is None else f'{option.maximum:g}'
    return f'{low} to {high}'
