# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From results to `foxglove_msgs/ImageAnnotations`: boxes, outlines and names over the image.

Foxglove measures as we do: the origin is the top left corner of the top left pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from vis_ros.ops.outlines import outlines
from vis_ros.ops.rle import to_crop
from vis_ros.structures import FrameResult, Track, TrackState
from vis_ros.wire.messages import Messages
from vis_ros.wire.stamps import ns_to_stamp

ANNOTATIONS_TYPE = 'foxglove_msgs/msg/ImageAnnotations'
_POINTS_TYPE = 'foxglove_msgs/msg/PointsAnnotation'
_TEXT_TYPE = 'foxglove_msgs/msg/TextAnnotation'

Colour = tuple[int, int, int]
"""Red, green, blue in [0, 255]."""

_LINE_LOOP = 2  # of PointsAnnotation: a closed polygon
_LOST_COLOUR: Colour = (160, 160, 160)
_FONT_PX = 14.0  # in an image of 720 rows


def annotations_message(
    messages: Messages,
    result: FrameResult,
    *,
    class_names: Sequence[str],
    colour_of: Callable[[int], Colour],
) -> Any:
    """Return the annotations of a frame.

    An observed track has its box, the outlines of its mask and a text with id, class and score, in
    the colour of its id; a lost one has a thin grey box and a grey text. Boxes without area are
    left out, and so are their texts.

    Args:
        messages: Who makes the message; versions of foxglove_msgs with and without `timestamp`
            and `metadata` are both served.
        result: Result of one frame.
        class_names: Name of each class id.
        colour_of: Colour of a track id.
    """
    stamp = ns_to_stamp(messages, result.stamp_ns)
    scale = max(1.0, min(result.height, result.width) / 720)
    points: list[Any] = []
    texts: list[Any] = []
    for track in result.tracks:
        x_min, y_min, x_max, y_max = track.box
        if x_max <= x_min or y_max <= y_min:
            continue
        colour = colour_of(track.track_id) if track.is_observed else _LOST_COLOUR
        for line, thickness in _lines(track, scale):
            points.append(_polygon(messages, stamp, line, colour, thickness))
        text = label_of(track, class_names)
        texts.append(_text(messages, stamp, text, (x_min, y_min), colour, _FONT_PX * scale))
    fields = {'timestamp': stamp, 'circles': [], 'points': points, 'texts': texts, 'metadata': []}
    return make_known(messages, ANNOTATIONS_TYPE, **fields)


def label_of(track: Track, class_names: Sequence[str]) -> str:
    """Return what is written beside a track: id, class, and the score while it is observed."""
    is_named = 0 <= track.class_id < len(class_names)
    name = class_names[track.class_id] if is_named else f'class {track.class_id}'
    return f'{track.track_id} {name}' + (f' {track.score:.2f}' if track.is_observed else '')


def make_known(messages: Messages, type_name: str, **fields: Any) -> Any:
    """Return a message with those of the fields that its type has on this machine."""
    known = messages.fields(type_name)
    return messages.make(type_name, **{k: value for k, value in fields.items() if k in known})


def _lines(track: Track, scale: float) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the points (P, 2) and the thickness [px] of the polygons of a track."""
    x_min, y_min, x_max, y_max = track.box
    is_trusted = track.state == TrackState.ACTIVE
    box = np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)], float)
    yield box, 2 * scale if is_trusted else 1.0
    if track.is_observed:
        for line in outlines(to_crop(track.mask)):
            yield line, scale


def _polygon(
    messages: Messages, stamp: Any, line: np.ndarray, colour: Colour, thickness: float
) -> Any:
    fields = {
        'timestamp': stamp,
        'type': _LINE_LOOP,
        'points': [messages.make('foxglove_msgs/msg/Point2', x=x, y=y) for x, y in line.tolist()],
        'outline_color': _colour(messages, colour, 1.0),
        'outline_colors': [],
        'fill_color': _colour(messages, colour, 0.0),
        'thickness': float(thickness),
        'metadata': [],
    }
    return make_known(messages, _POINTS_TYPE, **fields)


def _text(
    messages: Messages,
    stamp: Any,
    text: str,
    corner: tuple[float, float],
    colour: Colour,
    size: float,
) -> Any:
    """Return a text on a ground of that colour, above the corner where the image has room."""
    x, y = float(corner[0]), max(float(corner[1]), size)
    red, green, blue = colour
    is_bright = 0.299 * red + 0.587 * green + 0.114 * blue > 130
    ink: Colour = (0, 0, 0) if is_bright else (255, 255, 255)
    fields = {
        'timestamp': stamp,
        'position': messages.make('foxglove_msgs/msg/Point2', x=x, y=y),
        'text': text,
        'font_size': float(size),
        'text_color': _colour(messages, ink, 1.0),
        'background_color': _colour(messages, colour, 1.0),
        'metadata': [],
    }
    return make_known(messages, _TEXT_TYPE, **fields)


def _colour(messages: Messages, colour: Colour, alpha: float) -> Any:
    red, green, blue = (part / 255 for part in colour)
    return messages.make('foxglove_msgs/msg/Color', r=red, g=green, b=blue, a=alpha)
