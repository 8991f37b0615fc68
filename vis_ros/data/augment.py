# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random views of clips: scale, crop, flip, colours; the same for all frames of a clip.

Source: Johnander et al., "Recurrent Graph Neural Networks for Video Instance Segmentation",
appendix B, and the official code. The colours are an addition, off unless asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vis_ros.data.clip import Clip
from vis_ros.data.label_boxes import label_boxes
from vis_ros.structures.options import option

_PADDING = {
    'mean': (124, 116, 104),
    'black': (0, 0, 0),
}  # ImageNet's mean, as the networks have it
_GREY = np.array((0.299, 0.587, 0.114))


@dataclass(frozen=True)
class AugmentConfig:
    """How clips are varied. The paper's: 342 x 608 to 720 x 1280, for an input of 480 x 864.

    Raises:
        ValueError: `low` is above `high`.
    """

    fit_height: int = option(
        720,
        'A clip of any size is fitted into this height and `fit_width`, its shape kept; the '
        'scales are relative to that.',
        unit='px',
        minimum=1,
        maximum=10000,
    )
    fit_width: int = option(1280, 'See `fit_height`.', unit='px', minimum=1, maximum=10000)
    low: float = option(0.475, 'Smallest scale.', minimum=0.01, maximum=10.0)
    high: float = option(1.0, 'Largest scale.', minimum=0.01, maximum=10.0)
    flip: float = option(0.5, 'Probability to exchange left and right.', minimum=0.0, maximum=1.0)
    center_rule: bool = option(
        True,
        'Whether an object is taken out of the frames in which the centre of its box lies outside '
        'of the crop, as in the official code; its pixels become background.',
    )
    padding: str = option(
        'mean',
        'Colour around pictures smaller than the input. The official code pads with 0 after it '
        'has subtracted the mean colour: that is `mean`.',
        choices=tuple(_PADDING),
    )
    brightness: float = option(
        0.0, 'Brightness is multiplied by up to 1 plus or minus this.', minimum=0.0, maximum=1.0
    )
    contrast: float = option(
        0.0, 'Contrast is multiplied by up to 1 plus or minus this.', minimum=0.0, maximum=1.0
    )
    saturation: float = option(
        0.0, 'Saturation is multiplied by up to 1 plus or minus this.', minimum=0.0, maximum=1.0
    )

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f'low: expected at most high = {self.high}, got {self.low}')


@dataclass(frozen=True, slots=True)
class _Span:
    """One axis: `scaled` pixels, of which `size` from `first` on go to `start` of the input."""

    scaled: int
    first: int
    start: int
    size: int

    @property
    def taken(self) -> slice:
        return slice(self.first, self.first + self.size)

    @property
    def put(self) -> slice:
        return slice(self.start, self.start + self.size)


def augment(
    clip: Clip, config: AugmentConfig, size: tuple[int, int], rng: np.random.Generator
) -> Clip:
    """Return a random view of a clip.

    The clip is scaled, cropped at random where it is larger than `size`, padded in equal parts on
    both sides where it is smaller, and flipped. Images are interpolated bilinearly, labels are
    those of the nearest pixel. Objects keep their numbers. How many random numbers are drawn does
    not depend on the clip or the configuration.

    Args:
        clip: The clip.
        config: What to vary.
        size: Height and width of the result [px].
        rng: Source of randomness.
    """
    height, width = clip.labels.shape[1:]
    draws = rng.random(7)
    fit = min(config.fit_height / height, config.fit_width / width)
    scale = fit * (config.low + (config.high - config.low) * draws[0])
    rows = _span(max(1, round(height * scale)), size[0], draws[1])
    columns = _span(max(1, round(width * scale)), size[1], draws[2])
    labels = clip.labels
    if config.center_rule:
        labels = _drop_off_centre(labels, clip.class_ids.size, rows, columns)
    images = _resized(clip.images, rows.scaled, columns.scaled, cv2.INTER_LINEAR)
    labels = _resized(labels, rows.scaled, columns.scaled, cv2.INTER_NEAREST_EXACT)
    strengths = (config.brightness, config.contrast, config.saturation)
    part = _recoloured(images[:, rows.taken, columns.taken], strengths, draws[4:])
    frames = len(images)
    out_images = np.empty((frames, *size, 3), np.uint8)
    out_images[:] = _PADDING[config.padding]
    out_images[:, rows.put, columns.put] = part
    out_labels = np.zeros((frames, *size), np.uint8)
    out_labels[:, rows.put, columns.put] = labels[:, rows.taken, columns.taken]
    view = Clip(out_images, out_labels, clip.class_ids)
    return flip_clip(view) if draws[3] < config.flip else view


