# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs over many bags, kept in files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from vis_ros.evaluation.bag_runs import BagTask
from vis_ros.evaluation.data_sets import annotations_json
from vis_ros.evaluation.json_input import Item, load_json
from vis_ros.evaluation.method_runs import RunCounts
from vis_ros.evaluation.results import read_results, write_results
from vis_ros.evaluation.video_runs import ModeRun, VideoRuns
from vis_ros.evaluation.ytvis import read_annotations

_FORMAT = 1  # of run.json


class RunStore:
    """A folder with one folder for each bag that was run.

    That of a bag holds truth.json (YouTube-VIS form), MODE.json (results in server form) and
    run.json (counts, and all that the results depend on), which is written last: without it, or
    with another content of its `key`, the bag counts as not run.

    Args:
        folder: The folder; it is made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, task: BagTask) -> VideoRuns | None:
        """Return what is kept of a task; None if nothing is, or of another method or bag.

        Raises:
            ValueError: The task's method is not right.
            OSError: The bag or the file of the weights cannot be read.
        """
        key = task.key()
        place = self._folder / task.name
        try:
            run = load_json(place / 'run.json')
            if run.get('format').value != _FORMAT or run.get('key').value != key:
                return None
            annotations = read_annotations(place / 'truth.json')
            modes = {
                mode: ModeRun(
                    read_results(place / f'{mode}.json', annotations),
                    _read_counts(run.get('modes').get(mode)),
                )
                for mode in task.options.modes
            }
            missing, problems = (
                tuple(item.text() for item in run.get(name).items())
                for name in ('missing_classes', 'problems')
            )
        except (OSError, ValueError):  # half of it, or damaged: the bag is run again
            return None
        return VideoRuns(annotations, modes, missing, problems)

    def save(self, task: BagTask, runs: VideoRuns) -> None:
        """Keep what a task gave.

        Raises:
            OSError: A file cannot be written.
        """
        place = self._folder / task.name
        place.mkdir(parents=True, exist_ok=True)
        (place / 'run.json').unlink(missing_ok=True)
        (place / 'truth.json').write_text(json.dumps(annotations_json(runs.annotations)) + '\n')
        for mode, run in runs.modes.items():
            write_results(place / f'{mode}.json', run.results)
        document = {
            'format': _FORMAT,
            'key': task.key(),
            'missing_classes': list(runs.missing_classes),
            'problems': list(runs.problems),
            'modes': {mode: _counts_json(run.counts) for mode, run in runs.modes.items()},
        }
        part = place / 'run.json.part'
        part.write_text(json.dumps(document) + '\n')
        os.replace(part, place / 'run.json')


def _counts_json(counts: RunCounts) -> dict[str, Any]:
    return {
        'images': counts.images,
        'processed': counts.processed,
        'step_ms': list(counts.step_ms),
        'latency_ms': list(counts.latency_ms),
    }


def _read_counts(item: Item) -> RunCounts:
    return RunCounts(
        item.get('images').integer(),
        item.get('processed').integer(),
        tuple(value.number() for value in item.get('step_ms').items()),
        tuple(value.number() for value in item.get('latency_ms').items()),
    )
