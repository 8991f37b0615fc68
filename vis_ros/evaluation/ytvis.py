# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth of YouTube-VIS 2019 and 2021 and of OVIS, checked when opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vis_ros.evaluation.coco_masks import Masks, read_mask
from vis_ros.evaluation.json_input import DataError, Item, load_json

OCCLUSION_LEVELS = ('no_occlusion', 'slight_occlusion', 'severe_occlusion')


@dataclass(frozen=True, slots=True)
class Video:
    """One video of a data set.

    Args:
        video_id: Its id.
        height: Rows of its frames [px].
        width: Columns of its frames [px].
        file_names: Images of its frames, in order, relative to the data set's folder.
    """

    video_id: int
    height: int
    width: int
    file_names: tuple[str, ...]

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.file_names)


@dataclass(frozen=True, slots=True)
class TruthTrack:
    """One annotated object.

    Args:
        track_id: Id of the annotation, unique in the file.
        video_id: Its video.
        category_id: Its category.
        is_crowd: Whether it stands for many objects; the evaluator ignores such tracks.
        masks: One entry for each frame.
        areas_px: The file's own areas, which need not be those of the masks; None where absent.
        occlusion: Levels of OVIS, one of `OCCLUSION_LEVELS` or None for each frame; None as a
            whole where the file gives none.
    """

    track_id: int
    video_id: int
    category_id: int
    is_crowd: bool
    masks: Masks
    areas_px: tuple[float | None, ...]
    occlusion: tuple[str | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """A data set.

    Args:
        videos: By id, in the order of the file.
        categories: Names by id, in the order of the file.
        tracks: All annotated objects, in the order of the file.
    """

    videos: Mapping[int, Video]
    categories: Mapping[int, str]
    tracks: tuple[TruthTrack, ...]

    @property
    def has_occlusion(self) -> bool:
        """Whether all objects have occlusion levels, and there are any."""
        return bool(self.tracks) and all(track.occlusion is not None for track in self.tracks)


def read_annotations(path: str | Path) -> Annotations:
    """Read a file of annotations.

    The fields `length`, `width` and `height` of an annotation are not looked at: YouTube-VIS 2019
    writes the length 1 everywhere. Those of the video count.

    Raises:
        OSError: The file cannot be read.
        DataError: It does not hold what it should; the text names the file, the key and the value.
    """
    root = load_json(Path(path))
    videos: dict[int, Video] = {}
    for item in root.get('videos').items():
        video = _read_video(item)
        _refuse_twice(item, video.video_id, videos)
        videos[video.video_id] = video
    categories: dict[int, str] = {}
    for item in root.get('categories').items():
        category_id = item.get('id').integer()
        _refuse_twice(item, category_id, categories)
        categories[category_id] = item.get('name').text()
    annotations = root.find('annotations')
    if annotations is None or annotations.value is None:
        raise DataError(f'{path}: annotations: there are none; this split is scored by a server')
    tracks: dict[int, TruthTrack] = {}
    for item in annotations.items():
        track = _read_track(item, videos, categories)
        _refuse_twice(item, track.track_id, tracks)
        tracks[track.track_id] = track
    return Annotations(videos, categories, tuple(tracks.values()))


def _read_video(item: Item) -> Video:
    names = item.get('file_names')
    video = Video(
        video_id=item.get('id').integer(),
        height=item.get('height').integer(1),
        width=item.get('width').integer(1),
        file_names=tuple(name.text() for name in names.items()),
    )
    length = item.find('length')
    if length is not None and length.integer(0) != video.length:
        length.fail(f'{video.length}, the number of file_names')
    return video


def _read_track(
    item: Item, videos: Mapping[int, Video], categories: Mapping[int, str]
) -> TruthTrack:
    video = known_video(item, videos)
    category = item.get('category_id')
    if category.integer() not in categories:
        category.fail(f'one of the categories {sorted(categories)}')
    for name in ('bboxes', 'occlusion'):
        entry = item.find(name)
        if entry is not None and entry.value is not None:
            entry.items(video.length)
    crowd = item.find('iscrowd')
    if crowd is not None and crowd.value not in (0, 1):
        crowd.fail('0 or 1')
    return TruthTrack(
        track_id=item.get('id').integer(),
        video_id=video.video_id,
        category_id=category.integer(),
        is_crowd=crowd is not None and bool(crowd.value),
        masks=read_masks(item, video),
        areas_px=tuple(_read_area(area) for area in item.get('areas').items(video.length)),
        occlusion=_read_occlusion(item, video),
    )


def known_video(item: Item, videos: Mapping[int, Video]) -> Video:
    """Return the video that `video_id` names.

    Raises:
        DataError: There is no such video.
    """
    video_id = item.get('video_id')
    if video_id.integer() not in videos:
        video_id.fail(f'the id of one of the {len(videos)} videos of the ground truth')
    return videos[video_id.value]


def read_masks(item: Item, video: Video) -> Masks:
    """Return what `segmentations` holds.

    Raises:
        DataError: It is not one mask or null for each frame of the video, in the video's size.
    """
    entries = item.get('segmentations').items(video.length)
    return tuple(read_mask(entry, video.height, video.width) for entry in entries)


def _read_area(item: Item) -> float | None:
    if item.value is None:
        return None
    if (area := item.number()) < 0:
        item.fail('0 or more')
    return area


def _read_occlusion(item: Item, video: Video) -> tuple[str | None, ...] | None:
    levels = item.find('occlusion')
    if levels is None or levels.value is None:
        return None
    for level in levels.items(video.length):
        if level.value is not None and level.value not in OCCLUSION_LEVELS:
            level.fail(f'null or one of {", ".join(OCCLUSION_LEVELS)}')
    return tuple(levels.value)


def _refuse_twice(item: Item, number: int, known: Mapping[int, object]) -> None:
    if number in known:
        raise DataError(f'{item.where}.id: {number} is there twice')
