# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the shipped files lie: messages, configuration, weights, launch files."""

import os
import sys
from pathlib import Path


def resource_path(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as `('config', 'deepsort.yaml')`.

    Looked up beside the package (a checkout), then in the `share` folders of this Python
    environment and of every sourced ROS workspace.

    Raises:
        FileNotFoundError: It is in none of them; the text lists the places.
    """
    places = [Path(__file__).resolve().parent.parent, Path(sys.prefix, 'share', 'vis_ros')]
    for prefix in filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)):
        places += [Path(prefix, 'share', 'vis_ros'), Path(prefix, 'share')]
    for place in places:
        if (path := place.joinpath(*parts)).exists():
            return path
    raise FileNotFoundError(f'{"/".join(parts)} is in none of: {", ".join(map(str, places))}')
