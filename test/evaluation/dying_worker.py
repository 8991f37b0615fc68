# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What runs a bag in a process that dies: imported by the processes that tests start."""

import os
from pathlib import Path

from vis_ros.evaluation.bag_workers import run_task


def die_once(task):
    """Kill this process the first time that the bag is run, as the system does without memory."""
    mark = Path(f'{task.path}.tried')
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return run_task(task)


def die_with_a(task):
    """Kill this process whenever the bag called `a` is run."""
    if task.name == 'a':
        os._exit(9)
    return run_task(task)
