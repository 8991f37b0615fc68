# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros methods`: the table of methods."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'methods',
        help='list the methods and the detectors',
        description='List all methods with their inputs, weights, lag and licence, and the '
        'detectors that detect-and-associate methods take.',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from vis_ros.detectors import DETECTORS
    from vis_ros.methods import METHODS
    from vis_ros.pipeline.weights import shipped_for

    methods = Table(
        'method', 'what', 'inputs', 'weights', 'lag', 'licence', 'source', show_lines=True
    )
    for name, method in sorted(METHODS.items()):
        weights = 'none by default'
        if method.needs_weights(method.Config()):
            weights = shipped_for(name) or 'needed'
        methods.add_row(
            name,
            method.summary,
            method.inputs,
            weights,
            str(method.lag),
            method.licence,
            method.source,
        )
    detectors = Table('detector', 'what', 'weights', 'licence')
    for name, detector in sorted(DETECTORS.items()):
        weights = 'needed' if detector.needs_weights else 'none'
        detectors.add_row(name, detector.summary, weights, detector.licence)
    console = Console()
    if not console.is_terminal:  # for a file or a pipe, a width that needs no folding
        console = Console(width=200)
    console.print(methods)
    console.print(detectors)
    return 0