def flip_clip(clip: Clip) -> Clip:
    """Return the clip with left and right exchanged."""
    return Clip(
        np.ascontiguousarray(clip.images[:, :, ::-1]),
        np.ascontiguousarray(clip.labels[:, :, ::-1]),
        clip.class_ids,
    )


def resize_clip(clip: Clip, size: tuple[int, int]) -> Clip:
    """Return the clip stretched to a height and a width [px], as `prepare` does before a network.

    The shape is not kept; images bilinearly, labels by the nearest pixel.
    """
    return Clip(
        _resized(clip.images, *size, cv2.INTER_LINEAR),
        _resized(clip.labels, *size, cv2.INTER_NEAREST_EXACT),
        clip.class_ids,
    )


def drop_unseen(clip: Clip) -> Clip:
    """Return the clip without the objects that own no pixel in it; the others move up."""
    tall = np.ascontiguousarray(clip.labels).reshape(-1, clip.labels.shape[2])
    if not tall.size:
        return clip
    pixels = cv2.calcHist([tall], [0], None, [256], [0, 256]).ravel()[1:]
    seen = np.flatnonzero(pixels[: clip.class_ids.size])
    if seen.size == clip.class_ids.size:
        return clip
    table = np.zeros(256, np.uint8)
    table[seen + 1] = np.arange(1, seen.size + 1)
    labels = cv2.LUT(tall, table).reshape(clip.labels.shape)
    return Clip(clip.images, labels, clip.class_ids[seen])


def _span(scaled: int, size: int, draw: float) -> _Span:
    """Return where `scaled` pixels go along an axis of `size`."""
    if scaled <= size:
        return _Span(scaled, first=0, start=(size - scaled) // 2, size=scaled)
    return _Span(scaled, first=int(draw * (scaled - size + 1)), start=0, size=size)


def _resized(pictures: np.ndarray, height: int, width: int, method: int) -> np.ndarray:
    """Return pictures (T, H, W) or (T, H, W, 3) at another size; themselves at their own."""
    if pictures.shape[1:3] == (height, width):
        return pictures
    out = np.empty((len(pictures), height, width, *pictures.shape[3:]), np.uint8)
    for picture, place in zip(pictures, out, strict=True):
        place[:] = cv2.resize(picture, (width, height), interpolation=method)
    return out


def _drop_off_centre(labels: np.ndarray, count: int, rows: _Span, columns: _Span) -> np.ndarray:
    """Return labels (T, H, W) without the objects whose box is centred outside of the crop."""
    boxes, is_visible = label_boxes(labels, count)
    height, width = labels.shape[1:]
    x = (boxes[..., 0] + boxes[..., 2]) / 2 * (columns.scaled / width) - columns.first
    y = (boxes[..., 1] + boxes[..., 3]) / 2 * (rows.scaled / height) - rows.first
    is_inside = (x >= 0) & (x < columns.size) & (y >= 0) & (y < rows.size)
    is_kept = is_inside | ~is_visible
    if is_kept.all():
        return labels
    table = np.zeros((len(labels), 256), np.uint8)
    table[:, 1 : count + 1] = np.where(is_kept, np.arange(1, count + 1), 0)
    return np.stack([cv2.LUT(frame, own) for own, frame in zip(table, labels, strict=True)])


def _recoloured(images: np.ndarray, strengths: Sequence[float], draws: np.ndarray) -> np.ndarray:
    """Return images (T, H, W, 3) with other brightness, contrast and saturation.

    All three are linear, so that they are one matrix: saturation moves a colour away from its own
    grey, contrast away from the mean grey of the clip.

    Args:
        images: The clip.
        strengths: Of brightness, contrast and saturation.
        draws: A number in [0, 1) for each.
    """
    if not any(strengths) or not images.size:
        return images
    brightness, contrast, saturation = 1 + np.asarray(strengths) * (2 * draws - 1)
    frames, height, width, _ = images.shape
    mean = images.reshape(-1, 3).mean(axis=0) @ _GREY
    matrix = saturation * np.eye(3) + (1 - saturation) * _GREY  # (3, 3), each row adds the grey
    offset = np.full((3, 1), brightness * (1 - contrast) * mean)
    affine = np.hstack([brightness * contrast * matrix, offset])
    tall = np.ascontiguousarray(images).reshape(frames * height, width, 3)
    return cv2.transform(tall, affine).reshape(images.shape)  # rounds and clips
