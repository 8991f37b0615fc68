# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results drawn into the image, and as an image of labels."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from vis_ros.media.palette import GREY, Colour, text_colour, track_colour
from vis_ros.ops.rle import decode
from vis_ros.structures.result import FrameResult
from vis_ros.structures.track import Box, Track, TrackState

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DASH_PX, _GAP_PX = 8, 6
_KERNEL = np.ones((3, 3), np.uint8)

_Pixels = tuple[slice, slice, np.ndarray]  # rows, columns, uint8 (h, w) mask of 0 and 1


def draw_overlay(
    image: np.ndarray,
    result: FrameResult,
    class_names: Sequence[str],
    *,
    alpha: float = 0.45,
) -> np.ndarray:
    """Return a copy of the image with all tracks drawn into it.

    Each track has the colour of its id: filled mask, contour, box, and a label of id, class and
    score. Tentative tracks have a thin box. Lost ones have a dashed grey box and a grey label.
    Later tracks lie on top; labels lie on top of everything.

    Args:
        image: uint8 array (H, W, 3), RGB.
        result: What to draw; its size is that of the image.
        class_names: Names by class id; a class beyond them is shown by its number.
        alpha: Opacity of the masks in [0, 1].

    Returns:
        uint8 array (H, W, 3), RGB.

    Raises:
        ValueError: Image and result differ in size, or `alpha` is out of its range.
    """
    shape = (result.height, result.width, 3)
    if image.shape != shape or image.dtype != np.uint8:
        raise ValueError(f'image: expected uint8 {shape}, got {image.dtype} {image.shape}')
    if not 0 <= alpha <= 1:
        raise ValueError(f'alpha: expected a value in [0, 1], got {alpha}')
    canvas = image.copy(order='C')
    scale = max(1.0, min(result.height, result.width) / 720)
    for track in result.tracks:
        _draw_mask(canvas, track, alpha, round(scale))
    for track in result.tracks:
        _draw_box(canvas, track, scale)
    for track in result.tracks:
        _draw_label(canvas, track, class_names, scale)
    return canvas


def draw_labels(result: FrameResult) -> np.ndarray:
    """Return an image that says for each pixel which track it belongs to.

    Where masks overlap, the track that comes later in `result.tracks` is on top: that is the one
    with the higher id.

    Returns:
        uint16 array (H, W): slot + 1 of an observed track, 0 where there is none.
    """
    labels = np.zeros((result.height, result.width), np.uint16)
    for track in result.tracks:
        if (pixels := _pixels_of(track, labels)) is not None:
            rows, columns, mask = pixels
            np.copyto(labels[rows, columns], np.uint16(track.slot + 1), where=mask.view(np.bool_))
    return labels


def _pixels_of(track: Track, canvas: np.ndarray) -> _Pixels | None:
    """Return the part of the canvas under a track's mask, and the mask there; None for nothing."""
    rle = track.mask
    right, bottom = (
        min(rle.x + rle.width, canvas.shape[1]),
        min(rle.y + rle.height, canvas.shape[0]),
    )
    left, top = max(rle.x, 0), max(rle.y, 0)
    if not track.is_observed or right <= left or bottom <= top:
        return None
    mask = decode(rle)[top - rle.y : bottom - rle.y, left - rle.x : right - rle.x]
    return slice(top, bottom), slice(left, right), np.ascontiguousarray(mask).view(np.uint8)


def _draw_mask(canvas: np.ndarray, track: Track, alpha: float, edge_px: int) -> None:
    if (pixels := _pixels_of(track, canvas)) is None:
        return
    rows, columns, mask = pixels
    crop = canvas[rows, columns]
    paint = np.empty_like(crop)
    paint[:] = track_colour(track.track_id)
    cv2.copyTo(cv2.addWeighted(crop, 1 - alpha, paint, alpha, 0), mask, crop)  # into the canvas
    inside = cv2.erode(mask, _KERNEL, iterations=edge_px, borderType=cv2.BORDER_CONSTANT)
    cv2.copyTo(paint, mask - inside, crop)


def _corners(box: Box, canvas: np.ndarray) -> tuple[int, int, int, int]:
    """Return first and last column and row of a box, at most one pixel outside of the canvas."""
    height, width = canvas.shape[:2]
    left, top, right, bottom = (value if math.isfinite(value) else 0.0 for value in box)
    x0, x1 = (min(max(round(value), -1), width) for value in (left, right - 1))
    y0, y1 = (min(max(round(value), -1), height) for value in (top, bottom - 1))
    return x0, y0, max(x0, x1), max(y0, y1)


def _draw_box(canvas: np.ndarray, track: Track, scale: float) -> None:
    x0, y0, x1, y1 = _corners(track.box, canvas)
    if track.state == TrackState.LOST:
        _draw_dashed(canvas, x0, y0, x1, y1)
        return
    thickness = 1 if track.state == TrackState.TENTATIVE else round(2 * scale)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), track_colour(track.track_id), thickness)


def _draw_dashed(canvas: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> None:
    """Draw a grey dashed rectangle; what lies outside of the canvas is left out."""
    height, width = canvas.shape[:2]
    columns = np.arange(max(x0, 0), min(x1 + 1, width))
    rows = np.arange(max(y0, 0), min(y1 + 1, height))
    columns = columns[(columns - x0) % (_DASH_PX + _GAP_PX) < _DASH_PX]
    rows = rows[(rows - y0) % (_DASH_PX + _GAP_PX) < _DASH_PX]
    for y in (y0, y1):
        if 0 <= y < height:
            canvas[y, columns] = GREY
    for x in (x0, x1):
        if 0 <= x < width:
            canvas[rows, x] = GREY


def _draw_label(
    canvas: np.ndarray, track: Track, class_names: Sequence[str], scale: float
) -> None:
    is_named = 0 <= track.class_id < len(class_names)
    name = class_names[track.class_id] if is_named else f'class {track.class_id}'
    colour: Colour = track_colour(track.track_id)
    text = f'{track.track_id} {name} {track.score:.2f}'
    if track.state == TrackState.LOST:
        colour, text = GREY, f'{track.track_id} {name}'
    draw_text(canvas, text, _corners(track.box, canvas)[:2], colour, scale=0.45 * scale)


def draw_text(
    canvas: np.ndarray, text: str, corner: tuple[int, int], fill: Colour, *, scale: float
) -> None:
    """Write a line on a filled background, above `corner` where there is room, else below it.

    Args:
        canvas: uint8 array (H, W, 3), RGB, written to.
        text: The line.
        corner: Column and row of the left end of the text's background [px].
        fill: Background; the text is black or white, whichever is easier to read on it.
        scale: Size, 1 being about 22 px high.
    """
    thickness = max(1, round(1.2 * scale))
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    full = height + baseline + 2
    left = max(0, min(corner[0], canvas.shape[1] - width - 2))
    top = corner[1] - full if corner[1] >= full else max(0, corner[1])
    top = max(0, min(top, canvas.shape[0] - full))
    cv2.rectangle(canvas, (left, top), (left + width + 1, top + full - 1), fill, cv2.FILLED)
    start = (left + 1, top + height + 1)
    cv2.putText(canvas, text, start, _FONT, scale, text_colour(fill), thickness, cv2.LINE_AA)
