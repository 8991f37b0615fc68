# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros demo`: the main job on real footage, as processes that only share topics.

A player is the camera, the tracker node tracks, a listener shows what a planner sees. This process
starts them, records their topics into a bag, and makes the pictures and the summary of that bag.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import shtab
from rich.console import Console

from vis_ros.cli.common import CAMERA_TOPIC, DEFAULT_METHOD
from vis_ros.cli.demo_report import make_report
from vis_ros.cli.recorder import Recorder

_START_S = 60.0  # longest wait for the tracker to be ready
_STOP_S = 20.0  # longest wait for a process to end after SIGINT
_DRAIN_S = 1.5  # after the last image: tracks and diagnostics still come


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'demo',
        help='camera, tracker and planner as three processes, on real footage',
        description='Play a video as a camera, track it with the node, show the tracks; leaves a '
        'bag, overlay.mp4, contact_sheet.png and summary.json in OUT. Exit code 0 only if tracks '
        'arrived.',
    )
    parser.add_argument(
        '--source', default='', help='footage (default: the street video of the repository)'
    ).complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument('--method', '-m', default=DEFAULT_METHOD, help='(%(default)s)')
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
    from vis_ros.pipeline.build import find_method
    from vis_ros.resources import resource_path
    from vis_ros.ros.open_host import open_host

    find_method(args.method)  # rather than a tracker that never gets ready
    source = args.source or str(resource_path('test', 'data', 'street.mp4'))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')  # stay on this machine
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ('overlay.mp4', 'contact_sheet.png', 'summary.json'):
        (args.out / name).unlink(missing_ok=True)  # a failed demo must not show an earlier one's
    console = Console(stderr=True)
    host = open_host('vis_recorder', [], args.host)
    recorder = Recorder(host, args.out / 'bag')
    processes = DemoProcesses(args)
    try:
        with recorder:
            is_played = _play(recorder, processes, source, console)
    finally:
        codes = processes.stop()
        host.destroy()
    summary = make_report(args.out, codes)
    (args.out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    console.print_json(json.dumps(summary))
    is_good = is_played and summary['tracks'] > 0 and not any(codes.values())
    console.print(f'demo {"succeeded" if is_good else "FAILED"}; see {args.out}')
    return 0 if is_good else 1


def _play(recorder: Recorder, processes: DemoProcesses, source: str, console: Console) -> bool:
    """Run the footage through the processes; return whether the player came to its end."""
    processes.start_tracker()
    console.print('starting the tracker ...')
    if not recorder.wait_for_labels(_START_S, processes.is_tracker_alive):
        console.print(f'the tracker was not ready within {_START_S:.0f} s')
        return False
    processes.start_listener()
    processes.start_player(source)
    while processes.is_player_alive():
        if not processes.is_tracker_alive():
            console.print('the tracker ended while the camera was running')
            return False
        time.sleep(0.1)
    time.sleep(_DRAIN_S)
    return True


class DemoProcesses:
    """The three processes of the demo.

    Args:
        args: Command line of the demo.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def _start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, '-m', 'vis_ros.cli', *arguments]
        self._running[name] = subprocess.Popen(command)

    def start_tracker(self) -> None:
        """Start the tracker node."""
        parameters = (f'method:={self._args.method}', f'image_topic:={CAMERA_TOPIC}')
        ros = [word for text in parameters for word in ('-p', text)]
        self._start('tracker', 'node', '--host', self._args.host, '--ros-args', *ros)

    def start_listener(self) -> None:
        """Start the planner-like subscriber."""
        self._start('listener', 'listen', '--host', self._args.host)

    def start_player(self, source: str) -> None:
        """Start the camera; it waits until somebody listens."""
        self._start(
            'player', 'play', source, '--host', self._args.host, '--frame-id', 'street_camera'
        )

    def is_tracker_alive(self) -> bool:
        """Return whether the tracker runs."""
        return self._running['tracker'].poll() is None

    def is_player_alive(self) -> bool:
        """Return whether the camera runs."""
        return self._running['player'].poll() is None

    def stop(self) -> dict[str, int]:
        """Ask all processes to end, the last started first; return their exit codes."""
        codes = {}
        for name, process in reversed(self._running.items()):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                codes[name] = process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        return codes
