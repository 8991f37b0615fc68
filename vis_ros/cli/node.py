# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros node`: the tracker node."""

from __future__ import annotations

import argparse
from typing import Any

from vis_ros.cli.common import add_host


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'node',
        help='run the tracker node',
        description='Run the tracker node. Parameters come by ROS conventions: '
        'vis_ros node --ros-args -p method:=iou -p image_topic:=/camera/image_raw. '
        '`vis_ros parameters` lists them.',
    )
    add_host(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from vis_ros.ros.node import main

    return main(args.ros_arguments, kind=args.host)
