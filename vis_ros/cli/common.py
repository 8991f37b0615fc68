# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments and helpers that several commands share."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shtab

from vis_ros.ros.host import Host
from vis_ros.structures.options import flatten
from vis_ros.structures.settings import parse_settings, parse_yaml

if TYPE_CHECKING:  # the command starts without what footage needs
    from vis_ros.media.source import Source

DEFAULT_METHOD = 'deepsort'
TRACKS_TOPIC = '/vis_tracker/tracks'
CAMERA_TOPIC = '/camera/image_raw'


def split_ros_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the command's own arguments, and those from `--ros-args` to `--` or to the end."""
    own: list[str] = []
    ros: list[str] = []
    target = own
    for argument in arguments:
        if argument == '--ros-args':
            target = ros
        target.append(argument)
        if argument == '--' and target is ros:
            target = own
    return own, ros


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name footage."""
    source = parser.add_argument(
        'source',
        metavar='SOURCE',
        help='video, folder of images, bag (mcap or sqlite3), or synth:BENCHMARK[,NAME=VALUE], '
        'a synthetic camera such as synth:crowded; it ends with video=N (a held-out video) or '
        'length=N; other names are those of vis_ros synth --config',
    )
    source.complete = shtab.FILE  # type: ignore[attr-defined]
    parser.add_argument('--topic', help='image topic of a bag with several')
    parser.add_argument(
        '--fps', type=float, help="frames per second of a folder (10), or instead of a video's own"
    )


def open_footage(args: argparse.Namespace, *, must_end: bool = False) -> Source:
    """Return the footage that the arguments of `add_source` name.

    Args:
        args: Command line.
        must_end: Whether an endless camera is refused.

    Raises:
        ValueError: It cannot be opened, or it never ends; the text names it.
    """
    from vis_ros.media.sources import SourceError, open_source
    from vis_ros.synth.source import SynthSource, is_synth

    if not is_synth(args.source):
        return open_source(args.source, topic=args.topic, fps=args.fps)
    if args.topic is not None:
        raise SourceError(
            f'{args.source}: is no bag, and only a bag has a topic such as {args.topic}'
        )
    source = SynthSource(args.source, fps=args.fps)
    if must_end and source.count is None:
        raise SourceError(f'{args.source}: never ends; add ,video=0 or ,length=100')
    return source


def add_method(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose a method."""
    parser.add_argument(
        '--method', '-m', default=DEFAULT_METHOD, help='registered name (%(default)s)'
    )
    parser.add_argument('--weights', default='', help='path or name of the weights')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N (%(default)s)')
    parser.add_argument(
        '--config',
        '-c',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='option of the method, such as memory.capacity=32; may be repeated',
    )
    parser.add_argument(
        '--config-file',
        type=Path,
        help='YAML file with options of the method, or parameter file of ROS such as those in '
        'config/, of which only the part config is used',
    ).complete = shtab.FILE  # type: ignore[attr-defined]


def add_host(parser: argparse.ArgumentParser) -> None:
    """Add the argument that chooses what carries the node."""
    parser.add_argument(
        '--host',
        default='auto',
        choices=('auto', 'rclpy', 'dds'),
        help='rclpy where ROS 2 is sourced, else Cyclone DDS (%(default)s)',
    )


def method_config(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the method that the command line and its file give.

    Raises:
        ValueError: An argument is no NAME=VALUE, or the file holds no mapping.
        OSError: The file cannot be read.
    """
    config: dict[str, Any] = {}
    if args.config_file is not None:
        what = f'--config-file {args.config_file}'
        loaded = parse_yaml(args.config_file.read_text(), what)
        if not isinstance(loaded, dict | None):
            raise ValueError(f'{what}: expected names with values')
        config.update(flatten(_config_part(loaded or {})))
    config.update(parse_settings(args.config, '--config'))
    return config


def _config_part(loaded: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the method, also out of a parameter file of ROS."""
    for node in loaded.values():
        if isinstance(node, dict) and isinstance(node.get('ros__parameters'), dict):
            return dict(node['ros__parameters'].get('config') or {})
    return loaded


def run_beside(host: Host, work: Callable[[], None], ended: threading.Event) -> None:
    """Run `work` on a thread while the host spins; both end when one of them ends.

    Args:
        host: Node that spins on this thread.
        work: Must return soon after `ended` was set.
        ended: Set here when the host stops spinning, or by anybody else to end the work.

    Raises:
        Exception: Whatever `work` raises.
    """
    failure: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failure.append(error)
        finally:
            host.stop()

    thread = threading.Thread(target=run, name='vis_ros command', daemon=True)
    thread.start()
    host.spin()
    ended.set()
    thread.join(timeout=5.0)
    if failure:
        raise failure[0]
