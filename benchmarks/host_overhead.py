# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Host overhead: everything that a frame costs except the method, on one CPU core.

From the CDR bytes of a 1280x720 bgr8 image to the published InstanceTrackArray of 10 tracks with
masks of 100x250 pixels: decode, letterbox to 480x864, run lengths, message, serialise, write to
DDS. Beside it, in the same run and on the same data, frame by frame in turns: the plain way, with
the (de)serialiser of cyclonedds for Python, a loop over pycocotools, and whole-image masks.

    python benchmarks/host_overhead.py [--frames 100] [--json FILE]

Times are of this machine; what counts is the ratio.
"""

import argparse
import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float32, int32, sequence, uint8, uint32, uint64
from cyclonedds.pub import DataWriter
from cyclonedds.topic import Topic
from pycocotools import mask as coco

from vis_ros.ops.letterbox import Letterbox
from vis_ros.ops.rle import from_crop
from vis_ros.ros.host import Qos
from vis_ros.ros.open_host import open_host
from vis_ros.structures import CropMask, FrameResult, Track, TrackState
from vis_ros.wire.bare_messages import bare_messages
from vis_ros.wire.conversion import TRACKS_TYPE, tracks_message
from vis_ros.wire.encodings import IMAGE_TYPE, frame_of, make_header

HEIGHT, WIDTH, TRACKS = 720, 1280, 10
INPUT = (480, 864)
STAGES = ('decode', 'letterbox', 'run lengths', 'message', 'serialise and publish')


@dataclass
class PlainTime(IdlStruct, typename='bench::Time'):
    sec: int32
    nanosec: uint32


@dataclass
class PlainImage(IdlStruct, typename='bench::Image'):
    stamp: PlainTime
    frame_id: str
    height: uint32
    width: uint32
    encoding: str
    is_bigendian: uint8
    step: uint32
    data: sequence[uint8]


@dataclass
class PlainTrack(IdlStruct, typename='bench::Track'):
    id: uint64
    class_name: str
    score: float32
    box: sequence[float32]
    mask: sequence[uint8]


@dataclass
class PlainTracks(IdlStruct, typename='bench::Tracks'):
    stamp: PlainTime
    frame_id: str
    height: uint32
    width: uint32
    tracks: sequence[PlainTrack]


def make_masks() -> list[CropMask]:
    """Return ten person-like masks: an ellipse with a rough edge."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:250, :100]
    masks = []
    for index in range(TRACKS):
        rough = rng.normal(0, 0.03, (250, 1))
        pixels = ((x - 49.5) / 50) ** 2 + ((y - 124.5) / 125) ** 2 <= 1 + rough
        masks.append(CropMask(20 + 120 * index, 100 + 30 * (index % 5), pixels))
    return masks


def timed(times: dict[str, list[float]], stage: str, work: Callable[[], Any]) -> Any:
    """Run `work`; note its duration in milliseconds."""
    start = time.perf_counter()
    result = work()
    times[stage].append((time.perf_counter() - start) * 1e3)
    return result


class Ours:
    """The path of the node."""

    def __init__(self, image: np.ndarray, masks: list[CropMask]) -> None:
        self.messages = bare_messages()
        self.masks = masks
        self.host = open_host('bench', [], 'dds')
        self.publisher = self.host.create_publisher(TRACKS_TYPE, '~/tracks', Qos())
        header = make_header(self.messages, 1_700_000_000_000_000_000, 'camera')
        message = self.messages.make(
            IMAGE_TYPE,
            header=header,
            height=HEIGHT,
            width=WIDTH,
            encoding='bgr8',
            is_bigendian=0,
            step=3 * WIDTH,
            data=image.reshape(-1),
        )
        self.cdr = bytes(self.messages.serialize(message))
        self.letterbox = Letterbox(HEIGHT, WIDTH, *INPUT)

    def frame(self, times: dict[str, list[float]]) -> None:
        """One frame."""
        decode = self.messages.deserialize
        frame = timed(times, 'decode', lambda: frame_of(decode(self.cdr, IMAGE_TYPE)))
        timed(times, 'letterbox', lambda: self.letterbox.image(frame.image))
        rles = timed(times, 'run lengths', lambda: [from_crop(mask) for mask in self.masks])
        message = timed(times, 'message', lambda: self._message(frame, rles))
        timed(times, 'serialise and publish', lambda: self.publisher.publish(message))

    def _message(self, frame: Any, rles: list[Any]) -> Any:
        tracks = tuple(
            Track(
                track_id=index + 1,
                slot=index,
                state=TrackState.ACTIVE,
                class_id=0,
                score=0.9,
                box=(rle.x, rle.y, rle.x + rle.width, rle.y + rle.height),
                mask=rle,
                first_seen_ns=frame.stamp_ns,
                last_seen_ns=frame.stamp_ns,
                hits=5,
                misses=0,
                class_scores=((0, 0.9),),
            )
            for index, rle in enumerate(rles)
        )
        result = FrameResult(frame.stamp_ns, frame.frame_id, HEIGHT, WIDTH, tracks, 1)
        return tracks_message(self.messages, result, method='bench', class_names=('person',))


