# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tasks over a folder of bags, and how their results are compared."""

from vis_ros.evaluation.bag_runs import BagTask, MethodChoice, TruthChoice, find_bags
from vis_ros.evaluation.method_runs import Pace
from vis_ros.evaluation.video_runs import RunOptions


def tasks_of(folder, *, method='perfect', agnostic=False, step_ms=50.0):
    """Return one task for each bag; steps take a simulated time."""
    options = RunOptions(pace=Pace(step_ms=step_ms), is_class_agnostic=agnostic)
    return [
        BagTask(name, path, MethodChoice(method), TruthChoice(), options)
        for name, path in find_bags(folder)
    ]


def without_times(runs):
    """Return all that must be the same each time."""
    return [
        (one.annotations, {mode: run.results for mode, run in one.modes.items()}) for one in runs
    ]
