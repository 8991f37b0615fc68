# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video file."""

import math
from collections.abc import Iterator
from pathlib import Path

import cv2

from vis_ros.media.source import DEFAULT_FPS, Source, SourceError
from vis_ros.structures.frame import Frame

_MAX_FPS = 1000.0


class VideoSource(Source):
    """A video that OpenCV can read; the stamp of frame i is `start_ns` + i / fps.

    Args:
        path: Video file.
        fps: Frames per second instead of what the file says.
        start_ns: Stamp of the first frame in nanoseconds.

    Raises:
        SourceError: No frame can be read.
    """

    def __init__(self, path: Path, *, fps: float | None = None, start_ns: int = 0) -> None:
        super().__init__()
        self._path = path
        self._start_ns = start_ns
        capture = self._open()
        try:
            self.fps = fps if fps is not None else self._nominal_fps(capture)
            count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            is_read, image = capture.read()
        finally:
            capture.release()
        if not is_read:
            raise SourceError(f'{path}: no frame can be decoded; the file is damaged or no video')
        self.count = count if count > 0 else None
        self.size = (image.shape[1], image.shape[0])

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise SourceError(
                f'{self._path}: OpenCV cannot open it; the file is damaged (a recording that was '
                'not closed, for example), or its format or codec is not known'
            )
        return capture

    def _nominal_fps(self, capture: cv2.VideoCapture) -> float:
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        if math.isfinite(fps) and 0 < fps <= _MAX_FPS:
            return fps
        self._note_opening(f'{self._path}: says {fps} frames per second; {DEFAULT_FPS} are taken')
        return DEFAULT_FPS

    def _frames(self) -> Iterator[Frame]:
        capture = self._open()
        index = 0
        try:
            while True:
                is_read, image = capture.read()
                if not is_read:
                    break
                stamp_ns = self._start_ns + round(index * 1e9 / self.fps)
                yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), stamp_ns)
                index += 1
        finally:
            capture.release()
        if self.count is not None and index + 1 < self.count:  # containers miscount by one
            self._note(f'{self._path}: ends after {index} of {self.count} frames; it is damaged')
