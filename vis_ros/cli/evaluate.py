# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros evaluate`: how good results, or a method, are against ground truth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import shtab

from vis_ros.cli.evaluate_options import add_run_options, check_form
from vis_ros.cli.evaluate_tables import show_figures

_USAGE = """vis_ros evaluate GT RESULTS [options]
       vis_ros evaluate GT --images FOLDER --method NAME [options]
       vis_ros evaluate --replay BAG --method NAME [options]"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'evaluate',
        usage=_USAGE,
        help='compare results, or a method, with ground truth: video AP, IDF1, MOTA, HOTA',
        description='Compare results in the format of the YouTube-VIS and OVIS servers with '
        'ground truth; or run a method over the images of such a data set, or over a bag with '
        'ground truth, and compare what it gives. Video AP and AR are those of the official '
        'evaluators; IDF1, MOTA and switches those of motmetrics on the boxes of the masks at '
        'IoU 0.5; HOTA that of trackeval. -1 stands for a figure that is undefined.',
    )
    for name, metavar, text in (
        ('truth', 'GT', 'annotations: JSON in YouTube-VIS or OVIS form'),
        ('results', 'RESULTS', 'results: JSON in server form, or a zip archive with it'),
    ):
        argument = parser.add_argument(name, type=Path, metavar=metavar, help=text)
        # With nargs='?' both would be taken at once, so that no option could stand between them.
        argument.required = False
        argument.complete = shtab.FILE
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures there')
    parser.add_argument(
        '--html',
        type=Path,
        metavar='FILE',
        help='write a report there; with two modes that of the second is FILE-realtime',
    )
    parser.add_argument(
        '--images',
        type=Path,
        metavar='FOLDER',
        help="the data set's images, for the report; without RESULTS, to run a method over",
    ).complete = shtab.DIRECTORY
    parser.add_argument(
        '--score-threshold',
        type=float,
        default=0.5,
        metavar='S',
        help='lowest score of results that count for IDF1, MOTA and HOTA (%(default)s)',
    )
    parser.add_argument('--only-ap', action='store_true', help='video AP and AR alone')
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    form = check_form(args)
    try:
        import vis_ros.evaluation.evaluation  # noqa: F401  # it needs libraries that are extra
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: pip install 'vis_ros[evaluation]'") from error
    if form == 'results':
        return _compare(args)
    from vis_ros.cli.evaluate_run import run_method

    return run_method(args)


def _compare(args: argparse.Namespace) -> int:
    from vis_ros.evaluation.evaluation import evaluate
    from vis_ros.evaluation.results import read_results
    from vis_ros.evaluation.ytvis import read_annotations

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
    show_figures(evaluation)
    return 0
