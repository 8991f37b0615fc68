# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Colours of tracks."""

import colorsys
from functools import lru_cache

Colour = tuple[int, int, int]
"""Red, green, blue in [0, 255]."""

GREY: Colour = (160, 160, 160)
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
_GOLDEN_RATIO = 0.618033988749895
_BRIGHTNESS = (1.0, 0.8, 0.9)


@lru_cache(maxsize=4096)
def track_colour(track_id: int) -> Colour:
    """Return the colour of a track: always the same, and far from those of its neighbours.

    Steps of the golden ratio keep the hues of any run of consecutive ids apart from each other.
    """
    hue = track_id * _GOLDEN_RATIO % 1.0
    parts = colorsys.hsv_to_rgb(hue, 0.8, _BRIGHTNESS[track_id % len(_BRIGHTNESS)])
    red, green, blue = (round(255 * part) for part in parts)
    return red, green, blue


def text_colour(background: Colour) -> Colour:
    """Return black or white, whichever can be read better on that background."""
    red, green, blue = background
    return BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else WHITE
