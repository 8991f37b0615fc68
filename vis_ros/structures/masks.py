# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two forms of an instance mask: dense pixels of a crop, and run lengths of a crop."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class CropMask:
    """Dense mask of one instance inside a crop of the source image.

    Args:
        x: First column of the crop in the source image [px].
        y: First row of the crop in the source image [px].
        pixels: bool array (h, w), True on the instance.
    """

    x: int
    y: int
    pixels: np.ndarray

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.bool_:
            raise ValueError(
                f'pixels: expected a bool array (h, w), got {self.pixels.dtype} '
                f'with shape {self.pixels.shape}'
            )

    @property
    def area_px(self) -> int:
        """Number of pixels on the instance."""
        return int(np.count_nonzero(self.pixels))


class Rle(NamedTuple):
    """Run lengths of a crop, as `vis_msgs/InstanceMask` carries them.

    The crop's pixels are read row by row; runs alternate between background and foreground and
    start with background. `Rle()` is the mask without a pixel.

    Args:
        x: First column of the crop in the source image [px].
        y: First row of the crop in the source image [px].
        width: Columns of the crop [px].
        height: Rows of the crop [px].
        counts: uint32 array (R,), lengths of the runs; their sum is width * height.
    """

    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0
    counts: np.ndarray = np.empty(0, np.uint32)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rle):
            return False
        return self[:4] == other[:4] and np.array_equal(self.counts, other.counts)

    def __ne__(self, other: object) -> bool:  # a tuple has one of its own
        return not self == other

    @property
    def area_px(self) -> int:
        """Number of pixels on the instance."""
        return int(self.counts[1::2].sum())
