# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A method over one video with ground truth: all modes, and what they gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vis_ros.evaluation.data_sets import as_one_class, match_classes
from vis_ros.evaluation.method_runs import (
    MODES,
    Pace,
    RunCounts,
    run_at_rate,
    run_every_frame,
)
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.ytvis import Annotations, Video
from vis_ros.media.folder_source import read_image
from vis_ros.media.source import DEFAULT_FPS
from vis_ros.methods.base import Method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.structures import Frame


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a method is run and scored.

    Args:
        modes: Some of `MODES`, in their order.
        pace: How time passes in the mode `realtime`.
        is_class_agnostic: Whether all classes are one.
    """

    modes: tuple[str, ...] = MODES
    pace: Pace = field(default_factory=Pace)
    is_class_agnostic: bool = False


@dataclass(frozen=True, slots=True)
class Footage:
    """The images of a video.

    Args:
        frames: All images, from the first one on at each iteration.
        stamps_ns: Their stamps in nanoseconds, rising.
        truth_stamps_ns: Stamps of the images that have ground truth, in order.
    """

    frames: Iterable[Frame]
    stamps_ns: Sequence[int]
    truth_stamps_ns: Sequence[int]


@dataclass(frozen=True, slots=True)
class ModeRun:
    """What one mode gave: results as the servers take them, and counts."""

    results: tuple[ResultTrack, ...]
    counts: RunCounts


@dataclass(frozen=True, slots=True)
class VideoRuns:
    """What a method gave for one video.

    Args:
        annotations: The video and its ground truth.
        modes: By name.
        missing_classes: Classes with objects in the video that the method does not know.
        problems: Damage of the recording.
    """

    annotations: Annotations
    modes: Mapping[str, ModeRun]
    missing_classes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def run_video(
    method: Method, annotations: Annotations, footage: Footage, options: RunOptions
) -> VideoRuns:
    """Run a method over one video in all modes, each from an empty memory.

    Where the first mode measures times, one step on the first image warms the method up before, as
    the node does.

    Args:
        method: The method.
        annotations: Ground truth of one video, of the size of the images.
        footage: Its images.
        options: How.

    Raises:
        ValueError: Classes do not match, or a result is not valid.
        Exception: Whatever the method raises.
    """
    if options.is_class_agnostic:
        annotations = as_one_class(annotations)
    (video,) = annotations.videos.values()
    categories = match_classes(
        method.classes, annotations.categories, is_class_agnostic=options.is_class_agnostic
    )
    if options.modes[0] == 'realtime' and options.pace.step_ms is None:
        for frame in footage.frames:
            method.step(method.init_state(), frame)
            break
    runs = {
        mode: _run_mode(mode, method, VideoResults(video, categories), footage, options.pace)
        for mode in options.modes
    }
    seen = {track.category_id for track in annotations.tracks}
    missing = (annotations.categories[key] for key in sorted(seen.difference(categories)))
    return VideoRuns(annotations, runs, tuple(missing))


def _run_mode(
    mode: str, method: Method, results: VideoResults, footage: Footage, pace: Pace
) -> ModeRun:
    session = TrackingSession(method)
    positions = {stamp_ns: place for place, stamp_ns in enumerate(footage.truth_stamps_ns)}
    if mode == 'frames':
        counts = run_every_frame(session, footage.frames, results, positions=positions)
    else:
        counts = run_at_rate(
            session,
            footage.frames,
            results,
            stamps_ns=footage.stamps_ns,
            positions=positions,
            pace=pace,
        )
    return ModeRun(results.finish(), counts)


class VideoImages:
    """The images of one video of a data set.

    Args:
        folder: Folder that the file names are relative to.
        video: The video.
        fps: Frames per second, for the stamps, which start at 0.

    Raises:
        ValueError: While iterating: a file lies outside of the folder, cannot be read, or has
            another size than the video.
    """

    def __init__(self, folder: Path, video: Video, *, fps: float = DEFAULT_FPS) -> None:
        self._folder = folder.resolve()
        self._video = video
        self.stamps_ns = tuple(round(index * 1e9 / fps) for index in range(video.length))

    def __iter__(self) -> Iterator[Frame]:
        video = self._video
        for name, stamp_ns in zip(video.file_names, self.stamps_ns, strict=True):
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder):
                raise ValueError(f'video {video.video_id}: {name} lies outside of {self._folder}')
            try:
                frame = Frame(read_image(path), stamp_ns)
            except (OSError, ValueError) as error:
                raise ValueError(f'video {video.video_id}: {path}: {error}') from error
            if (frame.height, frame.width) != (video.height, video.width):
                raise ValueError(
                    f'video {video.video_id}: {path}: expected {video.height} x {video.width}, '
                    f'got {frame.height} x {frame.width}'
                )
            yield frame


def run_data_set_video(
    method: Method, annotations: Annotations, images: VideoImages, options: RunOptions
) -> VideoRuns:
    """Run a method over one video of a data set, of which every frame is scored.

    Raises:
        ValueError: See `run_video` and `VideoImages`.
        Exception: Whatever the method raises.
    """
    footage = Footage(images, images.stamps_ns, images.stamps_ns)
    return run_video(method, annotations, footage, options)
