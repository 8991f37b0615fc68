# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Moving objects before a fixed camera, by background subtraction: no weights, no classes.

OpenCV's Gaussian mixture model (Zivkovic, "Improved Adaptive Gaussian Mixture Model for Background
Subtraction", ICPR 2004) marks the pixels that differ from the learned background; shadows are left
out; what hangs together is one object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

from vis_ros.detectors.base import Detector, register_detector
from vis_ros.memory.snapshot import Snapshot
from vis_ros.nn.weights import LoadedWeights
from vis_ros.ops.histogram import HISTOGRAM_SIZE, colour_histogram
from vis_ros.ops.masks import tight_box
from vis_ros.structures import CropMask, Detections, Frame
from vis_ros.structures.options import option

_FOREGROUND = 255  # OpenCV marks shadows by 127
_ABSORBED = 0.1  # a colour with this weight is background (1 - OpenCV's background ratio)
_MAX_LOOK_S = 1.0  # time that one frame may stand for; an hour without frames teaches nothing
_SAMPLES = 32  # frames of the warm-up that are kept for the median
_GROUND_TOLERANCE = 30  # difference of a colour channel from uncovered ground that is an object

_BAND = 2  # [px] half width of the outline on which edges are compared
_GHOST_RATIO = 1.5  # background edges this much stronger than the image's: a ghost


@dataclass(frozen=True)
class MotionConfig:
    """Background subtraction for a fixed camera."""

    absorption_s: float = option(
        15.0,
        'What stands still this long becomes background.',
        unit='s',
        minimum=0.1,
        maximum=86400.0,
    )
    warmup_s: float = option(
        1.0,
        'Nothing is reported in the first moments of a stream, while the background is learned.',
        unit='s',
        minimum=0.0,
        maximum=600.0,
    )
    sensitivity: float = option(
        30.0,
        'Squared Mahalanobis distance of a colour from the background that counts as foreground. '
        'Lower finds more objects and more noise.',
        minimum=1.0,
        maximum=1000.0,
    )
    width: int = option(
        640,
        'Columns at which the image is looked at; wider ones are shrunk.',
        unit='px',
        minimum=32,
        maximum=8192,
    )
    min_area: float = option(
        0.0008, 'Smallest object, as a share of the image area.', minimum=0.0, maximum=1.0
    )
    max_area: float = option(
        0.5,
        'Largest object, as a share of the image area; larger is a change of light.',
        minimum=0.0,
        maximum=1.0,
    )
    gap: float = option(
        0.02,
        'Gaps up to this share of the image height are closed, upwards more than sideways: parts '
        'of one person belong together.',
        minimum=0.0,
        maximum=0.5,
    )
    max_detections: int = option(
        64, 'At most this many objects, the largest first.', minimum=1, maximum=4096
    )


@dataclass
class MotionState:
    """Background model of one camera; learned anew when the image size changes.

    During the warm-up `samples` holds at most `_SAMPLES` small frames, afterwards none.
    """

    model: Any = None
    size: tuple[int, int] = (0, 0)
    start_ns: int = 0
    last_ns: int = 0
    samples: list[np.ndarray] = field(default_factory=list)
    uncovered: Any = None  # bool (h, w): ground that a ghost showed
    ground: Any = None  # uint8 (h, w, 3): what it looks like


