# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros evaluate`: how good the results of a data set are."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import shtab
from rich.console import Console
from rich.table import Table

_ROWS = (
    ('video AP', ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl')),
    ('by occlusion', ('APso', 'APmo', 'APho')),
    ('video AR', ('AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl')),
    ('identity', ('IDF1', 'IDP', 'IDR', 'switches', 'fragmentations')),
    ('boxes', ('MOTA', 'misses', 'false_positives', 'mostly_tracked', 'mostly_lost')),
    ('HOTA', ('HOTA', 'DetA', 'AssA', 'LocA')),
)


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'evaluate',
        help='compare results with ground truth: video AP, IDF1, MOTA, HOTA',
        description='Compare results in the format of the YouTube-VIS and OVIS servers with '
        'ground truth. Video AP and AR are those of the official evaluators; IDF1, MOTA and '
        'switches those of motmetrics on the boxes of the masks at IoU 0.5; HOTA that of '
        'trackeval. -1 stands for a figure that is undefined.',
    )
    for name, text in (
        ('truth', 'annotations: JSON in YouTube-VIS or OVIS form'),
        ('results', 'results: JSON in server form, or a zip archive with it'),
    ):
        argument = parser.add_argument(name, type=Path, metavar=name.upper(), help=text)
        argument.complete = shtab.FILE
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures there')
    parser.add_argument('--html', type=Path, metavar='FILE', help='write a report there')
    parser.add_argument(
        '--images', type=Path, metavar='FOLDER', help="the data set's images, for the report"
    ).complete = shtab.DIRECTORY
    parser.add_argument(
        '--score-threshold',
        type=float,
        default=0.5,
        metavar='S',
        help='lowest score of results that count for IDF1, MOTA and HOTA (%(default)s)',
    )
    parser.add_argument('--only-ap', action='store_true', help='video AP and AR alone')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    try:
        from vis_ros.evaluation.evaluation import evaluate
        from vis_ros.evaluation.results import read_results
        from vis_ros.evaluation.ytvis import read_annotations
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: pip install 'vis_ros[evaluation]'") from error
    if args.images is not None and args.html is None:
        raise ValueError('--images: only the report of --html shows images')
    annotations = read_annotations(args.truth)
    results = read_results(args.results, annotations)
    evaluation = evaluate(
        annotations,
        results,
        with_tracking=not args.only_ap,
        score_threshold=args.score_threshold,
    )
    if args.json is not None:
        args.json.write_text(json.dumps(evaluation.to_json(), indent=2) + '\n')
    if args.html is not None:
        from vis_ros.evaluation.report import write_report

        title = f'{args.results.name} against {args.truth.name}'
        write_report(args.html, evaluation, title=title, images=args.images)
    _show(evaluation)
    return 0


def _show(evaluation: Any) -> None:
    """Show the figures as a table."""
    figures = evaluation.figures()
    table = Table(title=f'{len(evaluation.annotations.videos)} videos', show_header=False)
    for title, names in _ROWS:
        cells = [f'{name} [bold]{_text(figures[name])}[/]' for name in names if name in figures]
        if cells:
            table.add_row(title, *cells)
    console = Console()
    if not console.is_terminal:  # for a file or a pipe, a width that needs no folding
        console = Console(width=200)
    console.print(table)
    if dropped := evaluation.dropped():
        console.print(f'{dropped} results are of categories that the ground truth does not list')


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else '-1' if value == -1 else f'{value:.4f}'