class Plain:
    """The same with the parts that lie nearest at hand."""

    def __init__(self, image: np.ndarray, masks: list[CropMask]) -> None:
        participant = DomainParticipant(int(os.environ.get('ROS_DOMAIN_ID', 0)))
        self.writer = DataWriter(participant, Topic(participant, 'bench_tracks', PlainTracks))
        stamp = PlainTime(1_700_000_000, 0)
        message = PlainImage(
            stamp, 'camera', HEIGHT, WIDTH, 'bgr8', 0, 3 * WIDTH, image.reshape(-1).tolist()
        )
        self.cdr = message.serialize()
        self.dense = []
        for mask in masks:
            dense = np.zeros((HEIGHT, WIDTH), np.uint8)
            h, w = mask.pixels.shape
            dense[mask.y : mask.y + h, mask.x : mask.x + w] = mask.pixels
            self.dense.append(dense)

    def frame(self, times: dict[str, list[float]]) -> None:
        """One frame."""
        image = timed(times, 'decode', self._decode)
        timed(times, 'letterbox', lambda: self._letterbox(image))
        rles = timed(
            times,
            'run lengths',
            lambda: [coco.encode(np.asfortranarray(dense)) for dense in self.dense],
        )
        message = timed(times, 'message', lambda: self._message(rles))
        timed(times, 'serialise and publish', lambda: self.writer.write(message))

    def _decode(self) -> np.ndarray:
        message = PlainImage.deserialize(self.cdr)
        bgr = np.array(message.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)

    def _letterbox(self, image: np.ndarray) -> np.ndarray:
        out = np.full((*INPUT, 3), 114, np.uint8)
        scale = min(INPUT[0] / HEIGHT, INPUT[1] / WIDTH)
        small = cv2.resize(image, None, fx=scale, fy=scale)
        out[: small.shape[0], : small.shape[1]] = small
        return out

    def _message(self, rles: list[Any]) -> PlainTracks:
        tracks = [
            PlainTrack(index + 1, 'person', 0.9, coco.toBbox(rle).tolist(), list(rle['counts']))
            for index, rle in enumerate(rles)
        ]
        return PlainTracks(PlainTime(1_700_000_000, 0), 'camera', HEIGHT, WIDTH, tracks)


def summary(times: dict[str, list[float]]) -> dict[str, float]:
    """Return the median of each stage and of their sum in milliseconds."""
    total = np.sum([times[stage] for stage in STAGES], axis=0)
    medians = {stage: float(np.median(times[stage])) for stage in STAGES}
    p95 = float(np.percentile(total, 95))
    return medians | {'total': float(np.median(total)), 'total_p95': p95}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--frames', type=int, default=100)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    image = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    masks = make_masks()
    ways = {'vis_ros': Ours(image, masks), 'plain': Plain(image, masks)}
    times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ways}
    for index in range(args.frames + 5):
        for name, way in ways.items():
            way.frame(times[name] if index >= 5 else defaultdict(list))
    result = {name: summary(values) for name, values in times.items()}
    print(
        f'one core of {platform.processor() or platform.machine()}, median of {args.frames} [ms]'
    )
    print(f'{"":24}{"vis_ros":>10}{"plain":>10}{"ratio":>8}')
    for stage in (*STAGES, 'total', 'total_p95'):
        ours, plain = result['vis_ros'][stage], result['plain'][stage]
        print(f'{stage:24}{ours:10.3f}{plain:10.3f}{plain / ours:8.1f}')
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    ways['vis_ros'].host.destroy()


if __name__ == '__main__':
    main()
