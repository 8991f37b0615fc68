# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny data sets for tests, on disk and in memory; objects are rectangles of one colour each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.data.clip import Clip

Place = tuple[int, int, int, int] | None  # x, y, width, height

COLOURS = np.array([(30, 30, 30), (250, 40, 40), (40, 250, 40), (40, 40, 250), (250, 250, 40)])
"""RGB of the background and of objects 0 to 3."""


def draw(labels: np.ndarray) -> np.ndarray:
    """Return the picture of labels: the pixels of each object have its colour."""
    return COLOURS[labels].astype(np.uint8)


def painted(size: tuple[int, int], frames: Sequence[Sequence[Place]], classes=None) -> Clip:
    """Return a clip in memory; each frame lists the place of each object, later ones on top."""
    labels = np.zeros((len(frames), *size), np.uint8)
    for frame, places in zip(labels, frames, strict=True):
        for j, place in enumerate(places):
            if place is not None:
                x, y, width, height = place
                frame[y : y + height, x : x + width] = j + 1
    count = len(frames[0]) if frames else 0
    return Clip(draw(labels), labels, np.array(classes or [0] * count, dtype=np.int64))


def segmentation(place: Place, size: tuple[int, int]) -> dict[str, Any] | None:
    """Return the mask of a rectangle as files hold it."""
    if place is None:
        return None
    x, y, width, height = place
    pixels = np.zeros(size, np.uint8, order='F')
    pixels[y : y + height, x : x + width] = 1
    return {'size': list(size), 'counts': mask_utils.encode(pixels)['counts'].decode('ascii')}


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB image, without loss where the name ends in .png."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 98])


def write_videos(
    folder: Path,
    videos: Mapping[int, Clip],
    annotations: Sequence[Mapping[str, Any]],
    *,
    suffix: str = '.png',
    categories: Sequence[tuple[int, str]] = ((7, 'cat'), (3, 'dog')),
) -> tuple[Path, Path]:
    """Write an annotation file and images; return their paths.

    Args:
        folder: Where.
        videos: Pictures by id of the video.
        annotations: Each with `video_id`, `category_id`, `places` and more fields of the file.
        suffix: Of the images.
        categories: Id and name of each.
    """
    root: dict[str, Any] = {
        'categories': [{'id': number, 'name': name} for number, name in categories],
        'videos': [],
        'annotations': [],
    }
    for video_id, clip in videos.items():
        frames, height, width = clip.labels.shape
        names = [f'{video_id:04}/{frame:05}{suffix}' for frame in range(frames)]
        root['videos'].append(
            {'id': video_id, 'height': height, 'width': width, 'file_names': names}
        )
        for name, image in zip(names, clip.images, strict=True):
            write_image(folder / 'JPEGImages' / name, image)
    for number, annotation in enumerate(annotations, 1):
        places = annotation['places']
        size = videos[annotation['video_id']].labels.shape[1:]
        more = {key: value for key, value in annotation.items() if key != 'places'}
        segmentations = [segmentation(place, size) for place in places]
        areas = [place and place[2] * place[3] for place in places]
        root['annotations'].append(
            {'id': number, 'segmentations': segmentations, 'areas': areas, **more}
        )
    path = folder / 'instances.json'
    path.write_text(json.dumps(root))
    return path, folder / 'JPEGImages'


class MemoryData:
    """Clips in memory as a data set."""

    def __init__(self, classes: Sequence[str], clips: Sequence[Clip]) -> None:
        self.classes = tuple(classes)
        self.lengths = tuple(len(clip.images) for clip in clips)
        self._clips = tuple(clips)

    def clip(self, video: int, frames: Sequence[int]) -> Clip:
        """Return frames of a clip."""
        whole, chosen = self._clips[video], list(frames)
        return Clip(whole.images[chosen], whole.labels[chosen], whole.class_ids)
