# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros listen`: what a planner sees, as a live table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from vis_ros.cli.common import TRACKS_TOPIC, add_host, run_beside

_REFRESH_S = 0.25


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'listen',
        help='show the tracks of a running tracker',
        description='Subscribe to vis_msgs/InstanceTrackArray and show a live table of the '
        'tracks; on a pipe, a line for each second.',
    )
    parser.add_argument('--topic', default=TRACKS_TOPIC, help='topic of the tracks (%(default)s)')
    parser.add_argument('--json', action='store_true', help='one line of JSON for each message')
    parser.add_argument('--count', type=int, help='stop after this many messages')
    parser.add_argument('--duration', type=float, help='stop after this many seconds')
    add_host(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from vis_ros.ros.host import Qos
    from vis_ros.ros.open_host import open_host
    from vis_ros.wire.conversion import TRACKS_TYPE

    host = open_host('vis_listener', args.ros_arguments, args.host)
    listener = Listener(host, args)
    try:
        host.create_subscription(TRACKS_TYPE, args.topic, Qos(depth=50), listener.take)
        run_beside(host, listener.show, listener.ended)
    finally:
        host.destroy()
    return 0 if listener.count else 1


class Listener:
    """Keeps the latest message and shows it.

    Args:
        host: Node that listens.
        args: Command line.
    """

    def __init__(self, host: Any, args: argparse.Namespace) -> None:
        self._host, self._args = host, args
        self._latest: Any = None
        self._latency_ms = 0.0
        self.count = 0
        self.ended = threading.Event()

    def take(self, message: Any) -> None:
        """Take in a message; the subscription's callback."""
        from vis_ros.wire.encodings import stamp_to_ns

        if self.ended.is_set():  # messages that came with the last one that was asked for
            return
        self._latency_ms = (self._host.now_ns() - stamp_to_ns(message.header.stamp)) / 1e6
        self._latest = message
        self.count += 1
        if self._args.json:
            self._write(json.dumps(_plain(message, self._latency_ms)) + '\n')
        if self._args.count is not None and self.count >= self._args.count:
            self.ended.set()

    def _write(self, line: str) -> None:
        try:
            sys.stdout.write(line)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.ended.set()

    def show(self) -> None:
        """Show the table until the end; runs beside the spinning host."""
        duration_s = float('inf') if self._args.duration is None else self._args.duration
        end_s = time.monotonic() + duration_s
        console = Console()
        if self._args.json:
            self._wait(end_s, lambda: None, _REFRESH_S)
        elif console.is_terminal:
            with Live(console=console, refresh_per_second=1 / _REFRESH_S) as live:
                self._wait(end_s, lambda: live.update(self._table()), _REFRESH_S)
        else:
            self._wait(end_s, lambda: console.print(self._line(), soft_wrap=True), 1.0)
            if self._latest is not None:
                console.print(self._table())

    def _wait(self, end_s: float, refresh: Any, period_s: float) -> None:
        while not self.ended.wait(period_s) and time.monotonic() < end_s:
            refresh()

    def _line(self) -> str:
        if self._latest is None:
            return f'waiting for {self._args.topic}'
        tracks = ' '.join(f'{t.id}:{_STATES.get(t.state, t.state)}' for t in self._latest.tracks)
        return (
            f'{self.count} messages, latency {self._latency_ms:.1f} ms, '
            f'session {self._latest.session_id}, tracks {tracks or "none"}'
        )

    def _table(self) -> Table:
        message = self._latest
        if message is None:
            return Table(title=f'waiting for {self._args.topic}')
        table = Table(
            'id',
            'class',
            'state',
            'score',
            'box [px]',
            'age [s]',
            'hits',
            'velocity [px/s]',
            title=f'{message.method}: {self.count} messages, latency {self._latency_ms:.1f} ms',
        )
        now_s = _seconds(message.header.stamp)
        for t in message.tracks:
            table.add_row(
                str(t.id),
                t.class_name,
                _STATES.get(t.state, str(t.state)),
                f'{t.score:.2f}',
                f'{t.x_min:.0f} {t.y_min:.0f} {t.x_max:.0f} {t.y_max:.0f}',
                f'{now_s - _seconds(t.first_seen):.1f}',
                str(t.hits),
                f'{t.velocity_x:+.0f} {t.velocity_y:+.0f}',
            )
        return table


_STATES = {1: 'tentative', 2: 'active', 3: 'lost'}


def _seconds(stamp: Any) -> float:
    return float(stamp.sec + stamp.nanosec / 1e9)


def _plain(message: Any, latency_ms: float) -> dict[str, Any]:
    return {
        'stamp': [int(message.header.stamp.sec), int(message.header.stamp.nanosec)],
        'session_id': int(message.session_id),
        'latency_ms': round(latency_ms, 3),
        'tracks': [
            {
                'id': int(t.id),
                'class': t.class_name,
                'state': _STATES.get(t.state, str(t.state)),
                'score': round(float(t.score), 4),
                'box': [float(t.x_min), float(t.y_min), float(t.x_max), float(t.y_max)],
                'hits': int(t.hits),
            }
            for t in message.tracks
        ],
    }
