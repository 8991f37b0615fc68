# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros demo`: the main job as processes that only share topics, in two parts.

A player is the camera, the tracker node tracks, a listener shows what a planner sees. This process
starts them, records their topics into a bag, and makes the pictures and the summary of that bag.
The first part is on real footage, with a method that needs no weights. The second part is the
learned method on a synthetic camera, whose ground truth is known: it ends with a score.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import shtab
from rich.console import Console

from vis_ros.cli.common import DEFAULT_METHOD
from vis_ros.cli.demo_part import DemoPart, run_part
from vis_ros.cli.demo_report import make_report
from vis_ros.cli.demo_score import describe, score_bag

LEARNED_METHOD = 'rgnnvis_pp'
LEARNED_SOURCE = 'synth:easy,video=1,length=80'  # a held-out video, and how it goes on
_PICTURES = ('overlay.mp4', 'contact_sheet.png')


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'demo',
        help='camera, tracker and planner as three processes, on real and synthetic footage',
        description='Play a video as a camera, track it with the node, show the tracks; leaves a '
        'bag, overlay.mp4, contact_sheet.png and summary.json in OUT. Then the same with a '
        f'synthetic camera and the learned method {LEARNED_METHOD}, in OUT/learned, and its '
        'score. Exit code 0 only if tracks arrived.',
    )
    parser.add_argument(
        '--source', default='', help='footage (default: the street video of the repository)'
    ).complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument('--method', '-m', default=DEFAULT_METHOD, help='(%(default)s)')
    parser.add_argument(
        '--part',
        choices=('footage', 'learned', 'both'),
        help='what is run (default: both, or only the footage where --source is given)',
    )
    parser.add_argument(
        '--weights', default='', help='weights of the learned part (default: those that ship)'
    ).complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument(
        '--out', '-o', type=Path, default=Path('out/demo'), help='folder (%(default)s)'
    ).complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    parser.add_argument(
        '--host',
        default='dds',
        choices=('auto', 'rclpy', 'dds'),
        help='what carries the nodes (%(default)s: runs everywhere)',
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    console = Console(stderr=True)
    parts = _choose_parts(args, console)
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')  # stay on this machine
    args.out.mkdir(parents=True, exist_ok=True)
    for folder in (args.out, args.out / 'learned'):
        for name in (*_PICTURES, 'summary.json'):
            (folder / name).unlink(missing_ok=True)  # a failed demo must not show an earlier one's
    summary: dict[str, Any] = {}
    is_good = True
    for name, part in parts.items():
        is_part_good, report = _run(part, console)
        is_good &= is_part_good
        summary |= report if name == 'footage' else {name: report}
    (args.out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    console.print_json(json.dumps(summary))
    if 'score' in summary.get('learned', {}):
        line = describe(summary['learned']['score'])
        line = f'{LEARNED_METHOD} on {LEARNED_SOURCE}: {line}'
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f'demo {"succeeded" if is_good else "FAILED"}; see {args.out}')
    return 0 if is_good else 1


def _choose_parts(args: argparse.Namespace, console: Console) -> dict[str, DemoPart]:
    """Return what is to be run, in order."""
    wanted = args.part or ('footage' if args.source and not args.weights else 'both')
    if args.source and wanted == 'learned':
        raise ValueError('--source: is for the footage, which --part learned leaves out')
    if args.weights and wanted == 'footage':
        raise ValueError('--weights: are for the learned part, which --part footage leaves out')
    parts: dict[str, DemoPart] = {}
    if wanted != 'learned':
        parts['footage'] = _footage_part(args)
    if wanted != 'footage':
        learned = _learned_part(args)
        if learned is not None:
            parts['learned'] = learned
        elif wanted == 'learned':
            raise ValueError(f'--part: no weights of {LEARNED_METHOD} ship; give --weights')
        else:
            console.print(f'no weights of {LEARNED_METHOD} ship: the learned part is left out')
    return parts


def _footage_part(args: argparse.Namespace) -> DemoPart:
    from vis_ros.pipeline.build import find_method
    from vis_ros.resources import resource_path

    find_method(args.method)  # rather than a tracker that never gets ready
    source = args.source or str(resource_path('test', 'data', 'street.mp4'))
    return DemoPart(args.out, source, args.method, args.host, frame_id='street_camera')


def _learned_part(args: argparse.Namespace) -> DemoPart | None:
    """Return the part of the learned method, None without weights."""
    from vis_ros.evaluation.data_sets import match_classes
    from vis_ros.pipeline.build import build_method
    from vis_ros.pipeline.weights import shipped_for
    from vis_ros.synth.shapes import CLASSES

    if not args.weights and not shipped_for(LEARNED_METHOD):
        return None
    method = build_method(LEARNED_METHOD, weights=args.weights)  # for the reason of _footage_part
    match_classes(method.classes, dict(enumerate(CLASSES, 1)))
    return DemoPart(
        args.out / 'learned',
        LEARNED_SOURCE,
        LEARNED_METHOD,
        args.host,
        weights=args.weights,
        is_scored=True,
    )


def _run(part: DemoPart, console: Console) -> tuple[bool, dict[str, Any]]:
    """Run a part; return whether it went well, and its summary."""
    console.print(f'{part.method} on {Path(part.source).name}', highlight=False, soft_wrap=True)
    is_played, codes = run_part(part, console)
    report = make_report(part.out, codes)
    is_good = is_played and report['tracks'] > 0 and not any(codes.values())
    if part.is_scored and is_played:
        report |= {
            'method': part.method,
            'source': part.source,
            'score': score_bag(part.out / 'bag'),
        }
    return is_good, report
