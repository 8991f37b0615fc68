# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros replay`: every frame of a recording through a method, without ROS."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import shtab
from rich.console import Console
from rich.progress import Progress

from vis_ros.cli.common import TRACKS_TOPIC, add_method, add_source, method_config, open_footage
from vis_ros.structures import TrackState


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'replay',
        help='run a method over a bag, a video or a folder of images',
        description='Run a method over every frame of a recording, in order; the same input gives '
        'the same tracks each time. Writes OUT/tracks (a bag), OUT/overlay.mp4, '
        'OUT/contact_sheet.png and OUT/summary.json.',
    )
    add_source(parser)
    add_method(parser)
    parser.add_argument(
        '--out', '-o', type=Path, required=True, help='folder for the results'
    ).complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    parser.add_argument('--overwrite', action='store_true', help='replace earlier results')
    parser.add_argument('--no-overlay', action='store_true', help='write no video and no pictures')
    parser.add_argument(
        '--images', action='store_true', help='also write camera and overlay images into the bag'
    )
    parser.add_argument(
        '--storage', default='mcap', choices=('mcap', 'sqlite3'), help='kind of bag (%(default)s)'
    )
    parser.add_argument('--limit', type=int, help='stop after this many frames')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from vis_ros.pipeline.build import build_method
    from vis_ros.pipeline.session import TrackingSession

    if args.limit is not None and args.limit < 1:
        raise ValueError(f'--limit: expected 1 or more, got {args.limit}')
    method = build_method(
        args.method, weights=args.weights, device=args.device, **method_config(args)
    )
    session = TrackingSession(method)
    console = Console(stderr=True)
    with open_footage(args, must_end=args.limit is None) as source:
        tally = Tally()
        with ReplayOutputs(args, method.classes, source.fps) as outputs:
            with Progress(console=console, transient=True) as progress:
                total = min(filter(None, (source.count, args.limit)), default=None)
                bar = progress.add_task(
                    f'{args.method} over {Path(args.source).name}', total=total
                )
                for index, frame in enumerate(source):
                    if index == args.limit:
                        break
                    tally.frames_in += 1
                    for done in session.process(frame):
                        tally.take(done.result, outputs.write(done))
                    progress.advance(bar)
            for done in session.flush():
                tally.take(done.result, outputs.write(done))
        summary = {
            'source': Path(args.source).name,
            'method': args.method,
            'weights': args.weights,
            'device': args.device,
            **tally.summary(),
            'sessions': session.session_id,
            'problems': source.problems,
        }
    (args.out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    console.print_json(json.dumps(summary))
    return 0 if tally.frames_in else 1


class Tally:
    """Counts what a replay did."""

    def __init__(self) -> None:
        self.frames_in = 0
        self._frames_out = 0
        self._confirmed: set[tuple[int, int]] = set()
        self._all: set[tuple[int, int]] = set()
        self._method_ms: list[float] = []
        self._digest = hashlib.sha256()
        self._start_s = time.monotonic()

    def take(self, result: Any, data: bytes | memoryview) -> None:
        """Take in a result and the bytes of its message."""
        self._frames_out += 1
        self._digest.update(data)
        self._method_ms.append(result.stages_ms.get('method', 0.0))
        for track in result.tracks:
            key = (result.session_id, track.track_id)
            self._all.add(key)
            if track.state == TrackState.ACTIVE:
                self._confirmed.add(key)

    def summary(self) -> dict[str, Any]:
        """Return the counts and times."""
        p50, p95, p99 = (
            np.percentile(self._method_ms, (50, 95, 99)) if self._method_ms else (0.0, 0.0, 0.0)
        )
        seconds = time.monotonic() - self._start_s
        return {
            'frames_in': self.frames_in,
            'frames_out': self._frames_out,
            'tracks': len(self._confirmed),
            'tracks_with_tentative': len(self._all),
            'tracks_sha256': self._digest.hexdigest(),
            'method_ms': {'p50': round(p50, 3), 'p95': round(p95, 3), 'p99': round(p99, 3)},
            'frames_per_second': round(self._frames_out / max(seconds, 1e-9), 2),
        }


class ReplayOutputs:
    """The files of a replay; all are put in their place when they are whole."""

    def __init__(self, args: argparse.Namespace, classes: tuple[str, ...], fps: float) -> None:
        from vis_ros.media.bag_writer import BagWriter
        from vis_ros.media.contact_sheet import ContactSheet
        from vis_ros.media.video_writer import VideoWriter
        from vis_ros.wire.bare_messages import bare_messages

        self._args = args
        self._classes = classes
        self._messages = bare_messages()
        args.out.mkdir(parents=True, exist_ok=True)
        replace = {'overwrite': args.overwrite}
        self._video = (  # a writer of videos leaves nothing behind when the bag is refused
            None if args.no_overlay else VideoWriter(args.out / 'overlay.mp4', fps, **replace)
        )
        self._bag = BagWriter(args.out / 'tracks', args.storage, **replace)
        self._sheet = ContactSheet()
        self._has_labels = False

    def __enter__(self) -> ReplayOutputs:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._bag.__exit__(kind, error, trace)
        finally:
            if self._video is not None:
                self._video.close()
        if self._video is not None and self._video.count:
            self._sheet.write(self._args.out / 'contact_sheet.png')

    def write(self, done: Any) -> memoryview:
        """Write one result; return the bytes of its message, which hold no run times."""
        from vis_ros.wire.conversion import labels_message, tracks_message
        from vis_ros.wire.encodings import encode_image, make_header

        frame, stamp_ns = done.frame, done.result.stamp_ns
        result = dataclasses.replace(done.result, stages_ms={})
        if not self._has_labels:
            self._has_labels = True
            topic = TRACKS_TOPIC.replace('tracks', 'label_info')
            labels = labels_message(self._messages, stamp_ns, self._args.method, self._classes)
            self._bag.declare(topic, labels.__msgtype__, latched=True)
            self._bag.write(topic, labels, stamp_ns)
        message = tracks_message(
            self._messages, result, method=self._args.method, class_names=self._classes
        )
        self._bag.write(TRACKS_TOPIC, message, stamp_ns)
        overlay = self._draw(frame, result)
        if self._args.images:
            header = make_header(self._messages, stamp_ns, frame.frame_id)
            camera = encode_image(self._messages, frame.image, header)
            self._bag.write('/camera/image_raw', camera, stamp_ns)
            if overlay is not None:
                picture = encode_image(self._messages, overlay, header)
                self._bag.write('/vis_tracker/debug/overlay', picture, stamp_ns)
        return self._messages.serialize(message)

    def _draw(self, frame: Any, result: Any) -> np.ndarray | None:
        from vis_ros.media.overlay import draw_overlay

        if self._video is None:
            return None
        overlay = draw_overlay(frame.image, result, self._classes)
        self._video.write(overlay)
        self._sheet.add(overlay, result)
        return overlay
