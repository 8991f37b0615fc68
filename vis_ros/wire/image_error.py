# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one error of this room, and the limits that images from the wire must keep."""

MAX_PIXELS = 2**28
"""Most pixels of an image that is accepted; more is a broken message or a decompression bomb."""


class ImageError(ValueError):
    """A message that is not a whole, readable image. The text names the field and the numbers."""


def check_size(width: int, height: int) -> None:
    """Refuse images without a pixel and images that would fill the memory.

    Args:
        width: Columns [px].
        height: Rows [px].

    Raises:
        ImageError: A side is below 1, or there are more than `MAX_PIXELS` pixels.
    """
    if width < 1 or height < 1:
        raise ImageError(f'expected at least one pixel, got width {width} and height {height}')
    if width * height > MAX_PIXELS:
        raise ImageError(
            f'expected at most {MAX_PIXELS} pixels, got width {width} and height {height}'
        )
