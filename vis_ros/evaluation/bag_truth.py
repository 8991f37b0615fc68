# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth that lies in a bag beside its images: a topic of `vis_msgs/InstanceTrackArray`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from vis_ros.evaluation.coco_masks import CocoMask, from_rle
from vis_ros.evaluation.ytvis import Annotations, TruthTrack, Video
from vis_ros.media.bag import Bag, BagTopic, WholeBag
from vis_ros.media.cut_bag import CutBag
from vis_ros.media.source import SourceError
from vis_ros.structures import FrameResult
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import LABELS_TYPE, TRACKS_TYPE, result_of

TRUTH_TOPIC = '/ground_truth/tracks'
_VIDEO_ID = 1


@dataclass(frozen=True, slots=True)
class BagTruth:
    """Ground truth of one bag.

    Args:
        annotations: One video with the id 1; its frames are the messages, by ascending stamp.
        stamps_ns: Stamp of each frame in nanoseconds, that of the image it belongs to.
        problems: Damage of the bag.
    """

    annotations: Annotations
    stamps_ns: tuple[int, ...]
    problems: tuple[str, ...]


@dataclass
class _Object:
    """What is known of one object so far."""

    class_id: int
    masks: dict[int, CocoMask] = field(default_factory=dict)  # by stamp


def read_bag_truth(path: Path, *, topic: str = TRUTH_TOPIC, name: str = 'bag') -> BagTruth:
    """Read the ground truth of a bag.

    Each message is the truth of the image with the same stamp. A track is one object: its id must
    keep its class. Tracks without a pixel are hidden in that frame; objects that are never seen
    are left out. Class names come from the last `vis_msgs/LabelInfo` on the topic `label_info`
    beside `topic`, or without that from the tracks.

    Args:
        path: Folder of the bag, or one .mcap or .db3 file.
        topic: Topic of the tracks.
        name: Name of the video; the frames are called NAME/000000, NAME/000001 ...

    Raises:
        SourceError: The bag cannot be read, or has no such topic.
        ValueError: A message is not valid, or does not fit those before; the text names it.
    """
    problems: list[str] = []
    with closing(_open(path)) as bag:
        results = _read_results(path, bag, topic, problems)
        class_names = _read_classes(bag, topic.rpartition('/')[0] + '/label_info', problems)
    what = f'{path}: {topic}'
    if not results:
        raise ValueError(f'{what}: has no message')
    first = next(iter(results.values()))[0]
    stamps = tuple(sorted(results))
    names = _known_classes(what, results, class_names)
    objects = _gather(what, results)
    video = Video(
        _VIDEO_ID,
        first.height,
        first.width,
        tuple(f'{name}/{index:06d}' for index in range(len(stamps))),
    )
    tracks = tuple(
        _track(number, one, stamps) for number, one in enumerate(objects, 1) if one.masks
    )
    categories = {class_id + 1: names[class_id] for class_id in sorted(names)}
    annotations = Annotations({_VIDEO_ID: video}, categories, tracks)
    return BagTruth(annotations, stamps, tuple(problems))


def _open(path: Path) -> Bag:
    try:
        return WholeBag(path)
    except Exception:  # rosbags raises whatever damage provokes
        return CutBag(path)


def _topic(bag: Bag, name: str, type_name: str) -> BagTopic | None:
    return next((t for t in bag.topics if (t.name, t.type_name) == (name, type_name)), None)


_Results = Mapping[int, tuple[FrameResult, Mapping[int, str]]]
"""By stamp: the tracks of a frame, and names by class id as that message has them."""


