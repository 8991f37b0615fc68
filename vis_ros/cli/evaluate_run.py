# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros evaluate`: runs a method over bags or a data set, and scores what it gave."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from vis_ros.cli.common import method_config
from vis_ros.cli.evaluate_tables import show_modes
from vis_ros.evaluation.bag_runs import BagTask, MethodChoice, TruthChoice, find_bags
from vis_ros.evaluation.bag_truth import TRUTH_TOPIC
from vis_ros.evaluation.bag_workers import Workers
from vis_ros.evaluation.data_sets import join
from vis_ros.evaluation.evaluation import Evaluation, evaluate
from vis_ros.evaluation.many_bags import run_bags
from vis_ros.evaluation.method_runs import MODES, Pace, RunCounts
from vis_ros.evaluation.ray_workers import RayWorkers, check_ray
from vis_ros.evaluation.report import write_report
from vis_ros.evaluation.results import write_results
from vis_ros.evaluation.run_store import RunStore
from vis_ros.evaluation.video_runs import (
    RunOptions,
    VideoImages,
    VideoRuns,
    run_data_set_video,
)
from vis_ros.evaluation.ytvis import Annotations, read_annotations
from vis_ros.media.source import DEFAULT_FPS

_TITLES = {'frames': 'frame by frame', 'realtime': 'at full rate'}
_MAX_PROBLEMS = 20  # lines about damage that are shown


def run_method(args: argparse.Namespace) -> int:
    """Run the forms --replay BAG and GT --images FOLDER."""
    console = Console(stderr=True)
    options = _run_options(args)
    _check_outputs(args, options)
    method = MethodChoice(
        args.method, args.weights, args.device, json.dumps(method_config(args), default=str)
    )
    method.describe()  # raises for an unknown name or option, before anything long
    if args.replay is not None:
        names, runs = _run_bags(args, method, options, console)
    else:
        names, runs = _run_data_set(args, method, options, console)
    evaluations = {mode: _evaluate(runs, mode, args) for mode in options.modes}
    columns = {
        mode: {**evaluation.figures(), **_counts(runs, mode)}
        for mode, evaluation in evaluations.items()
    }
    if args.json is not None:
        document = _document(args, method, options, names, runs, evaluations)
        args.json.write_text(json.dumps(document, indent=2) + '\n')
    if args.results_file is not None:
        write_results(args.results_file, evaluations[options.modes[0]].results)
    if args.html is not None:
        _write_reports(args, evaluations)
    show_modes(
        f'{args.method} over {_source(args).name}, {len(runs)} videos',
        {_TITLES[mode]: figures for mode, figures in columns.items()},
    )
    _show_remarks(names, runs, console)
    return 0


def _run_options(args: argparse.Namespace) -> RunOptions:
    default = 'both' if args.replay is not None else 'frames'
    mode = args.mode or default
    modes = MODES if mode == 'both' else (mode,)
    if 'realtime' not in modes:
        for name in ('rate', 'step_ms', 'known_at'):
            if getattr(args, name) is not None:
                flag = f'--{name.replace("_", "-")}'
                raise ValueError(f'{flag}: has no meaning without the mode realtime')
    pace = Pace(
        rate=1.0 if args.rate is None else args.rate,
        step_ms=args.step_ms,
        known_at=args.known_at or 'next',
    )
    return RunOptions(modes, pace, args.class_agnostic)


def _check_outputs(args: argparse.Namespace, options: RunOptions) -> None:
    """Find what would fail only after a long run."""
    for path in (args.json, args.html, args.results_file):
        if path is not None and not path.absolute().parent.is_dir():
            raise ValueError(f'{path}: the folder {path.absolute().parent} does not exist')
    if args.results_file is not None and len(options.modes) > 1:
        raise ValueError('--results: holds those of one mode; choose it by --mode')
    if args.results_file is not None and options.is_class_agnostic:
        raise ValueError('--results: have the categories of GT, and --class-agnostic has none')
    if args.video is not None and args.truth_file is None:
        raise ValueError('--video: names a video of the file of --truth, which is missing')
    if args.truth_topic is not None and args.truth_file is not None:
        raise ValueError('--truth-topic: ground truth is already in the file of --truth')
    if args.images is not None and args.replay is not None and args.html is None:
        raise ValueError('--images: only the report of --html shows images')
    if args.fps is not None and not (math.isfinite(args.fps) and args.fps > 0):
        raise ValueError(f'--fps: expected a positive number, got {args.fps}')
    if args.cluster is not None:
        check_ray()
    if not args.only_ap:
        evaluate(Annotations({}, {}, ()), ())  # raises where a library is missing