@register_detector('motion')
class MotionDetector(Detector):
    """Detects what moves before a fixed camera. One class, `object`.

    The first background is the temporal median of the warm-up, so that people who walk through it
    leave nothing behind. Who stood still then and walks off later uncovers ground that differs
    from the model: such a ghost has edges in the background image, but none in the camera's image,
    and is left out, and its ground is remembered until the model has learned it.
    """

    Config = MotionConfig
    classes = ('object',)
    feature_size = HISTOGRAM_SIZE
    summary = 'moving objects before a fixed camera (background subtraction), class-agnostic'
    licence = 'Apache-2.0 (OpenCV)'

    def __init__(
        self, config: MotionConfig, *, weights: LoadedWeights | None = None, device: str = 'cpu'
    ) -> None:
        if weights is not None and not weights.is_random:
            raise ValueError(f'weights: the detector "motion" takes none, got {weights.source}')
        self.config = config

    def init_state(self) -> MotionState:
        """See `Detector.init_state`."""
        return MotionState()

    def detect(self, state: MotionState, frame: Frame) -> tuple[MotionState, Detections]:
        """See `Detector.detect`."""
        small, scale = self._shrink(frame.image)
        if state.size != small.shape[:2]:
            state = MotionState(None, (small.shape[0], small.shape[1]), frame.stamp_ns)
        if state.model is None:
            self._learn(state, small, frame.stamp_ns)
            return state, Detections.empty(self.feature_size)
        elapsed_s = min((frame.stamp_ns - state.last_ns) / 1e9, _MAX_LOOK_S)
        rate = 1.0 - (1.0 - _ABSORBED) ** (elapsed_s / self.config.absorption_s)
        state.last_ns = frame.stamp_ns
        foreground = state.model.apply(small, learningRate=rate) == _FOREGROUND
        state.uncovered &= foreground
        known = state.uncovered.nonzero()
        difference = np.abs(small[known].astype(np.int16) - state.ground[known])
        foreground[known] = difference.max(axis=1) > _GROUND_TOLERANCE
        found = self._objects(state, foreground, small)[: self.config.max_detections]
        masks = [_at_source_size(mask, scale, frame.image.shape[:2]) for mask in found]
        return state, _detections(masks, frame.image)

    def _shrink(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        scale = min(1.0, self.config.width / image.shape[1])
        if scale == 1.0:
            return image, 1.0
        size = (round(image.shape[1] * scale), max(1, round(image.shape[0] * scale)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale

    def _learn(self, state: MotionState, small: np.ndarray, stamp_ns: int) -> None:
        """Collect the frames of the warm-up; at its end make the model of their median."""
        state.samples.append(small.copy())
        if len(state.samples) > _SAMPLES:  # thin out evenly, whatever the frame rate
            del state.samples[1::2]
        state.last_ns = stamp_ns
        if stamp_ns - state.start_ns >= self.config.warmup_s * 1e9:
            self._start(state, np.median(state.samples, axis=0).astype(np.uint8))
            state.samples.clear()

    def _start(self, state: MotionState, background: np.ndarray) -> None:
        state.model = cv2.createBackgroundSubtractorMOG2(
            varThreshold=self.config.sensitivity, detectShadows=True
        )
        state.model.apply(background, learningRate=1.0)
        state.uncovered = np.zeros(background.shape[:2], np.bool_)
        state.ground = np.zeros_like(background)

    def _objects(
        self, state: MotionState, foreground: np.ndarray, image: np.ndarray
    ) -> list[CropMask]:
        """Return the objects of a foreground bool (h, w), the largest first."""
        mask = cv2.medianBlur(foreground.view(np.uint8), 3)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        gap_px = max(1, round(self.config.gap * mask.shape[0]))
        tall = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap_px // 4 | 1, gap_px | 1))
        joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, tall)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        area = stats[:count, cv2.CC_STAT_AREA] / mask.size
        is_object = (area >= self.config.min_area) & (area <= self.config.max_area)
        is_object[0] = False
        order = np.argsort(-area, kind='stable')
        found = [_component(labels, stats[label], label) for label in order if is_object[label]]
        if not found:
            return []
        background = state.model.getBackgroundImage()
        ghosts = [mask for mask in found if _is_ghost(mask, image, background)]
        for ghost in ghosts:
            h, w = ghost.pixels.shape
            window = (slice(ghost.y, ghost.y + h), slice(ghost.x, ghost.x + w))
            state.uncovered[window] |= ghost.pixels
            state.ground[window][ghost.pixels] = image[window][ghost.pixels]
        return [mask for mask in found if not any(mask is ghost for ghost in ghosts)]

    def save(self, state: MotionState) -> Snapshot:
        """See `Detector.save`. The model itself cannot be read out: its mean image is kept."""
        if state.model is None:
            return Snapshot({}, {})
        mean = torch.from_numpy(state.model.getBackgroundImage())
        return Snapshot({'background': mean}, {'last_ns': state.last_ns})

    def restore(self, snapshot: Snapshot) -> MotionState:
        """See `Detector.restore`. The model starts from the mean image, without a warm-up."""
        if 'background' not in snapshot.tensors:
            return self.init_state()
        background = snapshot.tensors['background'].numpy()
        shape = background.shape
        if background.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(f'background: expected uint8 (H, W, 3), got {shape}')
        last_ns = int(snapshot.meta['last_ns'])
        state = MotionState(None, (background.shape[0], background.shape[1]), last_ns, last_ns)
        self._start(state, background)
        return state


def _component(labels: np.ndarray, stats: np.ndarray, label: int) -> CropMask:
    x, y, w, h = stats[:4].tolist()
    return CropMask(x, y, labels[y : y + h, x : x + w] == label)


def _is_ghost(mask: CropMask, image: np.ndarray, background: np.ndarray) -> bool:
    """Return whether the outline of a mask is an edge of the background, not of the image."""
    h, w = mask.pixels.shape
    top, left = max(mask.y - _BAND, 0), max(mask.x - _BAND, 0)
    bottom = min(mask.y + h + _BAND, image.shape[0])
    right = min(mask.x + w + _BAND, image.shape[1])
    window = (slice(top, bottom), slice(left, right))
    area = np.zeros((bottom - top, right - left), np.uint8)
    area[mask.y - top : mask.y - top + h, mask.x - left : mask.x - left + w] = mask.pixels
    brush = np.ones((2 * _BAND + 1, 2 * _BAND + 1), np.uint8)
    outline = cv2.morphologyEx(area, cv2.MORPH_GRADIENT, brush) > 0
    now, before = (_edges(picture[window])[outline].mean() for picture in (image, background))
    return bool(before > _GHOST_RATIO * now)


def _edges(image: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


def _at_source_size(mask: CropMask, scale: float, size: tuple[int, ...]) -> CropMask:
    """Return a mask of the small image in the source image of `size` (rows, columns)."""
    if scale == 1.0:
        return mask
    h, w = mask.pixels.shape
    left, top = math.floor(mask.x / scale), math.floor(mask.y / scale)
    right = min(size[1], math.ceil((mask.x + w) / scale))
    bottom = min(size[0], math.ceil((mask.y + h) / scale))
    soft = cv2.resize(
        mask.pixels.astype(np.float32),
        (right - left, bottom - top),
        interpolation=cv2.INTER_LINEAR,
    )
    return CropMask(left, top, soft >= 0.5)


def _detections(masks: list[CropMask], image: np.ndarray) -> Detections:
    masks = [mask for mask in masks if mask.pixels.any()]
    if not masks:
        return Detections.empty(HISTOGRAM_SIZE)
    return Detections(
        boxes=np.array([tight_box(mask) for mask in masks], np.float32),
        scores=np.ones(len(masks), np.float32),
        class_ids=np.zeros(len(masks), np.int64),
        masks=tuple(masks),
        features=np.stack([colour_histogram(image, mask) for mask in masks]),
    )