def _read_results(path: Path, bag: Bag, name: str, problems: list[str]) -> _Results:
    topic = _topic(bag, name, TRACKS_TYPE)
    if topic is None:
        others = ', '.join(map(str, bag.topics)) or 'none'
        raise SourceError(
            f'{path}: has no ground truth {name} ({TRACKS_TYPE}); its topics: {others}. Name '
            'another topic by --truth-topic, or a file of annotations by --truth.'
        )
    found: dict[int, tuple[FrameResult, Mapping[int, str]]] = {}
    size: tuple[int, int] | None = None
    for number, (result, names) in enumerate(_messages(bag, topic, path, problems)):
        size = size or (result.height, result.width)
        if (result.height, result.width) != size:
            raise ValueError(
                f'{path}: {name}, message {number}: expected {size[0]} x {size[1]}, the size of '
                f'those before, got {result.height} x {result.width}'
            )
        if result.stamp_ns in found:
            raise ValueError(
                f'{path}: {name}, message {number}: the stamp {result.stamp_ns} ns is there twice'
            )
        found[result.stamp_ns] = (result, names)
    return found


def _messages(
    bag: Bag, topic: BagTopic, path: Path, problems: list[str]
) -> Iterator[tuple[FrameResult, Mapping[int, str]]]:
    messages = bare_messages()
    for number, (_, data) in enumerate(bag.messages(topic, problems.append)):
        try:
            message = messages.deserialize(data, topic.type_name)
            names = {int(track.class_id): str(track.class_name) for track in message.tracks}
            yield result_of(message), names
        except ValueError as error:
            raise ValueError(f'{path}: {topic.name}, message {number}: {error}') from error


def _read_classes(bag: Bag, name: str, problems: list[str]) -> list[str]:
    """Return the class names of the last label info; none without one."""
    topic = _topic(bag, name, LABELS_TYPE)
    latest: list[str] = []
    if topic is not None:
        for _, data in bag.messages(topic, problems.append):
            message = bare_messages().deserialize(data, topic.type_name)
            latest = [str(class_name) for class_name in message.class_names]
    return latest


def _known_classes(what: str, results: _Results, class_names: Sequence[str]) -> dict[int, str]:
    """Return the names by class id: those of the label info, or else those of the tracks."""
    used: dict[int, str] = {}
    for _, names in results.values():
        used.update(names)
    if not class_names:
        return used
    if unknown := sorted(set(used) - set(range(len(class_names)))):
        raise ValueError(
            f'{what}: class ids {unknown}: expected 0 to {len(class_names) - 1}, as the label '
            f'info has {len(class_names)} classes'
        )
    return dict(enumerate(class_names))


def _gather(what: str, results: _Results) -> list[_Object]:
    """Return the objects by ascending session and id, also those without a pixel."""
    objects: dict[tuple[int, int], _Object] = {}
    for stamp_ns, (result, _) in results.items():
        for track in result.tracks:
            key = (result.session_id, track.track_id)
            known = objects.setdefault(key, _Object(track.class_id))
            if known.class_id != track.class_id:
                raise ValueError(
                    f'{what}: id {track.track_id}: expected the class id {known.class_id} that '
                    f'it had before, got {track.class_id} at stamp {stamp_ns} ns'
                )
            if stamp_ns in known.masks:
                raise ValueError(
                    f'{what}: id {track.track_id} is there twice at stamp {stamp_ns} ns'
                )
            try:
                mask = from_rle(track.mask, result.height, result.width)
            except ValueError as error:
                raise ValueError(
                    f'{what}: id {track.track_id} at stamp {stamp_ns} ns: {error}'
                ) from error
            if mask.area_px:
                known.masks[stamp_ns] = mask
    return [objects[key] for key in sorted(objects)]


def _track(number: int, one: _Object, stamps: Sequence[int]) -> TruthTrack:
    masks = tuple(one.masks.get(stamp_ns) for stamp_ns in stamps)
    return TruthTrack(
        track_id=number,
        video_id=_VIDEO_ID,
        category_id=one.class_id + 1,
        is_crowd=False,
        masks=masks,
        areas_px=tuple(None if mask is None else float(mask.area_px) for mask in masks),
    )
