# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stream that never ends: is frame 100,000 as fast as frame 1,000?

    python benchmarks/endless.py [iou rgnnvis_pp ...] [--early 1000] [--late 100000]

Two processes track the same synthetic camera with the weights that ship, one for `--late` frames
and one for `--early`. Then both take the same `--pairs` pictures in turns, so that whatever else
the machine does slows both; on Linux they share one core then, since no two cores are alike. The
camera shows a scene again and again; where it begins anew all objects are somewhere else, so that
tracks end and begin. On a CPU with one thread times are those of the thread. Bar: the median over
the pairs of late over early is at most 1.02.

`--into docs/performance` adds to endless.json for `suite/measure.py --page`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import steps
import torch
from bars import check_least, conclude
from soak import resident_bytes
from stages import machine
from stopwatch import clock_of

from vis_ros.methods import METHODS
from vis_ros.pipeline.build import build_method
from vis_ros.structures import Frame
from vis_ros.synth.source import SynthSource

MAX_RATIO = 1.02
_PERIOD_NS = 33_333_333


class Camera(NamedTuple):
    """What both streams see.

    Args:
        rows: Of the picture.
        columns: Of the picture.
        scene: Pictures until the scene begins anew.
    """

    rows: int
    columns: int
    scene: int

    def pictures(self) -> list[np.ndarray]:
        """Return the scene, uint8 (rows, columns, 3) each."""
        text = f'synth:crowded,width={self.columns},height={self.rows}'
        source = SynthSource(text)
        return [frame.image for frame in itertools.islice(source, self.scene)]


class Report(NamedTuple):
    """What a stream says after some frames.

    Args:
        time_ms: Of the last of them.
        state_bytes: Of the tensors of its state.
        highest_id: Of all tracks that it ever showed.
        resident_bytes: Memory of its process.
    """

    time_ms: float
    state_bytes: int
    highest_id: int
    resident_bytes: int


def stream(name: str, device: str, camera: Camera, first: int, pipe: Connection) -> None:
    """Track what the camera shows, as many frames as each message says, until one says 0.

    Args:
        name: Of the method.
        device: That of torch.
        camera: What it sees.
        first: Place in the scene of the first picture.
        pipe: Gets a report after each message.
    """
    torch.set_num_threads(1)
    method, clock = build_method(name, device=device), clock_of(torch.device(device))
    pictures, state, index, highest = camera.pictures(), method.init_state(), 0, 0
    while count := pipe.recv():
        for _ in range(count):
            picture = pictures[(first + index) % len(pictures)]
            before = clock()
            state, results = method.step(state, Frame(picture, index * _PERIOD_NS))
            time_ms = (clock() - before) * 1e3
            index += 1
            highest = max(highest, *(t.track_id for r in results for t in r.tracks), 0)
        size = steps.state_bytes(method, state)
        pipe.send(Report(time_ms, size, highest, resident_bytes(os.getpid())))


class Stream:
    """A stream in a process of its own; see `stream`."""

    def __init__(self, name: str, device: str, camera: Camera, first: int) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context('spawn')
        given = (name, device, camera, first, theirs)
        self._process = context.Process(target=stream, args=given, daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, frames: int) -> None:
        """Let it take so many frames."""
        self._pipe.send(frames)

    def report(self) -> Report:
        """Return what it says when it is done.

        Raises:
            RuntimeError: It died, and has said why.
        """
        try:
            found: Report = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError('a stream died') from error
        return found

    def pin(self, core: int) -> None:
        """Let its thread run on one core only."""
        assert self._process.pid is not None
        os.sched_setaffinity(self._process.pid, {core})

    def end(self) -> None:
        """End the process."""
        self._pipe.send(0)
        self._process.join()


def measure(name: str, camera: Camera, args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a method."""
    frames = {'early': args.early, 'late': args.late}
    # Both see the same picture when they have taken all their frames.
    streams = {k: Stream(name, args.device, camera, -n % camera.scene) for k, n in frames.items()}
    for key, count in frames.items():
        streams[key].begin(count)
    reports = {key: each.report() for key, each in streams.items()}
    if hasattr(os, 'sched_setaffinity'):
        core = min(os.sched_getaffinity(0))
        for each in streams.values():
            each.pin(core)
    times: dict[str, list[float]] = {key: [] for key in frames}
    for _ in range(args.pairs):
        for key, each in streams.items():
            each.begin(1)
            times[key].append(each.report().time_ms)
    for each in streams.values():
        each.end()
    return figures(times, reports)


def figures(
    times_ms: Mapping[str, Sequence[float]], reports: Mapping[str, Report]
) -> dict[str, Any]:
    """Return what is stored: of `early` and `late` what each said before both took the same
    pictures, and the median of the times of these; and the median of their ratios.
    """
    found: dict[str, Any] = {}
    for key, report in reports.items():
        times = round(float(np.median(times_ms[key])), 3)
        found[key] = {**report._asdict(), 'ms': times}
        del found[key]['time_ms']
    ratios = np.array(times_ms['late']) / np.array(times_ms['early'])
    return {**found, 'pairs': len(ratios), 'ratio': round(float(np.median(ratios)), 4)}


def bar_of(name: str, found: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the bar of a method in words, and whether it is kept."""
    early, late = found['after']
    words = f'{name}: frame {late} / frame {early} {found["ratio"]:.3f}'
    return f'{words}, at most {MAX_RATIO}', found['ratio'] <= MAX_RATIO


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('methods', nargs='*', default=['iou', 'rgnnvis_pp'], metavar='METHOD')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--early', type=int, default=1000, help='frames (%(default)s)')
    parser.add_argument('--late', type=int, default=100_000, help='frames (%(default)s)')
    parser.add_argument('--pairs', type=int, default=500, help='pictures (%(default)s)')
    parser.add_argument('--scene', type=int, default=300, help='pictures (%(default)s)')
    parser.add_argument(
        '--picture', type=int, nargs=2, default=(192, 320), metavar=('ROWS', 'COLUMNS')
    )
    parser.add_argument('--json', type=Path)
    parser.add_argument('--into', type=Path, help='folder of endless.json')
    args = parser.parse_args(given)
    check_least(parser, args, {'early': 1, 'late': 1, 'pairs': 1, 'scene': 1})
    for name in args.methods:
        if name not in METHODS:
            parser.error(f'METHOD: expected one of {sorted(METHODS)}, got {name!r}')
    return args


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when the bar is kept."""
    args = arguments(given)
    camera = Camera(*args.picture, args.scene)
    torch.set_num_threads(1)
    common = {'machine': machine(), 'device': args.device, 'after': [args.early, args.late]}
    found: dict[str, Any] = {}
    for name in args.methods:
        found[name] = {**common, 'picture': args.picture, **measure(name, camera, args)}
        print(name, json.dumps(found[name]), flush=True)
        if args.into:
            add(args.into / 'endless.json', {name: found[name]})
    bars = [bar_of(name, each) for name, each in found.items()]
    return conclude(bars, {'methods': found}, args.json)


def add(path: Path, methods: Mapping[str, Any]) -> None:
    """Add methods to a file; the figures of others stay."""
    known = json.loads(path.read_text())['methods'] if path.exists() else {}
    path.write_text(json.dumps({'methods': {**known, **methods}}, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
