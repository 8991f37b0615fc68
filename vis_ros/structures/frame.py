# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera image with its time."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Frame:
    """An RGB image and the stamp that its camera gave it.

    Args:
        image: uint8 array (H, W, 3), RGB, H and W at least 1. It is not copied and must not be
            written to while a method holds the frame.
        stamp_ns: Time of exposure in nanoseconds, of the camera's clock.
        frame_id: Coordinate frame of the camera, as in `std_msgs/Header`; may be empty.
        arrived_s: When its message came, by `time.perf_counter`; None if it did not come as one.
        prepared: What `Method.prepare` of the method that gets the frame made of it, or None.

    Raises:
        ValueError: The image has another shape or dtype, or the stamp is negative.
    """

    image: np.ndarray
    stamp_ns: int
    frame_id: str = ''
    arrived_s: float | None = None
    prepared: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        image = self.image
        if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f'image: expected an array (H, W, 3), got {_shape(image)}')
        if image.dtype != np.uint8:
            raise ValueError(f'image: expected uint8, got {image.dtype}')
        if image.shape[0] < 1 or image.shape[1] < 1:
            raise ValueError(f'image: expected at least one pixel, got {_shape(image)}')
        if self.stamp_ns < 0:
            raise ValueError(f'stamp_ns: expected 0 or more, got {self.stamp_ns}')

    @property
    def height(self) -> int:
        """Rows of the image."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns of the image."""
        return int(self.image.shape[1])


def _shape(image: object) -> str:
    return f'shape {image.shape}' if isinstance(image, np.ndarray) else type(image).__name__
