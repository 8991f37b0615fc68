# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Methods that are trained from end to end: they see the images themselves, frame by frame."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from common import FPS, KEPT, TUNED, best_threshold, figures, kept_out, only
from torch import Tensor

from vis_ros.evaluation.data_sets import match_classes
from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.run_results import VideoResults
from vis_ros.evaluation.video_runs import VideoImages
from vis_ros.evaluation.ytvis import Annotations, Video, read_annotations
from vis_ros.methods import Method
from vis_ros.nn.maskprop.clips import Seen
from vis_ros.pipeline.session import Processed, TrackingSession
from vis_ros.structures import Frame, FrameResult
from vis_ros.training.sources import ANNOTATIONS, IMAGES

TRACKING = ('IDP', 'IDR')  # kept of these methods beside what all rows have
KEPT_FRAMES = 64  # more than any clip has before its last frame


class Images:
    """Videos with ground truth, read from their files each time.

    Args:
        annotations: The videos and their truth.
        folder: Folder of the images.
    """

    def __init__(self, annotations: Annotations, folder: Path) -> None:
        self.annotations, self._folder = annotations, folder

    def run(self, methods: Sequence[Method]) -> list[tuple[list[ResultTrack], float]]:
        """Return the results of methods, each video a stream of its own, and their times.

        A time is that of this process on all cores, so that other programs count little.

        Args:
            methods: One; or several that make the same of a frame by itself, which is computed
                once then, and counts for each.

        Returns:
            For each method its results; and milliseconds of a frame, the mean.
        """
        results: list[list[ResultTrack]] = [[] for _ in methods]
        seconds, frames = [0.0] * len(methods), 0
        for video in self.annotations.videos.values():
            sight = Sight(methods[0]) if len(methods) > 1 else None
            streams = [self._stream(method, video, sight) for method in methods]
            for frame in VideoImages(self._folder, video, fps=FPS):
                shared = 0.0 if sight is None else sight.see(frame)
                for k, stream in enumerate(streams):
                    seconds[k] += shared + stream.process(frame)
            for k, stream in enumerate(streams):
                seconds[k] += stream.flush()
                results[k] += stream.gathered.finish()
            frames += video.length
        return [(r, 1e3 * s / max(frames, 1)) for r, s in zip(results, seconds, strict=True)]

    def _stream(self, method: Method, video: Video, sight: Sight | None) -> Stream:
        categories = match_classes(method.classes, self.annotations.categories)
        stamps_ns = VideoImages(self._folder, video, fps=FPS).stamps_ns
        place_of = {stamp_ns: t for t, stamp_ns in enumerate(stamps_ns)}
        seeing: Any = method if sight is None else Onlooker(method, sight)
        gathered = VideoResults(video, categories)
        return Stream(TrackingSession(seeing), place_of, gathered, sight)


@dataclass(frozen=True)
class Stream:
    """A method on a video.

    Args:
        session: Of the method.
        place_of: Place of each frame in the video, by its stamp.
        gathered: The results.
        sight: What it shares with others, if it does.
    """

    session: TrackingSession
    place_of: Mapping[int, int]
    gathered: VideoResults
    sight: Sight | None

    def process(self, frame: Frame) -> float:
        """Take a frame; return the time [s]."""
        return self._add(lambda: self.session.process(frame))

    def flush(self) -> float:
        """End the video; return the time [s]."""
        return self._add(self.session.flush)

    def _add(self, work: Callable[[], Sequence[Processed]]) -> float:
        start = time.process_time()
        ready = work()
        seconds = time.process_time() - start
        for item in ready:
            self.gathered.add(self.place_of[item.result.stamp_ns], item.result)
        return seconds + (0.0 if self.sight is None else self.sight.take_spared())


class Sight:
    """What a method makes of the latest frame by itself, and of pairs of the last frames.

    Args:
        method: The method, see `NetworkMethod.look` and `MaskPropMethod.carry`.
    """

    def __init__(self, method: Any) -> None:
        self._method = method
        self._carried: dict[int, tuple[Tensor, dict[int, Carried]]] = {}
        self._spared = 0.0
        self.look: Any = None

    @torch.inference_mode()
    def see(self, frame: Frame) -> float:
        """Look at a frame; return the time [s]."""
        start = time.process_time()
        (self.look,) = self._method.look([frame])
        return time.process_time() - start

    def carry(self, source: Seen, others: Sequence[Seen]) -> Tensor:
        """See `MaskPropMethod.carry`; nothing is carried twice to the same frame.

        Frames are the same where their tensors are, and not only equal.
        """
        assert source.content is not None
        regions = source.content.regions
        known = self._carried.setdefault(id(regions), (regions, {}))[1]
        left = [other for other in others if id(other.view) not in known]
        start = time.process_time()
        masks = type(self._method).carry(self._method, source, left)
        seconds = time.process_time() - start
        for k, other in enumerate(left):
            known[id(other.view)] = Carried(other.view, masks[:, k : k + 1], seconds / len(left))
        while len(self._carried) > KEPT_FRAMES:
            del self._carried[next(iter(self._carried))]
        found = [known[id(other.view)] for other in others]
        self._spared += sum(each.seconds for each in found) - (seconds if left else 0.0)
        return torch.cat([masks[:, :0], *(each.masks for each in found)], dim=1)

    def take_spared(self) -> float:
        """Return the time [s] that others spent on what was asked for since the last call."""
        spared, self._spared = self._spared, 0.0
        return spared


class Carried(NamedTuple):
    """What the N instances of a frame become in another one.

    Args:
        view: The other frame.
        masks: float tensor (N, 1, h, w).
        seconds: What it took.
    """

    view: Tensor
    masks: Tensor
    seconds: float


class Onlooker:
    """A method that goes on from what another one saw.

    Args:
        method: The method.
        sight: Of the other one, which has looked at each frame before it comes here.
    """

    def __init__(self, method: Any, sight: Sight) -> None:
        self._method, self._sight = method, sight
        if hasattr(method, 'carry'):
            method.carry = sight.carry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    @torch.inference_mode()
    def step(self, state: Any, frame: Frame) -> tuple[Any, list[FrameResult]]:
        """See `NetworkMethod.step`."""
        return state, self._method.go_on(state, self._sight.look, frame)


@functools.cache
def held_out(folder: Path) -> Images:
    """Return the held-out part of a benchmark."""
    return Images(read_annotations(folder / ANNOTATIONS), folder / IMAGES)


@functools.cache
def validation(folder: Path) -> Images:
    """Return the first of the videos that trainings on a part keep out."""
    videos = kept_out(folder).videos[:TUNED]
    return Images(only(read_annotations(folder / ANNOTATIONS), videos), folder / IMAGES)


def scores(
    methods: Sequence[Method], data: Path, benchmarks: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what is stored of each method: its threshold, and figures of each benchmark.

    Args:
        methods: See `Images.run`.
        data: Folder of the benchmarks.
        benchmarks: Their names.
    """
    tried = [validation(data / name / 'train') for name in benchmarks]
    runs = [part.run(methods) for part in tried]
    found: list[dict[str, Any]] = []
    for own in zip(*runs, strict=True):
        pairs = [(part.annotations, run[0]) for part, run in zip(tried, own, strict=True)]
        found.append({'threshold': best_threshold(pairs)})
    for name in benchmarks:
        part = held_out(data / name / 'heldout')
        for document, (results, milliseconds) in zip(found, part.run(methods), strict=True):
            document[name] = {
                **figures(part.annotations, results, document['threshold'], KEPT + TRACKING),
                'cpu_ms_per_frame': round(milliseconds, 2),
            }
    return found
