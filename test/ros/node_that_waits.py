# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tracker node; it stays inside of a frame while there is a file `hold`.

    python node_that_waits.py HOST FOLDER --ros-args ...

In FOLDER it makes the file `held` with the stamp of a frame that has begun to wait.
"""

import os
import sys
import time
from pathlib import Path

from vis_ros.methods import METHODS
from vis_ros.ros.node import main

kind, folder = sys.argv[1], Path(sys.argv[2])
step = METHODS['iou'].step


def slow(self, state, frame):
    """Take a step, and wait while there is `hold`."""
    taken = step(self, state, frame)
    if (folder / 'hold').exists():
        (folder / 'part').write_text(str(frame.stamp_ns))
        os.replace(folder / 'part', folder / 'held')  # so it is seen whole
    while (folder / 'hold').exists():
        time.sleep(0.01)
    return taken


METHODS['iou'].step = slow
sys.exit(main(sys.argv[3:], kind=kind))
