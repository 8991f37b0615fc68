# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Entry point of the command `vis_ros`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import shtab

import vis_ros
from vis_ros.cli.common import split_ros_arguments
from vis_ros.ros.signals import end_quietly

_COMMANDS = (
    'node',
    'replay',
    'evaluate',
    'train',
    'play',
    'listen',
    'convert',
    'methods',
    'parameters',
    'weights',
    'demo',
    'synth',
)

_INTERRUPTED = 130  # what shells say of a program that SIGINT ended


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog='vis_ros',
        description='Online video instance segmentation for robots: detect, segment and track.',
        epilog='Each command has its own --help. Shell completion: '
        'vis_ros --print-completion bash > ~/.local/share/bash-completion/completions/vis_ros',
    )
    parser.add_argument('--version', action='version', version=f'vis_ros {vis_ros.__version__}')
    shtab.add_argument_to(parser, ['--print-completion'])
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name in _COMMANDS:
        importlib.import_module(f'vis_ros.cli.{name}').add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Command line without the program's name; that of the process by default.

    Returns:
        0, 1 when the job failed, 2 when an argument is not right, 130 after SIGINT.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ['node']:
        end_quietly()  # before all that takes time
    own, ros = split_ros_arguments(given)
    try:
        args = build_parser().parse_args(own)
        args.ros_arguments = ros
        return int(args.run(args))
    except (ValueError, OSError) as error:
        sys.stderr.write(f'vis_ros {" ".join(own[:1])}: {error}\n')
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
