# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A depth image, as it came."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class DepthImage:
    """Depth along the optical axis for each pixel; only what is looked at is ever converted.

    Args:
        values: Real array (H, W) of any dtype, byte order and strides, H and W at least 1; what
            is no depth is 0, NaN or infinite.
        unit_m: Metres of the value 1.
        stamp_ns: Time of exposure in nanoseconds.
        frame_id: Coordinate frame of the camera that the depths are registered to; may be empty.

    Raises:
        ValueError: The array is empty or has another number of dimensions.
    """

    values: np.ndarray
    unit_m: float = 1.0
    stamp_ns: int = 0
    frame_id: str = ''

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.size == 0:
            raise ValueError(
                f'values: expected an array (H, W) with pixels, got shape {self.values.shape}'
            )

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.values.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.values.shape[1])

    def metres(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a part as float32 metres."""
        part = self.values[rows, columns].astype(np.float32)
        return part if self.unit_m == 1.0 else part * np.float32(self.unit_m)
