# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes synthetic videos as bags, with ground truth in the tracker's own messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vis_ros.media.bag_writer import BagWriter
from vis_ros.ops import rle as rle_ops
from vis_ros.structures import FrameResult, Track, TrackState
from vis_ros.synth.scene import SynthFrame
from vis_ros.synth.shapes import CLASSES
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import LABELS_TYPE, TRACKS_TYPE, labels_message, tracks_message
from vis_ros.wire.encodings import IMAGE_TYPE, encode_image, make_header

CAMERA_TOPIC = '/camera/image_raw'
TRUTH_TOPIC = '/ground_truth/tracks'
LABELS_TOPIC = '/ground_truth/label_info'
FRAME_ID = 'synth_camera'
METHOD = 'ground_truth'

_START_NS = 1_000_000_000  # not 0, which ROS takes for no time at all


class TruthTracks:
    """Turns frames with their ground truth into results such as a perfect tracker would give.

    Keeps a few numbers for each object that has been seen: as `object_ids` goes, without end,
    unless `forget_after` limits it.

    Args:
        forget_after: Frames out of sight after which the history of an object is dropped; None:
            never.
    """

    def __init__(self, forget_after: int | None = None) -> None:
        self._history: dict[int, tuple[int, int]] = {}  # id: first seen, frames seen
        self._last_seen: dict[int, int] = {}  # id: number of the frame
        self._forget_after = forget_after
        self._count = 0

    def result(self, frame: SynthFrame, stamp_ns: int) -> FrameResult:
        """Return the result of the next frame: objects that show, by ascending id."""
        self._count += 1
        tracks = [
            self._track(frame, int(index), stamp_ns) for index in np.flatnonzero(frame.visible_px)
        ]
        self._forget()
        return FrameResult(
            stamp_ns=stamp_ns,
            frame_id=FRAME_ID,
            height=frame.labels.shape[0],
            width=frame.labels.shape[1],
            tracks=tuple(sorted(tracks, key=lambda track: track.track_id)),
        )

    def _track(self, frame: SynthFrame, index: int, stamp_ns: int) -> Track:
        object_id = int(frame.object_ids[index])
        first_ns, hits = self._history.get(object_id, (stamp_ns, 0))
        self._history[object_id] = first_ns, hits + 1
        self._last_seen[object_id] = self._count
        mask = rle_ops.encode(frame.labels == index + 1)
        return Track(
            track_id=object_id,
            slot=index,
            state=TrackState.ACTIVE,
            class_id=int(frame.class_ids[index]),
            score=1.0,
            box=(
                float(mask.x),
                float(mask.y),
                float(mask.x + mask.width),
                float(mask.y + mask.height),
            ),
            mask=mask,
            first_seen_ns=first_ns,
            last_seen_ns=stamp_ns,
            hits=hits + 1,
            misses=0,
            class_scores=((int(frame.class_ids[index]), 1.0),),
        )

    def _forget(self) -> None:
        if self._forget_after is None:
            return
        for object_id, last in list(self._last_seen.items()):
            if self._count - last > self._forget_after:
                del self._last_seen[object_id], self._history[object_id]


class TruthBag:
    """A bag of one video: images, ground truth with the same stamps, and the names of classes.

    Args:
        path: Folder of the bag.
        fps: Frames per second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._fps = fps
        self._count = 0
        self._tracks = TruthTracks()
        self._messages = bare_messages()
        self._writer = BagWriter(path)
        self._writer.declare(LABELS_TOPIC, LABELS_TYPE, latched=True)
        self._writer.declare(CAMERA_TOPIC, IMAGE_TYPE)
        self._writer.declare(TRUTH_TOPIC, TRACKS_TYPE)
        labels = labels_message(self._messages, _START_NS, METHOD, CLASSES)
        self._writer.write(LABELS_TOPIC, labels, _START_NS)

    def add(self, frame: SynthFrame) -> None:
        """Write the next frame."""
        stamp_ns = _START_NS + round(self._count * 1e9 / self._fps)
        self._count += 1
        header = make_header(self._messages, stamp_ns, FRAME_ID)
        image = encode_image(self._messages, frame.image, header)
        self._writer.write(CAMERA_TOPIC, image, stamp_ns)
        result = self._tracks.result(frame, stamp_ns)
        message = tracks_message(self._messages, result, method=METHOD, class_names=CLASSES)
        self._writer.write(TRUTH_TOPIC, message, stamp_ns)

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()
