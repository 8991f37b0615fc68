# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One door to all recorded footage: videos, folders of images, bags of ROS 2."""

import math
from pathlib import Path

from vis_ros.media.bag_source import BAG_SUFFIXES, BagSource
from vis_ros.media.folder_source import IMAGE_SUFFIXES, FolderSource
from vis_ros.media.source import Source, SourceError
from vis_ros.media.video_source import VideoSource

__all__ = ['Source', 'SourceError', 'open_source']


def open_source(
    path: str | Path,
    *,
    topic: str | None = None,
    fps: float | None = None,
    start_ns: int = 0,
) -> Source:
    """Open footage; what it is follows from the path.

    Args:
        path: A video file; a folder of images; a bag (folder, or one .mcap or .db3 file).
        topic: Image topic of a bag; may be left out where there is only one.
        fps: Frames per second of a folder (default 10), or of a video instead of its own. Bags
            bring their own stamps.
        start_ns: Stamp of the first frame of a folder or video in nanoseconds.

    Returns:
        The source, to be used in a `with` statement.

    Raises:
        SourceError: It is missing, empty, damaged from its start, of no known kind, or a bag whose
            image topic is not clear; the text says which.
        ValueError: `fps` is not a positive number, or `start_ns` is negative.
    """
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise ValueError(f'fps: expected a positive number, got {fps}')
    if start_ns < 0:
        raise ValueError(f'start_ns: expected 0 or more, got {start_ns}')
    path = Path(path)
    if not path.exists():
        raise SourceError(f'{path}: no such file or folder')
    if _is_bag(path):
        return BagSource(path, topic=topic)
    if topic is not None:
        raise SourceError(f'{path}: is no bag, and only a bag has a topic such as {topic}')
    if path.is_dir():
        return FolderSource(path, fps=fps, start_ns=start_ns)
    _refuse_known_others(path)
    return VideoSource(path, fps=fps, start_ns=start_ns)


def _is_bag(path: Path) -> bool:
    if path.is_dir():
        names = (item.name for item in path.iterdir())
        return any(name == 'metadata.yaml' or name.endswith(BAG_SUFFIXES) for name in names)
    return path.name.endswith(BAG_SUFFIXES)


def _refuse_known_others(path: Path) -> None:
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        raise SourceError(f'{path}: the file is empty')
    if suffix in IMAGE_SUFFIXES:
        raise SourceError(f'{path}: is a single image; give its folder')
    if suffix == '.bag':
        raise SourceError(f'{path}: is a bag of ROS 1; convert it with rosbags-convert')
