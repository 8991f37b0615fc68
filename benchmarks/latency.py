# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Latency of the whole node with a slow method, for real: a camera and a tracker over DDS.

The tracker is a process of its own whose method takes a fixed time for each frame. This process is
the camera and the planner: it publishes images at a fixed rate, and takes the time from the stamp
of an image to the arrival of its tracks. The bar: below 2.5 times the method's time, however long
it runs, and received = processed + dropped + what is open.

    python benchmarks/latency.py [--hz 30] [--method-ms 100] [--seconds 20] [--json FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from over_dds import counts_of, hear_diagnostics, open_images, spinning, wait_for_tracker

from vis_ros.ros.host import Qos
from vis_ros.structures import Frame, FrameResult
from vis_ros.wire.conversion import TRACKS_TYPE
from vis_ros.wire.encodings import IMAGE_TYPE, encode_image, make_header, stamp_to_ns

START_S = 60.0
DRAIN_S = 2.5  # the frames on their way, and two diagnostics


def run_tracker(method_ms: float) -> int:
    """Be the tracker node with a method that only takes time."""
    from vis_ros.memory.snapshot import Snapshot
    from vis_ros.methods.base import Method, register_method
    from vis_ros.ros.node import main

    @dataclass(frozen=True)
    class Config:
        """No options."""

    @register_method('sleep')
    class Sleep(Method):
        summary = licence = source = 'benchmark'
        classes = ('object',)

        @classmethod
        def needs_weights(cls, config: Any) -> bool:
            return False

        def init_state(self) -> None:
            return None

        def step(self, state: None, frame: Frame) -> tuple[None, list[FrameResult]]:
            time.sleep(method_ms / 1e3)
            place = (frame.stamp_ns, frame.frame_id, frame.height, frame.width)
            return None, [FrameResult(*place, ())]

        def save(self, state: None) -> Snapshot:
            return Snapshot({}, {})

        def restore(self, snapshot: Snapshot) -> None:
            return None

    Sleep.Config = Config
    words = ['--ros-args', '-p', 'method:=sleep', '-p', 'image_topic:=/camera/image_raw']
    return main(words, kind='dds')


class Planner:
    """Takes the time of each result, and keeps the last counts of the node."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self.latencies_ms: list[float] = []
        self.counts: dict[str, int] = {}
        host.create_subscription(TRACKS_TYPE, '/vis_tracker/tracks', Qos(depth=50), self._take)
        hear_diagnostics(host, self._look)

    def _take(self, message: Any) -> None:
        age_ns = self._host.now_ns() - stamp_to_ns(message.header.stamp)
        self.latencies_ms.append(age_ns / 1e6)

    def _look(self, cameras: list[dict[str, str]]) -> None:
        self.counts = counts_of(cameras[0])


def publish(host: Any, images: Any, args: argparse.Namespace) -> int:
    """Be the camera; return the number of images."""
    pixels = np.random.default_rng(0).integers(0, 256, (args.height, args.width, 3), np.uint8)
    count = round(args.seconds * args.hz)
    start_s = time.monotonic()
    for index in range(count):
        time.sleep(max(0.0, start_s + index / args.hz - time.monotonic()))
        header = make_header(host.messages, host.now_ns(), 'camera')
        images.publish(encode_image(host.messages, pixels, header))
    return count


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run camera and planner against a tracker process; return the figures."""
    words = [sys.executable, __file__, '--tracker', '--method-ms', str(args.method_ms)]
    tracker = subprocess.Popen(words)
    with spinning('latency') as host:
        planner = Planner(host)
        images = host.create_publisher(IMAGE_TYPE, '/camera/image_raw', Qos(depth=5))
        wait_for_tracker(tracker, [images], START_S)
        sent = publish(host, images, args)
        time.sleep(DRAIN_S)
        tracker.terminate()
        code = tracker.wait(START_S)
    return report(args, sent, planner, code)


def report(args: argparse.Namespace, sent: int, planner: Planner, code: int) -> dict[str, Any]:
    """Return the figures of a run."""
    latencies, counts = planner.latencies_ms, planner.counts
    half = len(latencies) // 2
    quantiles = {f'p{q}': round(float(np.percentile(latencies, q)), 2) for q in (50, 95, 99, 100)}
    open_frames = open_images(counts)
    return {
        'image': f'{args.width}x{args.height} rgb8 at {args.hz:g} Hz for {args.seconds:g} s',
        'method_ms': args.method_ms,
        'cpus': os.cpu_count(),
        'frames_sent': sent,
        'results': len(latencies),
        **counts,
        'open_at_the_end': open_frames,
        'stamp_to_arrival_ms': quantiles,
        'p50_of_first_and_second_half_ms': [
            round(float(np.median(part)), 2) for part in (latencies[:half], latencies[half:])
        ],
        'p99_in_periods_of_the_method': round(quantiles['p99'] / args.method_ms, 2),
        'is_good': quantiles['p99'] < 2.5 * args.method_ms and open_frames == 0 and code == 0,
    }


def main() -> int:
    """Run the benchmark; 0 when the bar is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--hz', type=float, default=30.0)
    parser.add_argument('--method-ms', type=float, default=100.0)
    parser.add_argument('--seconds', type=float, default=20.0)
    parser.add_argument('--width', type=int, default=1280)
    parser.add_argument('--height', type=int, default=720)
    parser.add_argument('--json', type=Path)
    parser.add_argument('--tracker', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    if args.tracker:
        return run_tracker(args.method_ms)
    result = measure(args)
    text = json.dumps(result, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + '\n')
    return 0 if result['is_good'] else 1


if __name__ == '__main__':
    sys.exit(main())