def _run_bags(
    args: argparse.Namespace, method: MethodChoice, options: RunOptions, console: Console
) -> tuple[list[str], list[VideoRuns]]:
    truth = TruthChoice(args.truth_topic or TRUTH_TOPIC, args.truth_file, args.video)
    bags = find_bags(args.replay)
    if len(bags) > 1 and args.video is not None:
        raise ValueError(f'--video: {args.replay} has {len(bags)} bags, whose names choose videos')
    tasks = [BagTask(name, path, method, truth, options, args.topic) for name, path in bags]
    jobs = 1 if args.jobs is None else args.jobs
    note = _printer(console)
    if 'realtime' in options.modes and options.pace.step_ms is None:
        if args.cluster is not None:
            note("--cluster: the measured times are those of the cluster's machines, when busy")
        elif jobs > 1:
            note('--jobs: the measured times are those of a busy machine')
    store = None if args.out is None else RunStore(args.out)
    runs = run_bags(tasks, store=store, jobs=jobs, note=note, open_cluster=_cluster(args))
    return [task.name for task in tasks], runs


def _cluster(args: argparse.Namespace) -> Callable[[], Workers] | None:
    if args.cluster is None:
        return None
    return lambda: RayWorkers(args.cluster, at_once=args.jobs)


def _printer(console: Console) -> Any:
    return lambda line: console.print(line, markup=False, highlight=False)


def _run_data_set(
    args: argparse.Namespace, choice: MethodChoice, options: RunOptions, console: Console
) -> tuple[list[str], list[VideoRuns]]:
    annotations = read_annotations(args.truth)
    if not args.images.is_dir():
        raise ValueError(f'--images: {args.images}: no such folder')
    method = choice.build()
    note = _printer(console)
    runs: list[VideoRuns] = []
    for number, video in enumerate(annotations.videos.values(), 1):
        images = VideoImages(args.images, video, fps=args.fps or DEFAULT_FPS)
        tracks = tuple(t for t in annotations.tracks if t.video_id == video.video_id)
        alone = Annotations({video.video_id: video}, annotations.categories, tracks)
        runs.append(run_data_set_video(method, alone, images, options))
        note(f'video {video.video_id} ({number} of {len(annotations.videos)})')
    return [str(video_id) for video_id in annotations.videos], runs


def _evaluate(runs: Sequence[VideoRuns], mode: str, args: argparse.Namespace) -> Evaluation:
    """Return the figures of all videos together; ids stay as they are in a data set."""
    if args.replay is not None:
        annotations, results = join([(one.annotations, one.modes[mode].results) for one in runs])
    else:
        videos = {key: video for one in runs for key, video in one.annotations.videos.items()}
        tracks = tuple(track for one in runs for track in one.annotations.tracks)
        categories = runs[0].annotations.categories if runs else {}
        annotations = Annotations(videos, categories, tracks)
        results = tuple(result for one in runs for result in one.modes[mode].results)
    return evaluate(
        annotations,
        results,
        with_tracking=not args.only_ap,
        score_threshold=args.score_threshold,
    )


def _counts(runs: Sequence[VideoRuns], mode: str) -> dict[str, float]:
    scored = sum(video.length for one in runs for video in one.annotations.videos.values())
    counts = RunCounts.total(one.modes[mode].counts for one in runs)
    return {**counts.summary(), 'scored': scored}


def _source(args: argparse.Namespace) -> Path:
    path: Path = args.truth if args.replay is None else args.replay
    return path.resolve()


def _document(
    args: argparse.Namespace,
    method: MethodChoice,
    options: RunOptions,
    names: Sequence[str],
    runs: Sequence[VideoRuns],
    evaluations: dict[str, Evaluation],
) -> dict[str, Any]:
    """Return what --json writes."""
    pace = options.pace
    return {
        **method.describe(),
        'source': _source(args).name,
        'class_agnostic': options.is_class_agnostic,
        'rate': pace.rate,
        'step_ms': pace.step_ms,
        'known_at': pace.known_at,
        'videos': list(names),
        'missing_classes': _missing(runs),
        'modes': {
            mode: {
                **evaluation.to_json(),
                'run': _counts(runs, mode),
                'run_by_video': [one.modes[mode].counts.summary() for one in runs],
            }
            for mode, evaluation in evaluations.items()
        },
        'problems': [
            f'{n}: {p}' for n, one in zip(names, runs, strict=True) for p in one.problems
        ],
    }


def _missing(runs: Sequence[VideoRuns]) -> list[str]:
    return sorted({name for one in runs for name in one.missing_classes})


def _write_reports(args: argparse.Namespace, evaluations: dict[str, Evaluation]) -> None:
    for number, (mode, evaluation) in enumerate(evaluations.items()):
        path = args.html
        if number:
            path = path.with_name(f'{path.stem}-{mode}{path.suffix}')
        title = f'{args.method} over {_source(args).name}, {_TITLES[mode]}'
        write_report(path, evaluation, title=title, images=args.images)


def _show_remarks(names: Sequence[str], runs: Sequence[VideoRuns], console: Console) -> None:
    note = _printer(console)
    if missing := _missing(runs):
        note(f'the method does not know these classes of the ground truth: {", ".join(missing)}')
    problems = [f'{n}: {p}' for n, one in zip(names, runs, strict=True) for p in one.problems]
    for line in problems[:_MAX_PROBLEMS]:
        note(line)
    if len(problems) > _MAX_PROBLEMS:
        note(f'... {len(problems) - _MAX_PROBLEMS} more problems')
