# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vis_ros convert`: footage from one form into another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import shtab
from rich.console import Console
from rich.progress import Progress

from vis_ros.cli.common import CAMERA_TOPIC, add_source, open_footage

_STAMPED = '[0-9]' * 19 + '.png'


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        'convert',
        help='convert between bags, videos and folders of images',
        description='Convert footage. TARGET says into what: a name that ends in .mp4 is a video, '
        'one that ends in / a folder of PNG images, any other a bag. Videos have no time stamps '
        'of their own: they are written at the nominal rate of the source.',
    )
    add_source(parser)
    target = parser.add_argument('target', metavar='TARGET', help='what to write')
    target.complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument('--output', default=CAMERA_TOPIC, help='topic in the bag (%(default)s)')
    parser.add_argument('--frame-id', default='', help='frame id in the bag')
    parser.add_argument(
        '--storage', default='mcap', choices=('mcap', 'sqlite3'), help='kind of bag (%(default)s)'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace TARGET')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    if Path(args.target).resolve() == Path(args.source).resolve():
        raise ValueError(f'{args.target}: is both SOURCE and TARGET')
    console = Console(stderr=True)
    with open_footage(args, must_end=True) as source:
        with open_target(args, source.fps) as target, Progress(console=console) as progress:
            bar = progress.add_task('converting', total=source.count)
            count = 0
            for frame in source:
                target.write(frame)
                progress.advance(bar)
                count += 1
        for problem in source.problems:
            console.print(f'warning: {problem}')
    console.print(f'{count} frames written to {args.target}')
    return 0 if count else 1


def open_target(args: argparse.Namespace, fps: float) -> Any:
    """Return the writer that the name of the target asks for."""
    if args.target.endswith('/'):
        return FolderTarget(Path(args.target), overwrite=args.overwrite)
    if Path(args.target).suffix.lower() == '.mp4':
        return VideoTarget(Path(args.target), fps, overwrite=args.overwrite)
    return BagTarget(args)


class FolderTarget:
    """Frames as PNG images named by their stamps in nanoseconds."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        if path.exists() and any(path.iterdir()) and not overwrite:
            raise FileExistsError(f'{path}: holds files already; nothing is overwritten unasked')
        path.mkdir(parents=True, exist_ok=True)
        for item in path.glob(_STAMPED):  # of an earlier conversion
            item.unlink()
        self._path = path

    def __enter__(self) -> FolderTarget:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        pass  # each image is whole when it is written

    def write(self, frame: Any) -> None:
        """Write a frame."""
        bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        is_coded, data = cv2.imencode('.png', bgr)
        if not is_coded:
            raise OSError(f'{self._path}: a frame cannot be coded as PNG')
        (self._path / f'{frame.stamp_ns:019d}.png').write_bytes(data.tobytes())


class VideoTarget:
    """Frames as an mp4 video."""

    def __init__(self, path: Path, fps: float, *, overwrite: bool) -> None:
        from vis_ros.media.video_writer import VideoWriter

        self._writer = VideoWriter(path, fps, overwrite=overwrite)

    def __enter__(self) -> VideoTarget:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._writer.close()

    def write(self, frame: Any) -> None:
        """Write a frame."""
        self._writer.write(frame.image)


class BagTarget:
    """Frames as raw images in a bag."""

    def __init__(self, args: argparse.Namespace) -> None:
        from vis_ros.media.bag_writer import BagWriter
        from vis_ros.wire.bare_messages import bare_messages

        self._args = args
        self._messages = bare_messages()
        self._writer = BagWriter(args.target, args.storage, overwrite=args.overwrite)

    def __enter__(self) -> BagTarget:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._writer.__exit__(kind, error, trace)

    def write(self, frame: Any) -> None:
        """Write a frame."""
        from vis_ros.wire.encodings import encode_image, make_header

        frame_id = self._args.frame_id or frame.frame_id
        header = make_header(self._messages, frame.stamp_ns, frame_id)
        image = encode_image(self._messages, frame.image, header)
        self._writer.write(self._args.output, image, frame.stamp_ns)
