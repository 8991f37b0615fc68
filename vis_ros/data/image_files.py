# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images and masks in files, with errors that name the file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vis_ros.media.folder_source import read_image
from vis_ros.wire.compressed import decode_data
from vis_ros.wire.image_error import ImageError


def read_frame(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return the pixels of an image file, uint8 (H, W, 3), RGB.

    Args:
        path: The file.
        size: Height and width [px] that it must have; None for any.

    Raises:
        ValueError: It is missing, damaged or of another size; the text names it.
    """
    try:
        image = read_image(path)
    except (ImageError, OSError) as error:
        raise ValueError(f'{path}: {error}') from error
    if size is not None and image.shape[:2] != size:
        raise ValueError(f'{path}: expected {size[0]} x {size[1]} pixels, got {image.shape[:2]}')
    return image


def read_mask_file(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the mask of a PNG file at the size of its image, bool (H, W).

    Args:
        path: The file, black where the object is not; its size may differ (nearest is taken).
        size: Height and width of the result [px].

    Raises:
        ValueError: It is missing or damaged; the text names it.
    """
    try:
        grey = decode_data(np.fromfile(path, np.uint8), is_grey=True)
    except (ImageError, OSError) as error:
        raise ValueError(f'{path}: {error}') from error
    if grey.shape != size:
        grey = cv2.resize(grey, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    is_object: np.ndarray = grey >= 128
    return is_object
