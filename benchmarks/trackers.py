# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our training-free methods and well-known trackers, all fed with boxes; no benchmark by itself.

Each has its default options, with these exceptions: `deepsort` sees one appearance everywhere and
goes by motion, so that no tracker knows more than the boxes; ours have slots for twice the objects
where that is more than by default; motpy has the noise of its README; norfair, which has no
default there, needs an IoU of 0.3 as ours do. Tracks that were not seen in a frame do not count.

The others are optional. `pip install 'vis_ros[compare]'` brings motpy and supervision, before its
version 0.31, in which ByteTrack is gone (its place is `trackers` now, which asks for
opencv-python and so overwrites opencv-python-headless). norfair 2.3 asks for numpy, filterpy and
rich before their versions 2, 2 and 15 and so is no part of it; it works with the newer ones:
`pip install --no-deps norfair`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from vis_ros.detectors.base import Detector
from vis_ros.methods import METHODS
from vis_ros.ops.histogram import HISTOGRAM_SIZE
from vis_ros.structures import CropMask, Detections, Frame
from vis_ros.structures.options import build_config

HEIGHT, WIDTH = 720, 1280
RATE_HZ = 30.0
_MASK_PX = 8
_README_OF_MOTPY: Mapping[str, Any] = {  # with its own default boxes lag behind these objects
    'order_pos': 1,
    'dim_pos': 2,
    'order_size': 0,
    'dim_size': 2,
    'q_var_pos': 1000.0,
    'r_var_pos': 0.1,
}


class Found(NamedTuple):
    """What a detector found in a frame.

    Args:
        index: Number of the frame.
        boxes: float32 array (N, 4), xyxy [px].
        scores: float32 array (N,).
    """

    index: int
    boxes: np.ndarray
    scores: np.ndarray


Shown = list[tuple[Hashable, Any]]
"""Id and box, xyxy [px], of each track that was seen in the frame."""


class Tracker(NamedTuple):
    """Something that follows objects.

    Args:
        take: Returns detections in the form that the tracker takes.
        step: Takes them and returns its tracks, in its own form; only this is timed.
        show: Returns these as ids and boxes.
    """

    take: Callable[[Found], Any]
    step: Callable[[Any], Any]
    show: Callable[[Any], Shown]


class _Given(Detector):
    """Finds what it was given; stands in for `motion`."""

    classes = ('object',)
    feature_size = HISTOGRAM_SIZE

    def __init__(self) -> None:
        self.found = Detections.empty(HISTOGRAM_SIZE)

    def init_state(self) -> None:
        return None

    def detect(self, state: None, frame: Frame) -> tuple[None, Detections]:
        return None, self.found


def _ours(name: str, options: Mapping[str, Any]) -> Callable[[int], Tracker]:
    def make(objects: int) -> Tracker:
        given = {'memory.capacity': max(64, 2 * objects), **options}  # 64: as it is by default
        config = build_config(METHODS[name].Config, given)
        method = METHODS[name](config, weights=None, device='cpu')
        method.detector = detector = _Given()
        state, image = method.init_state(), np.zeros((HEIGHT, WIDTH, 3), np.uint8)

        def step(taken: tuple[Frame, Detections]) -> Any:
            nonlocal state
            frame, detector.found = taken
            state, (result,) = method.step(state, frame)
            return result

        return Tracker(
            lambda found: (Frame(image, round(found.index * 1e9 / RATE_HZ)), _detections(found)),
            step,
            lambda result: [(t.track_id, t.box) for t in result.tracks if t.is_observed],
        )

    return make


def _detections(found: Found) -> Detections:
    count = len(found.boxes)
    pixels = np.ones((_MASK_PX, _MASK_PX), np.bool_)
    looks = np.full((count, HISTOGRAM_SIZE), HISTOGRAM_SIZE**-0.5, np.float32)
    masks = tuple(CropMask(round(x), round(y), pixels) for x, y in found.boxes[:, :2].tolist())
    return Detections(found.boxes, found.scores, np.zeros(count, np.int64), masks, looks)


def _motpy(objects: int) -> Tracker:
    from motpy import Detection, MultiObjectTracker

    tracker = MultiObjectTracker(
        dt=1 / RATE_HZ,
        model_spec=dict(_README_OF_MOTPY),
        active_tracks_kwargs={'max_staleness': 1},  # those seen now
    )
    return Tracker(
        lambda found: [
            Detection(box=box, score=score, class_id=0) for box, score in _float64(found)
        ],
        tracker.step,
        lambda tracks: [(track.id, track.box) for track in tracks],
    )


def _norfair(objects: int) -> Tracker:
    from norfair import Detection
    from norfair import Tracker as NorfairTracker

    tracker = NorfairTracker(distance_function='iou', distance_threshold=0.7)

    def step(taken: list[Any]) -> Any:
        return taken, tracker.update(taken)

    def show(result: tuple[list[Any], list[Any]]) -> Shown:
        now = {id(detection) for detection in result[0]}
        seen = [each for each in result[1] if id(each.last_detection) in now]
        return [(each.id, each.estimate.reshape(4)) for each in seen]

    def take(found: Found) -> list[Any]:
        corners = [(box.reshape(2, 2), np.full(2, score)) for box, score in _float64(found)]
        return [Detection(points, scores) for points, scores in corners]

    return Tracker(take, step, show)


def _bytetrack(objects: int) -> Tracker:
    from supervision import ByteTrack
    from supervision import Detections as Boxes

    tracker = ByteTrack(frame_rate=RATE_HZ)

    def take(found: Found) -> Any:
        classes = np.zeros(len(found.boxes), np.int64)
        return Boxes(xyxy=found.boxes, confidence=found.scores, class_id=classes)

    def show(result: Any) -> Shown:
        return list(zip(result.tracker_id.tolist(), result.xyxy, strict=True))

    return Tracker(take, tracker.update_with_detections, show)


def _float64(found: Found) -> Iterator[tuple[np.ndarray, float]]:
    yield from zip(found.boxes.astype(np.float64), found.scores.tolist(), strict=True)


TRACKERS: Mapping[str, Callable[[int], Tracker]] = {
    'iou': _ours('iou', {}),
    'deepsort': _ours('deepsort', {'motion_weight': 1.0}),
    'motpy': _motpy,
    'norfair': _norfair,
    'bytetrack': _bytetrack,
}
"""Makers by name, each for so many objects at once; ImportError where its package is missing."""
PACKAGES: Mapping[str, str] = {'motpy': 'motpy', 'norfair': 'norfair', 'bytetrack': 'supervision'}
"""Names on PyPI, of the trackers that are not ours."""
