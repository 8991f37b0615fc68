# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One part of the demo: camera, tracker and planner as processes, and a record of their topics."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from vis_ros.cli.common import CAMERA_TOPIC, TRACKS_TOPIC
from vis_ros.cli.recorder import Recorder

_START_S = 60.0  # longest wait for the tracker to be ready
_STOP_S = 20.0  # longest wait for a process to end after SIGINT
_DRAIN_S = 1.5  # after the last image: tracks and diagnostics still come
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class DemoPart:
    """What one part of the demo runs.

    Args:
        out: Folder for its results; the bag comes to lie in it.
        source: What the camera shows, as `vis_ros play` takes it.
        method: Registered name of the method.
        host: What carries the nodes.
        weights: Path or name of the weights; empty for none, or for those that ship.
        frame_id: Coordinate frame of the images; empty keeps that of the source.
        is_scored: Whether the ground truth of a synthetic camera is recorded too. The camera then
            waits for the tracker, so that the score does not depend on how fast the machine is.
    """

    out: Path
    source: str
    method: str
    host: str
    weights: str = ''
    frame_id: str = ''
    is_scored: bool = False


def run_part(part: DemoPart, console: Console) -> tuple[bool, dict[str, int]]:
    """Run a part of the demo and record it in the folder `bag`.

    Args:
        part: What is run.
        console: Where lines about it go.

    Returns:
        Whether the camera came to its end, and the exit code of each process.
    """
    from vis_ros.ros.open_host import open_host

    part.out.mkdir(parents=True, exist_ok=True)
    host = open_host('vis_recorder', [], part.host)
    processes = DemoProcesses(part)
    try:
        with Recorder(host, part.out / 'bag', with_truth=part.is_scored) as recorder:
            is_played = _play(recorder, processes, console)
    finally:
        codes = processes.stop()
        host.destroy()
    return is_played, codes


def _play(recorder: Recorder, processes: DemoProcesses, console: Console) -> bool:
    """Run the footage through the processes; return whether the player came to its end."""
    processes.start_tracker()
    console.print('starting the tracker ...')
    if not recorder.wait_for_labels(_START_S, processes.is_tracker_alive):
        console.print(f'the tracker was not ready within {_START_S:.0f} s')
        return False
    processes.start_listener()
    processes.start_player()
    while processes.is_player_alive():
        if not processes.is_tracker_alive():
            console.print('the tracker ended while the camera was running')
            return False
        time.sleep(_POLL_S)
    time.sleep(_DRAIN_S)
    return True


class DemoProcesses:
    """The three processes of a part of the demo.

    Args:
        part: What they run.
    """

    def __init__(self, part: DemoPart) -> None:
        self._part = part
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def _start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, '-m', 'vis_ros.cli', *arguments]
        self._running[name] = subprocess.Popen(command)

    def start_tracker(self) -> None:
        """Start the tracker node."""
        parameters = [f'method:={self._part.method}', f'image_topic:={CAMERA_TOPIC}']
        if self._part.weights:
            parameters.append(f'weights:={self._part.weights}')
        ros = [word for text in parameters for word in ('-p', text)]
        self._start('tracker', 'node', '--host', self._part.host, '--ros-args', *ros)

    def start_listener(self) -> None:
        """Start the planner-like subscriber."""
        self._start('listener', 'listen', '--host', self._part.host)

    def start_player(self) -> None:
        """Start the camera; it waits until somebody listens."""
        words = ['play', self._part.source, '--host', self._part.host]
        if self._part.frame_id:
            words += ['--frame-id', self._part.frame_id]
        if self._part.is_scored:
            words += ['--follow', TRACKS_TOPIC, '--ahead', '1']
        self._start('player', *words)

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
