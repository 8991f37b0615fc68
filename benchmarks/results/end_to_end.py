# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Methods that are trained from end to end: they see the images themselves, frame by frame."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import FPS, KEPT, TUNED, best_threshold, figures, kept_out, only

from vis_ros.evaluation.data_sets import match_classes
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.video_runs import VideoImages
from vis_ros.evaluation.ytvis import Annotations, Video, read_annotations
from vis_ros.methods import Method
from vis_ros.pipeline.session import TrackingSession
from vis_ros.training.sources import ANNOTATIONS, IMAGES

TRACKING = ('IDP', 'IDR')  # kept of these methods beside what all rows have


class Images:
    """Videos with ground truth, read from their files each time.

    Args:
        annotations: The videos and their truth.
        folder: Folder of the images.
    """

    def __init__(self, annotations: Annotations, folder: Path) -> None:
        self.annotations, self._folder = annotations, folder

    def run(self, method: Method) -> tuple[list[ResultTrack], float]:
        """Return the results of a method, each video a stream of its own, and its time.

        The time is that of this process on all cores, so that other programs count little.

        Returns:
            Results; and milliseconds of a frame, the mean.
        """
        categories = match_classes(method.classes, self.annotations.categories)
        results: list[ResultTrack] = []
        seconds, frames = 0.0, 0
        for video in self.annotations.videos.values():
            gathered = VideoResults(video, categories)
            seconds += self._follow(TrackingSession(method), video, gathered)
            frames += video.length
            results += gathered.finish()
        return results, 1e3 * seconds / max(frames, 1)

    def _follow(self, session: TrackingSession, video: Video, gathered: VideoResults) -> float:
        """Return how long the method worked on a video [s]."""
        images = VideoImages(self._folder, video, fps=FPS)
        place_of = {stamp_ns: t for t, stamp_ns in enumerate(images.stamps_ns)}
        seconds = 0.0
        for frame in images:
            start = time.process_time()
            ready = session.process(frame)
            seconds += time.process_time() - start
            for item in ready:
                gathered.add(place_of[item.result.stamp_ns], item.result)
        start = time.process_time()
        ready = session.flush()
        seconds += time.process_time() - start
        for item in ready:
            gathered.add(place_of[item.result.stamp_ns], item.result)
        return seconds


@functools.cache
def held_out(folder: Path) -> Images:
    """Return the held-out part of a benchmark."""
    return Images(read_annotations(folder / ANNOTATIONS), folder / IMAGES)


@functools.cache
def validation(folder: Path) -> Images:
    """Return the first of the videos that trainings on a part keep out."""
    videos = kept_out(folder).videos[:TUNED]
    return Images(only(read_annotations(folder / ANNOTATIONS), videos), folder / IMAGES)


def scores(method: Method, data: Path, benchmarks: Sequence[str]) -> dict[str, Any]:
    """Return what is stored of a method: its threshold, and figures of each benchmark.

    Args:
        method: The method.
        data: Folder of the benchmarks.
        benchmarks: Their names.
    """
    tried = [validation(data / name / 'train') for name in benchmarks]
    found: dict[str, Any] = {
        'threshold': best_threshold([(part.annotations, part.run(method)[0]) for part in tried])
    }
    for name in benchmarks:
        part = held_out(data / name / 'heldout')
        results, milliseconds = part.run(method)
        found[name] = {
            **figures(part.annotations, results, found['threshold'], KEPT + TRACKING),
            'cpu_ms_per_frame': round(milliseconds, 2),
        }
    return found
