# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainings that `vis_ros train` knows by name."""

from __future__ import annotations

from typing import Any

from vis_ros.training.detector import DetectorTask
from vis_ros.training.iai import IaiTask
from vis_ros.training.ifr import IfrTask
from vis_ros.training.maskprop import MaskPropTask
from vis_ros.training.tracker import TrackerTask
from vis_ros.training.visstg import VisstgTask

STAGES: dict[str, Any] = {
    task.name: task
    for task in (DetectorTask, TrackerTask, VisstgTask, MaskPropTask, IaiTask, IfrTask)
}
