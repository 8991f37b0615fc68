# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What training takes from a data set: clips with the owner of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of one video and all objects in them; an image is a clip of one frame.

    Args:
        images: uint8 array (T, H, W, 3), RGB.
        labels: uint8 array (T, H, W), owner of each pixel: 0 for none, j + 1 for object j.
        class_ids: int64 array (J,), class of each object, 0 is the first of the data set.

    Raises:
        ValueError: Shapes or types do not fit; the text names them.
    """

    images: np.ndarray
    labels: np.ndarray
    class_ids: np.ndarray

    def __post_init__(self) -> None:
        images, labels, classes = self.images, self.labels, self.class_ids
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise ValueError(f'images: expected uint8 (T, H, W, 3), got {_form(images)}')
        if labels.dtype != np.uint8 or labels.shape != images.shape[:3]:
            raise ValueError(f'labels: expected uint8 {images.shape[:3]}, got {_form(labels)}')
        if classes.dtype != np.int64 or classes.ndim != 1:
            raise ValueError(f'class_ids: expected int64 (J,), got {_form(classes)}')


class Truth(NamedTuple):
    """The objects of a batch of clips, in tensors of a fixed size.

    Args:
        labels: uint8 tensor (B, T, H, W), owner of each pixel: 0 for none, j + 1 for object j.
        boxes: float32 tensor (B, T, J, 4), tight xyxy boxes of the labels in pixels, pixel i spans
            [i, i + 1); 0 where the object is not visible.
        is_visible: bool tensor (B, T, J), objects with at least one pixel.
        class_ids: int64 tensor (B, J), with the background as class 0: 1 is the first class of the
            data set; 0 for padding.
    """

    labels: Tensor
    boxes: Tensor
    is_visible: Tensor
    class_ids: Tensor


class DataSet(Protocol):
    """Videos with annotated objects."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def lengths(self) -> Sequence[int]:
        """Number of frames of each video."""
        ...

    def clip(self, video: int, frames: Sequence[int]) -> Clip:
        """Return frames of a video, 0 is the first; objects as in the whole video, so that object
        j is the same one whichever frames are asked for.

        Raises:
            ValueError: An image is missing, damaged or of another size; the text names the file.
        """
        ...


def _form(array: np.ndarray) -> str:
    return f'{array.dtype} {array.shape}'
