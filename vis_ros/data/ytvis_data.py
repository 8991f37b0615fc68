# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clips of YouTube-VIS 2019 and 2021 and of OVIS."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
from pycocotools import mask as mask_utils

from vis_ros.data.clip import Clip
from vis_ros.data.image_files import read_frame
from vis_ros.data.label_boxes import MAX_OBJECTS, paint_labels
from vis_ros.evaluation.coco_masks import CocoMask
from vis_ros.evaluation.ytvis import Annotations, TruthTrack, Video, read_annotations


class YtvisData:
    """The videos of an annotation file and their images, a `DataSet`.

    Object j of a video is the j-th of its annotations in the order of the file, not counting
    crowds: they are in no label, so that their pixels count as background. Where masks overlap,
    the smaller object of that frame owns the pixels. Class k is the k-th category of the file.

    Args:
        annotations: The annotation file, or what `read_annotations` made of it: several parts of
            one file then need it read only once.
        images: Folder that the `file_names` of the annotations start from, often `JPEGImages`.
        size: Keep only videos of this height and width [px]; RGNNVIS was trained with (720, 1280).
        min_length: Keep only videos with at least so many frames.
        video_ids: Keep only these, such as `range(2019)`; RGNNVIS holds out those from 2019 on.

    Attributes:
        classes: Names of the categories.
        lengths: Number of frames of each video.
        videos: The videos that were kept, in the order of the file.

    Raises:
        OSError: The annotation file cannot be read.
        ValueError: It does not hold what it should, the folder or the first image of a video is
            missing, a video has too many objects, or no video is left. The text names it.
    """

    def __init__(
        self,
        annotations: str | Path | Annotations,
        images: str | Path,
        *,
        size: tuple[int, int] | None = None,
        min_length: int = 1,
        video_ids: Container[int] | None = None,
    ) -> None:
        if not isinstance(annotations, Annotations):
            annotations = read_annotations(annotations)
        self._images = Path(images)
        if not self._images.is_dir():
            raise ValueError(f'images: expected a folder, got {images}')
        self.videos = tuple(
            video
            for video in annotations.videos.values()
            if (size is None or (video.height, video.width) == tuple(size))
            and video.length >= max(1, min_length)
            and (video_ids is None or video.video_id in video_ids)
        )
        if not self.videos:
            raise ValueError(
                f'none of {len(annotations.videos)} videos is left with size {size}, min_length '
                f'{min_length} and the video_ids asked for'
            )
        self.lengths = tuple(video.length for video in self.videos)
        self.classes = tuple(annotations.categories.values())
        self._class_of = {number: k for k, number in enumerate(annotations.categories)}
        self._tracks = _by_video(self.videos, annotations.tracks)
        self._check_images()

    def _check_images(self) -> None:
        firsts = [self._images / video.file_names[0] for video in self.videos]
        missing = [str(path) for path in firsts if not path.is_file()]
        if missing:
            raise ValueError(
                f'the first image of {len(missing)} of {len(firsts)} videos is missing: '
                f'{", ".join(missing[:3])}'
            )

    def clip(self, video: int, frames: Sequence[int]) -> Clip:
        """Return frames of a video; see `DataSet`.

        Raises:
            ValueError: An image is missing, damaged or of another size than the annotations say.
        """
        about, tracks = self.videos[video], self._tracks[video]
        classes = [self._class_of[track.category_id] for track in tracks]
        return Clip(
            images=np.stack([self._read(about, frame) for frame in frames]),
            labels=np.stack([_paint(about, tracks, frame) for frame in frames]),
            class_ids=np.array(classes, dtype=np.int64),
        )

    def _read(self, video: Video, frame: int) -> np.ndarray:
        return read_frame(self._images / video.file_names[frame], (video.height, video.width))


def _by_video(
    videos: Sequence[Video], tracks: Sequence[TruthTrack]
) -> tuple[tuple[TruthTrack, ...], ...]:
    """Return the objects of each video without crowds."""
    found: dict[int, list[TruthTrack]] = {video.video_id: [] for video in videos}
    for track in tracks:
        if track.video_id in found and not track.is_crowd:
            found[track.video_id].append(track)
    for video_id, own in found.items():
        if len(own) > MAX_OBJECTS:
            raise ValueError(
                f'video {video_id}: expected at most {MAX_OBJECTS} objects, got {len(own)}'
            )
    return tuple(tuple(own) for own in found.values())


def _paint(video: Video, tracks: Sequence[TruthTrack], frame: int) -> np.ndarray:
    """Return the label map (H, W) of one frame."""
    masks: list[tuple[int, CocoMask]] = [
        (j, mask)
        for j, track in enumerate(tracks)
        if (mask := track.masks[frame]) is not None and mask.area_px
    ]
    if not masks:
        return np.zeros((video.height, video.width), np.uint8)
    pixels = mask_utils.decode([mask.to_coco() for _, mask in masks])  # (H, W, N)
    # They lie in memory column by column: painted that way it takes half the time.
    owned = [(j, pixels[:, :, i].T) for i, (j, _) in enumerate(masks)]
    return np.ascontiguousarray(paint_labels(owned, video.width, video.height).T)
