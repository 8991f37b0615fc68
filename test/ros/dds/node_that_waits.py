# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker node; it stays inside of a frame while there is a file `hold`.

    python node_that_waits.py FOLDER --ros-args ...

In FOLDER it makes the file `held` when a frame has begun to wait.
"""

import sys
import time
from pathlib import Path

from vis_ros.methods import METHODS
from vis_ros.ros.node import main

folder = Path(sys.argv[1])
step = METHODS['iou'].step


def slow(self, state, frame):
    """Take a step, and wait while there is `hold`."""
    taken = step(self, state, frame)
    while (folder / 'hold').exists():
        (folder / 'held').touch()
        time.sleep(0.01)
    return taken


METHODS['iou'].step = slow
sys.exit(main(sys.argv[2:], kind='dds'))
