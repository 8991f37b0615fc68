# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes mp4 videos."""

import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from vis_ros.media.fit import fit


class VideoWriter:
    """An mp4 video (MPEG-4 part 2: the one codec for mp4 in every OpenCV; 2 ms for 768x576).

    The first frame sets the size; an odd side is made even by repeating its last line, and frames
    of another size are scaled into the first one's with black bars. The file appears at its path
    when it is closed; until then its name ends in `.part.mp4`.

    Args:
        path: File to write; its suffix must be .mp4.
        fps: Frames per second.
        overwrite: Whether a file at `path` is replaced.

    Raises:
        FileExistsError: There is such a file already.
        ValueError: The suffix is another one, or `fps` is not positive.
    """

    def __init__(self, path: str | Path, fps: float, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != '.mp4':
            raise ValueError(f'{path}: expected a name that ends in .mp4')
        if not 0 < fps <= 1000:
            raise ValueError(f'fps: expected a value in (0, 1000], got {fps}')
        if self.path.exists() and not (overwrite and self.path.is_file()):
            raise FileExistsError(f'{self.path}: exists already; nothing is overwritten unasked')
        self.count = 0
        self._fps = fps
        self._part = self.path.with_name(f'{self.path.stem}.part.mp4')
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, image: np.ndarray) -> None:
        """Append a frame.

        Args:
            image: uint8 array (H, W, 3), RGB, not empty.

        Raises:
            ValueError: The image has another shape or dtype.
            OSError: The file cannot be written.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f'image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}')
        if self._writer is None:
            self._writer = self._open(image.shape[1], image.shape[0])
        bgr = cv2.cvtColor(fit(image, *self._size), cv2.COLOR_RGB2BGR)
        width, height = self._size
        if width % 2 or height % 2:
            bgr = cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        self._writer.write(bgr)
        self.count += 1

    def _open(self, width: int, height: int) -> cv2.VideoWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._size = (width, height)
        even = (width + width % 2, height + height % 2)
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(self._part), code, self._fps, even)
        if not writer.isOpened():
            raise OSError(f'{self._part}: OpenCV cannot write an mp4 of {even[0]}x{even[1]} there')
        return writer

    def close(self) -> None:
        """Finish the file and put it in its place; no file without a frame. Twice does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.release()
            os.replace(self._part, self.path)

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
