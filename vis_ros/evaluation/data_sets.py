# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets taken apart and put together: one video, many videos, classes by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from vis_ros.evaluation.results import ResultTrack
from vis_ros.evaluation.ytvis import Annotations, TruthTrack, Video

_SHOWN = 12  # names that an error lists


def match_classes(
    classes: Sequence[str], categories: Mapping[int, str], *, is_class_agnostic: bool = False
) -> tuple[int | None, ...]:
    """Return the category of each class of a method, found by its name.

    Names are equal without regard to case, and `_` is a space.

    Args:
        classes: Class names of the method.
        categories: Names of the ground truth by id.
        is_class_agnostic: Whether all classes are one, see `as_one_class`.

    Returns:
        A category id for each class, None where the ground truth lacks it.

    Raises:
        ValueError: No class has a category; the text lists both.
    """
    if is_class_agnostic:
        return tuple(next(iter(categories)) for _ in classes)
    by_name: dict[str, int] = {}
    for category_id, name in categories.items():
        by_name.setdefault(_plain(name), category_id)
    found = tuple(by_name.get(_plain(name)) for name in classes)
    if not any(category_id is not None for category_id in found):
        raise ValueError(
            f'the classes of the method ({_listed(classes)}) and those of the ground truth '
            f'({_listed(list(categories.values()))}) share no name; with --class-agnostic all '
            'classes are one'
        )
    return found


def _plain(name: str) -> str:
    return name.casefold().replace('_', ' ').strip()


def _listed(names: Sequence[str]) -> str:
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return (', '.join(names[:_SHOWN]) or 'none') + more


def as_one_class(annotations: Annotations) -> Annotations:
    """Return the same objects, all of one category with the id 1 and the name `object`."""
    tracks = tuple(replace(track, category_id=1) for track in annotations.tracks)
    return Annotations(annotations.videos, {1: 'object'}, tracks)


def video_name(video: Video) -> str:
    """Return the folder of a video's images, which is its name; empty where it has none."""
    folder = PurePosixPath(video.file_names[0]).parent.as_posix() if video.file_names else '.'
    return '' if folder == '.' else folder


def one_video(annotations: Annotations, wanted: str | None, *, near: str = '') -> Annotations:
    """Return one video of a data set with its objects.

    Args:
        annotations: The data set.
        wanted: Id or name of the video; None for the only one, or that with the name `near`.
        near: Name that decides between several.

    Raises:
        ValueError: There is no such video, or it is not clear which; the text lists them.
    """
    videos = list(annotations.videos.values())
    names = {video.video_id: video_name(video) for video in videos}
    key = wanted if wanted is not None else near
    if wanted is None and len(videos) == 1:
        found = videos
    else:
        found = [v for v in videos if names[v.video_id] == key] if key else []
        found = found or [video for video in videos if str(video.video_id) == wanted]
    if len(found) != 1:
        listing = _listed([f'{v.video_id} {names[v.video_id]}'.strip() for v in videos])
        asked = f'none or several are called {key!r}' if key else 'which one? Give --video'
        raise ValueError(f'video: {asked}; the ground truth has: {listing}')
    tracks = tuple(t for t in annotations.tracks if t.video_id == found[0].video_id)
    return Annotations({found[0].video_id: found[0]}, annotations.categories, tracks)


def join(
    parts: Sequence[tuple[Annotations, Sequence[ResultTrack]]],
) -> tuple[Annotations, tuple[ResultTrack, ...]]:
    """Return many data sets and their results as one.

    Videos and objects get new ids in order of the parts, from 1 on. Categories of the same name
    are one. Results of categories that their part does not list are left out.
    """
    videos: dict[int, Video] = {}
    categories: dict[str, int] = {}
    tracks: list[TruthTrack] = []
    results: list[ResultTrack] = []
    for part, found in parts:
        video_ids: dict[int, int] = {}
        for video in part.videos.values():
            video_ids[video.video_id] = number = len(videos) + 1
            videos[number] = replace(video, video_id=number)
        category_ids = {
            key: categories.setdefault(name, len(categories) + 1)
            for key, name in part.categories.items()
        }
        tracks += (
            replace(
                track,
                track_id=number,
                video_id=video_ids[track.video_id],
                category_id=category_ids[track.category_id],
            )
            for number, track in enumerate(part.tracks, len(tracks) + 1)
        )
        results += (
            replace(
                result,
                video_id=video_ids[result.video_id],
                category_id=category_ids[result.category_id],
            )
            for result in found
            if result.category_id in category_ids
        )
    names = {number: name for name, number in categories.items()}
    return Annotations(videos, names, tuple(tracks)), tuple(results)


def annotations_json(annotations: Annotations) -> dict[str, Any]:
    """Return a data set as `read_annotations` reads it."""
    return {
        'videos': [
            {
                'id': video.video_id,
                'height': video.height,
                'width': video.width,
                'length': video.length,
                'file_names': list(video.file_names),
            }
            for video in annotations.videos.values()
        ],
        'categories': [{'id': key, 'name': name} for key, name in annotations.categories.items()],
        'annotations': [_track_json(track) for track in annotations.tracks],
    }


def _track_json(track: TruthTrack) -> dict[str, Any]:
    occlusion = {} if track.occlusion is None else {'occlusion': list(track.occlusion)}
    return {
        'id': track.track_id,
        'video_id': track.video_id,
        'category_id': track.category_id,
        'iscrowd': int(track.is_crowd),
        'segmentations': [None if mask is None else mask.to_json() for mask in track.masks],
        'areas': list(track.areas_px),
        **occlusion,
    }
