# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny bags with ground truth: two boxes that move, and a method that sees exactly these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vis_ros.media.bag_writer import BagWriter
from vis_ros.memory.snapshot import Snapshot
from vis_ros.methods import Method
from vis_ros.ops import rle as rle_ops
from vis_ros.structures import Frame, FrameResult, Rle, Track, TrackState
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import labels_message, tracks_message
from vis_ros.wire.encodings import encode_image, make_header

HEIGHT, WIDTH = 24, 80
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
CLASSES = ('cat', 'dog')
COLOURS = {1: (250, 0, 0), 2: (0, 250, 0)}  # by object id; object n is of class n - 1
MESSAGES = bare_messages()


def image_of(index: int) -> np.ndarray:
    """Return the image of frame `index`: one box walks right, the other one left."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[2:10, 4 + 2 * index : 12 + 2 * index] = COLOURS[1]
    image[14:22, WIDTH - 12 - 2 * index : WIDTH - 4 - 2 * index] = COLOURS[2]
    return image


def frame_at(index: int) -> Frame:
    """Return frame `index`, 100 ms after the one before."""
    return Frame(image_of(index), START_NS + index * STEP_NS, 'camera')


def track_of(object_id: int, mask: Rle, *, class_id: int | None = None) -> Track:
    """Return a confirmed track with such a mask."""
    box = (mask.x, mask.y, mask.x + mask.width, mask.y + mask.height)
    return Track(
        track_id=object_id,
        slot=object_id,
        state=TrackState.ACTIVE,
        class_id=object_id - 1 if class_id is None else class_id,
        score=1.0,
        box=tuple(map(float, box)),
        mask=mask,
        first_seen_ns=0,
        last_seen_ns=0,
        hits=1,
        misses=0,
    )


def result_of_image(frame: Frame) -> FrameResult:
    """Return what is in an image, each colour one object."""
    masks = {
        object_id: rle_ops.encode((frame.image == colour).all(axis=2))
        for object_id, colour in COLOURS.items()
    }
    tracks = tuple(track_of(key, mask) for key, mask in masks.items() if mask.area_px)
    return FrameResult(frame.stamp_ns, frame.frame_id, frame.height, frame.width, tracks)


@dataclass(frozen=True)
class PerfectConfig:
    """No options."""


class Perfect(Method):
    """Sees the boxes; counts its steps in all states."""

    Config = PerfectConfig
    summary = licence = source = ''
    name = 'perfect'
    classes: tuple[str, ...] = CLASSES

    def __init__(self, config: Any = None, *, weights: Any = None, device: str = 'cpu') -> None:
        self.stamps_ns: list[int] = []
        self.streams = 0

    @classmethod
    def needs_weights(cls, config: Any) -> bool:
        return False

    def init_state(self) -> int:
        self.streams += 1
        return 0

    def step(self, state: int, frame: Frame) -> tuple[int, list[FrameResult]]:
        self.stamps_ns.append(frame.stamp_ns)
        return state + 1, [result_of_image(frame)]

    def save(self, state: int) -> Snapshot:
        return Snapshot({}, {})

    def restore(self, snapshot: Snapshot) -> int:
        return 0


class Namer(Perfect):
    """Sees the boxes, and has classes that nobody else has."""

    name = 'namer'
    classes = ('thing', 'stuff')


class Late(Perfect):
    """Answers one frame late."""

    name = 'late'
    lag = 1

    def init_state(self) -> list[FrameResult]:
        return []

    def step(self, state: Any, frame: Frame) -> tuple[Any, list[FrameResult]]:
        return [result_of_image(frame)], state

    def flush(self, state: Any) -> tuple[Any, list[FrameResult]]:
        return [], state


def write_world(
    path: Path,
    count: int = 10,
    *,
    with_truth: bool = True,
    with_images: bool = True,
    labels: tuple[str, ...] | None = CLASSES,
    truth_every: int = 1,
    truth_size: tuple[int, int] = (HEIGHT, WIDTH),
    topic: str = '/ground_truth/tracks',
) -> Path:
    """Write a bag of `count` images with their ground truth."""
    with BagWriter(path) as writer:
        if labels is not None and with_truth:
            name = topic.replace('tracks', 'label_info')
            message = labels_message(MESSAGES, START_NS, 'truth', labels)
            writer.declare(name, message.__msgtype__, latched=True)
            writer.write(name, message, START_NS)
        for index in range(count):
            frame = frame_at(index)
            if with_images:
                header = make_header(MESSAGES, frame.stamp_ns, 'camera')
                writer.write('/image', encode_image(MESSAGES, frame.image, header), frame.stamp_ns)
            if with_truth and index % truth_every == 0:
                write_truth(writer, result_of_image(frame), size=truth_size, topic=topic)
    return path


def write_truth(
    writer: BagWriter,
    result: FrameResult,
    *,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    topic: str = '/ground_truth/tracks',
) -> None:
    """Write the ground truth of one image."""
    height, width = size
    sized = FrameResult(
        result.stamp_ns, 'camera', height, width, result.tracks, session_id=result.session_id
    )
    message = tracks_message(MESSAGES, sized, method='truth', class_names=CLASSES)
    writer.write(topic, message, result.stamp_ns)
