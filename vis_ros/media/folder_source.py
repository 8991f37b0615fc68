# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a folder of image files."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vis_ros.media.natural import natural_key
from vis_ros.media.source import DEFAULT_FPS, Source, SourceError
from vis_ros.structures.frame import Frame
from vis_ros.wire.compressed import decode_data
from vis_ros.wire.image_error import ImageError, check_size

CHECKED_SUFFIXES = ('.jpeg', '.jpg', '.png')  # their headers are checked before they are decoded
IMAGE_SUFFIXES = (*CHECKED_SUFFIXES, '.bmp', '.pgm', '.ppm', '.tif', '.tiff', '.webp')


class FolderSource(Source):
    """All images of one folder in natural order of their names; sizes may differ.

    The stamp of file i is `start_ns` + i / fps, also where files before it could not be read.

    Args:
        path: Folder; subfolders and other files are left alone.
        fps: Frames per second.
        start_ns: Stamp of the first file in nanoseconds.

    Raises:
        SourceError: There is no image, or none can be read.
    """

    def __init__(self, path: Path, *, fps: float | None = None, start_ns: int = 0) -> None:
        super().__init__()
        self._path = path
        self._start_ns = start_ns
        self.fps = DEFAULT_FPS if fps is None else fps
        files = (file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        self._files = sorted(files, key=lambda file: natural_key(file.name))
        if not self._files:
            raise SourceError(f'{path}: no image in this folder ({", ".join(IMAGE_SUFFIXES)})')
        self.count = len(self._files)
        first = next(iter(self), None)
        if first is None:
            raise SourceError(
                f'{path}: none of {self.count} images can be read: {self.problems[0]}'
            )
        self.size = (first.width, first.height)
        self.problems.clear()

    def _frames(self) -> Iterator[Frame]:
        for index, file in enumerate(self._files):
            try:
                image = read_image(file)
            except (ImageError, OSError) as error:
                self._note(f'{file}: {error}')
                continue
            yield Frame(image, self._start_ns + round(index * 1e9 / self.fps))


def read_image(path: Path) -> np.ndarray:
    """Return the pixels of an image file, without turning it by its EXIF tag.

    Returns:
        uint8 array (H, W, 3), RGB.

    Raises:
        ImageError: It cannot be decoded, or is larger than the limit.
        OSError: It cannot be read.
    """
    data = np.fromfile(path, np.uint8)
    is_checked = path.suffix.lower() in CHECKED_SUFFIXES
    pixels = decode_data(data) if is_checked else _decode_other(data)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_other(data: np.ndarray) -> np.ndarray:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as error:
        raise ImageError(f'{data.size} bytes that do not decode: {error}') from error
    if pixels is None:
        raise ImageError(f'{data.size} bytes that do not decode')
    check_size(pixels.shape[1], pixels.shape[0])
    return pixels
